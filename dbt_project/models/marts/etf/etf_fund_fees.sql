select
    ticker,
    from_date,
    fee_bps,
    source_url
from {{ ref('fund_fees') }}
union all
select
    funds.ticker,
    -- Of a fund that has not begun, the fee announced.
    coalesce(funds.inception_date, funds.first_flow_date, cast('1970-01-01' as date)) as from_date,
    funds.fee_bps,
    funds.source_url
from {{ ref('facts_funds') }} as funds
left join {{ ref('fund_fees') }} as dated on funds.ticker = dated.ticker
where dated.ticker is null and funds.fee_bps is not null
