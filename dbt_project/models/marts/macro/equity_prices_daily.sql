with closes as (
    select
        prices.source,
        prices.ticker,
        prices.value_date,
        prices.observed_at,
        prices.close_usd,
        first_value(prices.close_usd) over of_session as first_close_usd,
        first_value(prices.observed_at) over of_session as first_observed_at,
        max(prices.observed_at) over (partition by prices.source, prices.ticker) as last_observed_at
    from {{ ref('stg_nasdaq__equity_prices') }} as prices
    left join {{ ref('market_sessions') }} as sessions on prices.value_date = sessions.session_date
    -- A price seen before its session has closed is not its close. Sessions are known from 2024 on.
    where sessions.closes_at is null or prices.observed_at >= sessions.closes_at
    window of_session as (
        partition by prices.source, prices.ticker, prices.value_date
        order by prices.observed_at
    )
),

prices as (
    {{ newest_rows('closes', 'source, ticker, value_date') }}
),

-- A price is in the shares of the moment it was seen: new ones from midnight in New York, which is 05:00 UTC in winter.
later_splits as (
    select
        prices.source,
        prices.ticker,
        prices.value_date,
        ln(splits.ratio) as growth,
        {{ hours_since('splits.event_date', 'prices.first_observed_at') }} >= 5 as is_in_first,
        {{ hours_since('splits.event_date', 'prices.observed_at') }} >= 5 as is_in_newest,
        {{ hours_since('splits.event_date', 'prices.last_observed_at') }} >= 5 as is_past
    from prices
    inner join {{ ref('equity_events') }} as splits
        on prices.ticker = splits.ticker and prices.value_date < splits.event_date
),

ratios as (
    select
        source,
        ticker,
        value_date,
        exp({{ exact_sum('case when is_in_newest and not is_in_first then growth else 0 end', 18) }}) as between_seen,
        round(exp({{ exact_sum('case when is_in_newest then growth else 0 end', 18) }}), 12) as until_seen,
        round(exp({{ exact_sum('case when is_past and not is_in_newest then growth else 0 end', 18) }}), 12) as since_seen
    from later_splits
    group by source, ticker, value_date
)

select
    prices.source,
    prices.ticker,
    prices.value_date as price_date,
    prices.close_usd * coalesce(ratios.until_seen, 1) as close_usd,
    prices.close_usd / coalesce(ratios.since_seen, 1) as adjusted_close_usd,
    coalesce(
        abs(ln(prices.first_close_usd / (prices.close_usd * coalesce(ratios.between_seen, 1)))) > 0.2e0,
        false
    ) as has_unknown_split
from prices
left join ratios
    on
        prices.source = ratios.source
        and prices.ticker = ratios.ticker
        and prices.value_date = ratios.value_date
