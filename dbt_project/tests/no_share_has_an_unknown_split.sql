{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'equity_prices_daily'}}}) }}

select * from {{ ref('equity_prices_daily') }}
where has_unknown_split
