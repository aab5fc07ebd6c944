-- Creations settle sessions after they count, so coins may follow the issuer's count.
with wallets as (
    select
        ticker,
        asset,
        value_date,
        sum(balance_native) as wallets_native,
        count(balance_native) as wallets_count
    from {{ ref('onchain_fund_wallets_daily') }}
    where label_verdict = 'in_use'
    group by ticker, asset, value_date
),

expected as (
    select
        ticker,
        asset,
        count(distinct network || ' ' || address) as wallets_expected_count
    from {{ ref('onchain_fund_wallets_daily') }}
    where label_verdict = 'in_use'
    group by ticker, asset
),

sessions as (
    select
        session_date,
        row_number() over (order by session_date) as session_number
    from {{ ref('market_sessions') }}
),

lags as (
    select 0 as lag_sessions
    union all
    select 1 as lag_sessions
    union all
    select 2 as lag_sessions
),

-- A sum that lacks a wallet on its day says nothing of the fund.
tried as (
    select
        expected.ticker,
        expected.asset,
        counted.as_of_date,
        counted.native_held,
        expected.wallets_expected_count,
        lags.lag_sessions,
        settled.session_date as balance_date,
        coalesce(wallets.wallets_count, 0) as wallets_count,
        case when wallets.wallets_count = expected.wallets_expected_count then wallets.wallets_native end as wallets_native
    from expected
    inner join {{ ref('etf_holdings_daily') }} as counted
        on expected.ticker = counted.ticker and expected.asset = counted.asset and counted.source = 'issuer'
    inner join sessions as stamped on counted.as_of_date = stamped.session_date
    cross join lags
    left join sessions as settled on stamped.session_number + lags.lag_sessions = settled.session_number
    left join wallets
        on
            expected.ticker = wallets.ticker
            and expected.asset = wallets.asset
            and settled.session_date = wallets.value_date
),

comparable as (
    select
        ticker,
        asset,
        as_of_date
    from tried
    group by ticker, asset, as_of_date
    having count(wallets_native - native_held) = 3
),

-- Lags are compared over the same sessions, and only over a week of them or more.
fits as (
    select
        tried.ticker,
        tried.asset,
        tried.lag_sessions,
        row_number() over (
            partition by tried.ticker, tried.asset
            order by sum(abs(tried.wallets_native - tried.native_held)), tried.lag_sessions
        ) as fit_rank
    from tried
    inner join comparable
        on
            tried.ticker = comparable.ticker
            and tried.asset = comparable.asset
            and tried.as_of_date = comparable.as_of_date
    group by tried.ticker, tried.asset, tried.lag_sessions
    having count(*) >= 5
)

select
    tried.ticker,
    tried.asset,
    tried.as_of_date,
    tried.native_held,
    tried.balance_date,
    {{ native('tried.wallets_native') }} as wallets_native,
    tried.wallets_count,
    tried.wallets_expected_count,
    fits.lag_sessions,
    {{ native('tried.wallets_native - tried.native_held') }} as difference_native,
    case
        when tried.native_held > 0
            then
                cast(tried.wallets_native - tried.native_held as double) * 10000 / cast(tried.native_held as double)
    end as difference_bps
from tried
left join fits on tried.ticker = fits.ticker and tried.asset = fits.asset and fits.fit_rank = 1
where tried.lag_sessions = coalesce(fits.lag_sessions, 0)
