select * from {{ ref('stg_farside__flows') }}
union all
select * from {{ ref('stg_ishares__fund_daily') }}
