with prices as (
    select
        source,
        ticker,
        value_date,
        observed_at,
        close_usd,
        max(observed_at) over (partition by source, ticker) as last_observed_at
    from ({{ newest_rows(ref('stg_nasdaq__equity_prices'), 'source, ticker, value_date') }}) as newest
),

splits as (
    select
        ticker,
        event_date,
        ratio
    from {{ ref('equity_events') }}
    where kind in ('split', 'reverse_split')
),

-- A price is in the shares of the moment it was seen. New shares are those from midnight in New York, 05:00 UTC at most.
later_splits as (
    select
        prices.source,
        prices.ticker,
        prices.value_date,
        case when {{ hours_since('splits.event_date', 'prices.observed_at') }} >= 5 then ln(splits.ratio) else 0 end
            as until_seen,
        case
            when
                {{ hours_since('splits.event_date', 'prices.observed_at') }} < 5
                and {{ hours_since('splits.event_date', 'prices.last_observed_at') }} >= 5
                then ln(splits.ratio)
            else 0
        end as since_seen
    from prices
    inner join splits on prices.ticker = splits.ticker and prices.value_date < splits.event_date
),

factors as (
    select
        source,
        ticker,
        value_date,
        round(exp({{ exact_sum('until_seen', 18) }}), 12) as until_seen,
        round(exp({{ exact_sum('since_seen', 18) }}), 12) as since_seen
    from later_splits
    group by source, ticker, value_date
)

select
    prices.source,
    prices.ticker,
    prices.value_date as price_date,
    prices.close_usd * coalesce(factors.until_seen, 1) as close_usd,
    prices.close_usd / coalesce(factors.since_seen, 1) as adjusted_close_usd
from prices
left join factors
    on
        prices.source = factors.source
        and prices.ticker = factors.ticker
        and prices.value_date = factors.value_date
