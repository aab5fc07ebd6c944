with observations as (
    select * from {{ ref('stg_farside__flows') }}
    union all
    select * from {{ ref('stg_issuers__fund_daily') }}
)

-- A fund's flow is seen again by the first capture after the close that still shows it; the total is a running sum.
select
    observations.*,
    observations.metric <> 'net_flow_usd'
    or observations.ticker = 'TOTAL'
    or sessions.session_date is null
    or observations.observed_at >= sessions.closes_at as is_report
from observations
left join {{ ref('stg_nyse__sessions') }} as sessions on observations.value_date = sessions.session_date
