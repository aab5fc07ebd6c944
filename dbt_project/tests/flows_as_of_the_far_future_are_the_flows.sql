-- The function is made for readers of the published file, which Spark does not write.
{{ config(
    enabled=target.type != 'spark', meta={'dagster': {'ref': {'name': 'etf_flows_daily'}}}
) }}

with flows as (
    select * from {{ ref('etf_flows_daily') }}
),

as_of_ever as (
    select * from {{ ref('etf_flows_daily_as_of').include(database=false) }}(cast('9999-12-31' as timestamp))
)

(select * from flows
except
select * from as_of_ever)
union all
(select * from as_of_ever
except
select * from flows)
