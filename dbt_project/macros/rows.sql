{# Rows of row sources: the newest observation of each key, which a staging model has cut at the as-of time. #}
{% macro newest_rows(observations, key) %}
    select *
    from (
        select
            *,
            row_number() over (partition by {{ key }} order by observed_at desc) as newest_first
        from {{ observations }}
    ) as states
    where newest_first = 1
{% endmacro %}
