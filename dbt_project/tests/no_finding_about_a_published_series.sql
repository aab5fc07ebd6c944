{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'onchain_series_findings'}}}) }}

-- Among them: on each day long-term supply changes by what matured less what was spent.
select * from {{ ref('onchain_series_findings') }}
