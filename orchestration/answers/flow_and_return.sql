-- question: Do flows follow the price? (Both by New York's close, session by session.)
-- grain: One row per asset.
-- shown: example 90
-- marts: etf_market_daily

select asset, count(*) as sessions, corr(net_flow_usd, return_pct) as correlation
from (
    select
        asset,
        net_flow_usd,
        reference_method,
        case
            when lag(reference_method) over by_session <> 'utc_close'
                then 100 * (reference_usd / lag(reference_usd) over by_session - 1)
        end as return_pct
    from marts.etf_market_daily
    window by_session as (partition by asset order by trade_date)
) as sessions
where reference_method <> 'utc_close' and return_pct is not null and net_flow_usd is not null
group by asset
order by asset;
