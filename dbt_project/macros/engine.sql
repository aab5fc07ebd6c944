{# What engines spell differently. Models use these and otherwise SQL that DuckDB and Spark both run. #}

{# The rows of a raw table of the lake. #}
{% macro raw(source_name, table_name) %}
    {{- return(adapter.dispatch('raw', 'flowhouse')(source(source_name, table_name))) -}}
{% endmacro %}

{% macro default__raw(relation) %}{{ return(relation) }}{% endmacro %}

{% macro duckdb__raw(relation) %}
    {{- return("read_parquet('" ~ relation.schema ~ "/" ~ relation.identifier ~ "/*.parquet')") -}}
{% endmacro %}

{# A date some days after another. #}
{% macro add_days(date, days) %}
    {{- return(adapter.dispatch('add_days', 'flowhouse')(date, days)) -}}
{% endmacro %}

{% macro default__add_days(date, days) %}
    {{- return("date_add(" ~ date ~ ", cast(" ~ days ~ " as integer))") -}}
{% endmacro %}

{% macro duckdb__add_days(date, days) %}{{ return("(" ~ date ~ " + cast(" ~ days ~ " as integer))") }}{% endmacro %}

{# Whole days from one date to another. #}
{% macro days_between(first, last) %}
    {{- return(adapter.dispatch('days_between', 'flowhouse')(first, last)) -}}
{% endmacro %}

{% macro default__days_between(first, last) %}{{ return("datediff(" ~ last ~ ", " ~ first ~ ")") }}{% endmacro %}

{% macro duckdb__days_between(first, last) %}{{ return("(" ~ last ~ " - " ~ first ~ ")") }}{% endmacro %}

{# Hours from midnight of a date to a timestamp. #}
{% macro hours_since(date, at) %}{{ return(hours_between("cast(" ~ date ~ " as timestamp)", at)) }}{% endmacro %}

{# Hours from one timestamp to another. #}
{% macro hours_between(first, last) %}
    {{- return(adapter.dispatch('hours_between', 'flowhouse')(first, last)) -}}
{% endmacro %}

{# unix_timestamp drops fractions of a second, and asks for a time with a zone. #}
{% macro default__hours_between(first, last) %}
    {{- return("timestampdiff(microsecond, " ~ first ~ ", " ~ last ~ ") / 3600000000e0") -}}
{% endmacro %}

{% macro duckdb__hours_between(first, last) %}
    {{- return("(epoch(" ~ last ~ ") - epoch(" ~ first ~ ")) / 3600e0") -}}
{% endmacro %}

{# The start of a moment's hour. Spark truncates to a timestamp with a zone. #}
{% macro hour_start(at) %}{{ return("cast(date_trunc('hour', " ~ at ~ ") as timestamp)") }}{% endmacro %}

{# The Monday of a date's week. #}
{% macro week_start(date) %}{{ return("cast(date_trunc('week', " ~ date ~ ") as date)") }}{% endmacro %}

{# Coins of an asset: the type of every column that ends in _native. #}
{% macro native(amount) %}{{ return("cast(" ~ amount ~ " as decimal(38, 8))") }}{% endmacro %}

{# A sum that is null, not too small, when an amount is unknown where `given` is known. #}
{% macro sum_if_all_known(amount, given) %}
    {{- return("case when count(" ~ amount ~ ") = count(" ~ given ~ ") then sum(" ~ amount ~ ") end") -}}
{% endmacro %}

{# A double in fixed point, whose sums are the same in any order of the rows: engines leave that order open. #}
{% macro fixed(amount, digits) %}{{ return("cast(" ~ amount ~ " as decimal(38, " ~ digits ~ "))") }}{% endmacro %}

{# The sum of doubles in fixed point. Eight digits suit dollars up to 1e30, eighteen coins up to 1e20. #}
{% macro exact_sum(amount, digits=8) %}
    {{- return("cast(sum(" ~ fixed(amount, digits) ~ ") as double)") -}}
{% endmacro %}

{# The first day of a date's month. #}
{% macro month_start(date) %}{{ return("cast(date_trunc('month', " ~ date ~ ") as date)") }}{% endmacro %}

{# The first day of a date's calendar quarter. #}
{% macro quarter_start(date) %}{{ return("cast(date_trunc('quarter', " ~ date ~ ") as date)") }}{% endmacro %}

{# A time as text, to the minute: 2025-11-03 16:00. #}
{% macro minute_text(at) %}{{ return("substr(cast(" ~ at ~ " as string), 1, 16)") }}{% endmacro %}

{# A 64-bit hash of columns of text: the chance of a collision among ten million is 3e-6. #}
{% macro number_of(columns) %}
    {{- return(adapter.dispatch('number_of', 'flowhouse')(columns)) -}}
{% endmacro %}

{% macro default__number_of(columns) %}{{ return("xxhash64(" ~ columns ~ ")") }}{% endmacro %}

{% macro duckdb__number_of(columns) %}{{ return("hash(" ~ columns ~ ")") }}{% endmacro %}

{# A digest of all values of a column of text, in any order. #}
{% macro fingerprint(text) %}
    {{- return(adapter.dispatch('fingerprint', 'flowhouse')(text)) -}}
{% endmacro %}

{% macro default__fingerprint(text) %}
    {{- return("md5(array_join(sort_array(collect_list(" ~ text ~ ")), ','))") -}}
{% endmacro %}

{% macro duckdb__fingerprint(text) %}
    {{- return("md5(coalesce(string_agg(" ~ text ~ ", ',' order by " ~ text ~ "), ''))") -}}
{% endmacro %}

{# The different values of a column of text, in their order, with a separator between. #}
{% macro joined(text, separator) %}
    {{- return(adapter.dispatch('joined', 'flowhouse')(text, separator)) -}}
{% endmacro %}

{% macro default__joined(text, separator) %}
    {{- return("nullif(array_join(sort_array(collect_set(" ~ text ~ ")), '" ~ separator ~ "'), '')") -}}
{% endmacro %}

{% macro duckdb__joined(text, separator) %}
    {{- return("string_agg(distinct " ~ text ~ ", '" ~ separator ~ "' order by " ~ text ~ ")") -}}
{% endmacro %}

{# The first value that is not null in a window, from this row on; `backwards` is the window in reverse order. #}
{% macro next_known(column, window, backwards) %}
    {{- return(adapter.dispatch('next_known', 'flowhouse')(column, window, backwards)) -}}
{% endmacro %}

{# Spark computes a frame up to the last row anew for each row, n · (n - 1) / 2 steps for n rows. #}
{% macro default__next_known(column, window, backwards) %}
    {{- return(
        "last_value(" ~ column ~ ") ignore nulls over ("
        ~ backwards ~ " rows between unbounded preceding and current row)"
    ) -}}
{% endmacro %}

{# DuckDB sorts once for this and the windows beside it. #}
{% macro duckdb__next_known(column, window, backwards) %}
    {{- return(
        "first_value(" ~ column ~ " ignore nulls) over ("
        ~ window ~ " rows between current row and unbounded following)"
    ) -}}
{% endmacro %}

{# The values of a column of a relation that has few, which the engine cannot know. #}
{% macro few_of(column, relation) %}
    {{- return(adapter.dispatch('few_of', 'flowhouse')(column, relation)) -}}
{% endmacro %}

{% macro default__few_of(column, relation) %}{{ return("(select " ~ column ~ " from " ~ relation ~ ")") }}{% endmacro %}

{# The engine expects one row of an aggregate, and so hashes this side of the join: the other takes twice the time. #}
{% macro duckdb__few_of(column, relation) %}
    {{- return("(select unnest(array_agg(distinct " ~ column ~ ")) from " ~ relation ~ ")") -}}
{% endmacro %}
