-- question: Market share: of the net assets of US spot funds, %
-- grain: One row per fund and session.
-- shown: chart 50
-- marts: etf_fund_daily
-- reading: Among the funds whose assets are known that day; together they are 100 %.
-- empty: No net assets of funds are stored yet.

select
    asset,
    trade_date as session,
    ticker as fund,
    market_share_pct as "% of net assets"
from marts.etf_fund_daily
where market_share_pct is not null
order by
    max(net_assets_usd) over (partition by asset) desc nulls last, asset,
    max(held_native) over (partition by ticker) desc nulls last, ticker, session
