with own_spans as (
    select
        definition_id,
        age_days as first_age_days,
        lead(age_days) over (partition by definition_id order by age_days) as next_age_days,
        weight
    from {{ ref('stg_own_seeds__holder_weights') }}
),

own_definitions as (
    select distinct definition_id from own_spans
),

-- A logistic weight is 1 to nine digits from 21.5 scales past its middle on.
last_ages as (
    select max(age_days + 22 * coalesce(scale_days, 0)) as last_age_days
    from {{ ref('holder_definitions') }}
    union all
    select max(first_age_days) as last_age_days
    from own_spans
),

horizon as (
    select max(last_age_days) as last_age_days
    from last_ages
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
    union all
    select
        own_definitions.definition_id,
        ages.age_days,
        coalesce(own_spans.weight, 0) as weight
    from own_definitions
    cross join ages
    left join own_spans
        on
            own_definitions.definition_id = own_spans.definition_id
            and own_spans.first_age_days <= ages.age_days
            and (own_spans.next_age_days is null or ages.age_days < own_spans.next_age_days)
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
