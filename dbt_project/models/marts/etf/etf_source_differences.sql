with flows as (
    select * from {{ ref('etf_flows_daily') }}
    where is_reported
)

-- Two roundings to US$ 0.1 m may differ by 0.06 m. Where an issuer prints its NAV in cents, shares times NAV is off by up
-- to half a cent a share.
select
    one.asset,
    one.ticker,
    one.trade_date,
    one.source as source_a,
    other.source as source_b,
    one.net_flow_usd as net_flow_a_usd,
    other.net_flow_usd as net_flow_b_usd,
    one.net_flow_usd - other.net_flow_usd as difference_usd,
    60000 + coalesce(
        case
            when 'issuer' in (one.source, other.source) and counts.nav_usd = round(counts.nav_usd, 2)
                then 5e-3 * abs(one.net_flow_usd) / counts.nav_usd
        end,
        0
    ) as rounding_usd
from flows as one
inner join flows as other
    on one.ticker = other.ticker and one.trade_date = other.trade_date and one.source < other.source
left join {{ ref('int_etf__share_counts') }} as counts
    on one.ticker = counts.ticker and one.trade_date = counts.as_of_date
