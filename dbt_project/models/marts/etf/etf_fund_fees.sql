select
    ticker,
    from_date,
    fee_bps,
    source_url
from {{ ref('fund_fees') }}
union all
select
    funds.ticker,
    coalesce(funds.inception_date, funds.first_flow_date) as from_date,
    funds.fee_bps,
    funds.source_url
from {{ ref('facts_funds') }} as funds
left join {{ ref('fund_fees') }} as dated on funds.ticker = dated.ticker
where
    dated.ticker is null
    and funds.fee_bps is not null
    and coalesce(funds.inception_date, funds.first_flow_date) is not null
