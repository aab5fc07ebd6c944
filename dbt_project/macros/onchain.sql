{# Holder metrics: vocabularies, and what engines spell differently for them. #}

{# Before this day there was no market: coins born earlier cost nothing. #}
{% macro first_market_date() %}cast('2010-07-17' as date){% endmacro %}

{# Age bands and the first age, in days, of each. #}
{% macro age_bands() %}
    {{- return([
        ('0d', 0), ('1d-1w', 1), ('1w-1m', 7), ('1m-3m', 30), ('3m-6m', 90), ('6m-1y', 180), ('1y-2y', 365),
        ('2y-3y', 730), ('3y-5y', 1095), ('5y-7y', 1825), ('7y-10y', 2555), ('10y+', 3650),
    ]) -}}
{% endmacro %}

{# The whole numbers from 0 to `last`, a row each. #}
{% macro each_from_zero(last) %}
    {{- return(adapter.dispatch('each_from_zero', 'flowhouse')(last)) -}}
{% endmacro %}

{% macro default__each_from_zero(last) %}{{ return("explode(sequence(0, " ~ last ~ "))") }}{% endmacro %}

{% macro duckdb__each_from_zero(last) %}
    {{- return("unnest(range(cast(" ~ last ~ " as bigint) + 1))") -}}
{% endmacro %}

{# Satoshi as a type whose sums and products with weights do not overflow. #}
{% macro sats(amount) %}{{ return("cast(" ~ amount ~ " as decimal(38, 0))") }}{% endmacro %}

{# Coins from whole satoshi, exactly: a division would pass through doubles on one engine. #}
{% macro native_from_sats(amount) %}
    {{- return(adapter.dispatch('native_from_sats', 'flowhouse')(amount)) -}}
{% endmacro %}

{% macro default__native_from_sats(amount) %}
    {{- return(native("cast(" ~ amount ~ " as decimal(20, 0)) / 100000000")) -}}
{% endmacro %}

{% macro duckdb__native_from_sats(amount) %}{{ return(native(sats(amount) ~ " * 0.00000001")) }}{% endmacro %}

{# Coins from satoshi times a weight in 1e-9, rounded to the satoshi, halves up. #}
{% macro native_from_weighted(amount) %}
    {{- return(adapter.dispatch('native_from_weighted', 'flowhouse')(amount)) -}}
{% endmacro %}

{% macro default__native_from_weighted(amount) %}
    {{- return(native_from_sats("round(cast(" ~ amount ~ " as decimal(29, 0)) / 1000000000)")) -}}
{% endmacro %}

{% macro duckdb__native_from_weighted(amount) %}
    {{- return(native(sats(amount) ~ " * 0.00000000000000001")) -}}
{% endmacro %}

{# The first day of a date's month. #}
{% macro month_start(date) %}{{ return("cast(date_trunc('month', " ~ date ~ ") as date)") }}{% endmacro %}
