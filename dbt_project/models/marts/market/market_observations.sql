select * from {{ ref('int_market__price_observations') }}
union all
select * from {{ ref('stg_alternative_me__fng') }}
