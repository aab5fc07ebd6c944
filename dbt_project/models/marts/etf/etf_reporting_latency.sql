with cells as (
    select
        asset,
        value_date as trade_date,
        source,
        ticker,
        observed_at,
        value,
        lag(value) over (
            partition by source, asset, ticker, value_date order by observed_at
        ) as value_before
    from (
        {{ reports(ref('etf_observations')) }}
    ) as reports
    where metric = 'net_flow_usd'
),

listed as (
    {{ listed_funds(ref('funds'), ref('market_sessions')) }}
),

-- What one capture changed on a day: how many listed funds were added or withdrawn, and the printed total.
events as (
    select
        cells.asset,
        cells.trade_date,
        cells.source,
        cells.observed_at,
        sum(
            case
                when listed.ticker is null then 0
                when cells.value is not null and cells.value_before is null then 1
                when cells.value is null and cells.value_before is not null then -1
                else 0
            end
        ) as funds_added,
        max(case when cells.ticker = 'TOTAL' then cells.value end) as printed_total_usd,
        max(case when cells.ticker = 'TOTAL' then 1 else 0 end) as totals_changed
    from cells
    left join listed
        on cells.asset = listed.asset and cells.ticker = listed.ticker and cells.trade_date = listed.trade_date
    group by cells.asset, cells.trade_date, cells.source, cells.observed_at
),

counted as (
    select
        events.*,
        expected.funds_expected,
        sum(events.funds_added) over so_far as funds_reported,
        sum(events.totals_changed) over so_far as totals_printed
    from events
    inner join (select distinct asset, trade_date, funds_expected from listed) as expected
        on events.asset = expected.asset and events.trade_date = expected.trade_date
    window so_far as (
        partition by events.source, events.asset, events.trade_date
        order by events.observed_at
        rows between unbounded preceding and current row
    )
),

-- A printed total applies until the next one, or until it is taken back or found wrong.
states as (
    select
        *,
        max(printed_total_usd) over (partition by source, asset, trade_date, totals_printed) as total_usd,
        funds_reported = funds_expected as is_complete_then,
        min(observed_at) over (partition by source, asset, trade_date) as first_seen_at,
        max(case when funds_reported <> funds_expected then observed_at end) over (
            partition by source, asset, trade_date
        ) as last_incomplete_at
    from counted
),

-- A day on which nothing was reported is not complete, and its total does not count.
ordered as (
    select
        *,
        row_number() over (partition by source, asset, trade_date order by observed_at) as nth,
        row_number() over (partition by source, asset, trade_date order by observed_at desc) as nth_last
    from states
    where funds_reported > 0
),

final as (
    select
        asset,
        trade_date,
        source,
        total_usd as final_total_usd
    from ordered
    where nth_last = 1
),

days as (
    select
        ordered.asset,
        ordered.trade_date,
        ordered.source,
        final.final_total_usd,
        max(case when ordered.nth = 1 then ordered.total_usd end) as first_total_usd,
        max(
            case when not ordered.is_complete_then and ordered.total_usd * final.final_total_usd < 0 then 1 else 0 end
        ) = 1 as is_sign_flipped,
        min(ordered.observed_at) as first_observed_at,
        min(
            case when ordered.observed_at > ordered.last_incomplete_at then ordered.observed_at end
        ) as completed_at,
        max(
            case when ordered.observed_at = ordered.first_seen_at and ordered.is_complete_then then 1 else 0 end
        ) = 1 as is_censored
    from ordered
    inner join final
        on
            ordered.source = final.source
            and ordered.asset = final.asset
            and ordered.trade_date = final.trade_date
    group by ordered.asset, ordered.trade_date, ordered.source, final.final_total_usd
)

-- Where a day was complete when first captured, it is unknown when it became so.
select
    asset,
    trade_date,
    source,
    case when not is_censored then first_total_usd end as first_total_usd,
    final_total_usd,
    case when not is_censored then is_sign_flipped end as is_sign_flipped,
    first_observed_at,
    case when not is_censored then completed_at end as completed_at,
    case when not is_censored then {{ hours_since('trade_date', 'completed_at') }} end as hours_to_complete,
    is_censored
from days
