with ages as (
    -- 100 years
    select {{ each_from_zero(36524) }} as age_days
),

thresholds as (
    select age_days
    from {{ ref('int_onchain__weights') }}
    where weight_change <> 0
    {% for band, first_age_days in age_bands() -%}
    union
    select {{ first_age_days }} as age_days
    {% endfor %}
),

classes as (
    select
        ages.age_days,
        max(thresholds.age_days) over (
            order by ages.age_days rows between unbounded preceding and current row
        ) as class_age_days
    from ages
    left join thresholds on ages.age_days = thresholds.age_days
)

select
    age_days,
    class_age_days,
    age_days = class_age_days as is_threshold,
    least(class_age_days, (select max(age_days) from {{ ref('int_onchain__weights') }})) as weight_age_days,
    case
        {%- for band, first_age_days in age_bands() | reverse %}
        when age_days >= {{ first_age_days }} then '{{ band }}'
        {%- endfor %}
    end as age_band
from classes
