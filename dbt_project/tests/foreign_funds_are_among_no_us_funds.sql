{{ config(meta={'dagster': {'ref': {'name': 'etf_foreign_flows_daily'}}}) }}

-- A ticker of both would count twice where a reader unites them, and a US source that prints one would count it at all.
with us as (
    select ticker from {{ ref('funds') }}
    union all
    select ticker from {{ ref('etf_flows_daily') }}
    union all
    select ticker from {{ ref('etf_fund_daily') }}
)

select distinct us.ticker
from us
inner join {{ ref('foreign_funds') }} as funds on us.ticker = funds.ticker
union all
select distinct us.ticker
from us
inner join {{ ref('etf_foreign_flows_daily') }} as flows on us.ticker = flows.ticker
