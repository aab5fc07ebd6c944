{# What a fund's fee leaves of its coins; it accrues daily, in coins. #}

{#
    One row per fund and date of `dates` (ticker, value_date): what is left on it of a coin held on the first day of the
    fund's first fee. Of coins held on date a, index(d) / index(a) is left on d.
#}
{% macro fee_indices(dates, fees) %}
    select
        dates.ticker,
        dates.value_date,
        exp({{ exact_sum('ln(1 - spans.fee_bps / 10000e0) * ' ~ fee_days() ~ ' / 365e0', digits=18) }}) as fee_index
    from (
        select distinct
            ticker,
            value_date
        from {{ dates }}
    ) as dates
    inner join (
        select
            ticker,
            fee_bps,
            {{ add_days('from_date', -1) }} as day_before,
            lead({{ add_days('from_date', -1) }}) over (partition by ticker order by from_date) as last_day,
            row_number() over (partition by ticker order by from_date) = 1 as is_first
        from {{ fees }}
    ) as spans
        on dates.ticker = spans.ticker
    group by dates.ticker, dates.value_date
{% endmacro %}

{# Days a fee was charged until a date; the first one known is taken to hold for the days before it too. #}
{% macro fee_days() -%}
    case
        when spans.is_first or spans.day_before <= dates.value_date
            then
                {{ days_between(
                    'spans.day_before', 'least(dates.value_date, coalesce(spans.last_day, dates.value_date))'
                ) }}
        else 0
    end
{%- endmacro %}
