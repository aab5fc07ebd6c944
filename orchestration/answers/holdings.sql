-- question: Holdings: coins of US spot funds after each session
-- grain: One row per fund and session.
-- shown: chart 40
-- marts: etf_fund_daily
-- reading: Coins from filings, counts of shares or the chain, carried from one to the next by flows less fees. A fund
--   without an anchor is missing.
-- empty: No holdings of funds are stored yet.

select
    asset,
    trade_date as session,
    ticker as fund,
    held_native as coins
from marts.etf_fund_daily
where held_native is not null
order by
    max(net_assets_usd) over (partition by asset) desc nulls last, asset,
    max(held_native) over (partition by ticker) desc, ticker, session
