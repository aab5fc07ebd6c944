{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'etf_findings'}}}) }}

select * from {{ ref('etf_findings') }}
