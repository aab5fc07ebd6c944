-- A logistic weight is 1 to nine digits from 21.5 scales past its middle on.
with horizon as (
    select max(age_days + 22 * coalesce(scale_days, 0)) as last_age_days
    from {{ ref('holder_definitions') }}
),

ages as (
    select {{ each_from_zero('last_age_days') }} as age_days
    from horizon
),

weights as (
    select
        definitions.definition_id,
        ages.age_days,
        cast(case definitions.kind
            when 'step' then case when ages.age_days >= definitions.age_days then 1000000000 else 0 end
            when 'logistic' then
                round(1000000000 / (1 + exp((definitions.age_days - ages.age_days) / definitions.scale_days)))
        end as bigint) as weight
    from {{ ref('holder_definitions') }} as definitions
    cross join ages
),

changes as (
    select
        *,
        weight - lag(weight, 1, 0) over (partition by definition_id order by age_days) as weight_change
    from weights
)

select *
from changes
where age_days <= (select max(age_days) from changes where weight_change <> 0)
