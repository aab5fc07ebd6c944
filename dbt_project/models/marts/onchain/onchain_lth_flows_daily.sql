with sales as (
    select
        daily.asset,
        daily.network,
        daily.value_date,
        ages.weight_age_days,
        case when daily.unpriced_units > daily.burned_unpriced_units then 1 else 0 end as is_unpriced,
        daily.spent_units - daily.burned_units as sold_units,
        daily.sold_cost as cost_usd,
        daily.profit as profit_usd,
        daily.loss as loss_usd
    from {{ ref('int_onchain__ages_daily') }} as daily
    inner join {{ ref('int_onchain__ages') }} as ages on daily.class_age_days = ages.age_days
    where daily.spent_units > daily.burned_units
),

sold as (
    select
        sales.asset,
        sales.network,
        weights.definition_id,
        sales.value_date,
        max(sales.is_unpriced) as is_unpriced,
        cast(sum(sales.sold_units * {{ sats('weights.weight') }}) as double) / 1e9 as sold_units,
        {{ exact_sum('sales.cost_usd * weights.weight / 1e9') }} as cost_usd,
        {{ exact_sum('sales.profit_usd * weights.weight / 1e9') }} as profit_usd,
        {{ exact_sum('sales.loss_usd * weights.weight / 1e9') }} as loss_usd
    from sales
    inner join {{ ref('int_onchain__weights') }} as weights on sales.weight_age_days = weights.age_days
    where weights.weight > 0
    group by sales.asset, sales.network, weights.definition_id, sales.value_date
),

derived as (
    select
        cohorts.asset,
        cohorts.network,
        'derived' as series,
        cohorts.definition_id,
        cohorts.value_date,
        cohorts.is_final,
        {{ native_from_weighted('cohorts.held', 'cohorts.decimals') }} as lth_native,
        case
            when cohorts.has_flows then {{ native_from_weighted('cohorts.matured', 'cohorts.decimals') }}
        end as matured_native,
        case
            when cohorts.has_flows then {{ native_from_weighted('cohorts.spent', 'cohorts.decimals') }}
        end as spent_native,
        case
            when not cohorts.has_flows then null
            when cohorts.spent = 0 then 0
            else {{ coins_from_units('cohorts.spent', 'cohorts.decimals') }} / 1e9 * closes.close_usd
        end as spent_usd,
        -- Without sales, profit and loss are 0; one coin without a price makes both unknown.
        case
            when not cohorts.has_flows then 'unknown'
            when sold.value_date is null then 'none'
            when sold.is_unpriced = 1 or closes.close_usd is null then 'unknown'
            else 'known'
        end as sales,
        {{ coins_from_units('sold.profit_usd', 'cohorts.decimals') }} as profit_usd,
        {{ coins_from_units('sold.loss_usd', 'cohorts.decimals') }} as loss_usd,
        sold.sold_units * closes.close_usd / nullif(sold.cost_usd, 0) as sopr
    from {{ ref('int_onchain__cohorts_daily') }} as cohorts
    inner join {{ ref('int_onchain__closes') }} as closes
        on
            cohorts.asset = closes.asset
            and cohorts.network = closes.network
            and cohorts.value_date = closes.value_date
    left join sold
        on
            cohorts.asset = sold.asset
            and cohorts.network = sold.network
            and cohorts.definition_id = sold.definition_id
            and cohorts.value_date = sold.value_date
),

changes as (
    select
        *,
        {%- for sum, vintage in published_sums() %}
        {{ since_day_before(sum, vintage) }} as {{ sum | replace('_so_far', '') }},
        {%- endfor %}
        {{ since_day_before('lth_native', 'computation') }} as net_change_native
    from {{ ref('int_onchain__published_supply') }}
    window by_day as (partition by asset, network, series order by value_date)
),

-- Where they contradict the change of supply, which of the three is wrong is not known, and neither sum counts.
published as (
    select
        *,
        coalesce(net_change_native <> matured_native - spent_native, false) as is_broken
    from changes
),

flows as (
    select
        asset,
        network,
        series,
        definition_id,
        value_date,
        is_final,
        lth_native,
        matured_native,
        spent_native,
        matured_native - spent_native as net_change_native,
        spent_usd,
        case sales when 'known' then profit_usd when 'none' then 0 end as realized_profit_usd,
        case sales when 'known' then loss_usd when 'none' then 0 end as realized_loss_usd,
        case sales when 'known' then sopr end as sopr,
        null as issued_native,
        0 as computation
    from derived
    union all
    select
        asset,
        network,
        series,
        definition_id,
        value_date,
        is_final,
        lth_native,
        case when not is_broken then matured_native end as matured_native,
        case when not is_broken then spent_native end as spent_native,
        net_change_native,
        cast(spent_cents as double) / 100 as spent_usd,
        cast(profit_cents as double) / 100 as realized_profit_usd,
        cast(loss_cents as double) / 100 as realized_loss_usd,
        -- The cost of what was spent is its value without the profit and with the loss.
        cast(spent_cents as double) / nullif(cast(spent_cents - profit_cents + loss_cents as double), 0) as sopr,
        issued_native,
        computation
    from published
)

select
    flows.asset,
    flows.network,
    flows.series,
    flows.definition_id,
    flows.value_date,
    flows.matured_native,
    flows.spent_native,
    flows.net_change_native,
    flows.lth_native - earlier.lth_native as net_change_30d_native,
    flows.spent_usd,
    flows.realized_profit_usd,
    flows.realized_loss_usd,
    flows.sopr,
    flows.issued_native,
    flows.is_final
from flows
left join flows as earlier
    on
        flows.asset = earlier.asset
        and flows.network = earlier.network
        and flows.series = earlier.series
        and flows.definition_id = earlier.definition_id
        and flows.computation = earlier.computation
        and {{ add_days('flows.value_date', -30) }} = earlier.value_date
