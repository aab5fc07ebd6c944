{# Holder metrics: constants, and what engines spell differently for them. #}

{# Before this day there was no market: coins born earlier have a cost of 0. #}
{% macro first_market_date() %}cast('2010-07-17' as date){% endmacro %}

{# Over so many days without a close the last one is carried forward. #}
{% macro carried_days() %}7{% endmacro %}

{# Whether two closes of a day are more than a tenth of the lower one apart. #}
{% macro are_disputed(one, other) %}
    {{- return("abs(" ~ one ~ " - " ~ other ~ ") * 10 > least(" ~ one ~ ", " ~ other ~ ")") -}}
{% endmacro %}

{# Age bands and the first age, in days, of each. #}
{% macro age_bands() %}
    {{- return([
        ('0d', 0), ('1d-1w', 1), ('1w-1m', 7), ('1m-3m', 30), ('3m-6m', 90), ('6m-1y', 180), ('1y-2y', 365),
        ('2y-3y', 730), ('3y-5y', 1095), ('5y-7y', 1825), ('7y-10y', 2555), ('10y+', 3650),
    ]) -}}
{% endmacro %}

{# A figure of a published series as the whole number that was published. #}
{% macro published_sum(metric) %}
    {{- return("max(case when metric = '" ~ metric ~ "' then " ~ sats('raw_text') ~ " end)") -}}
{% endmacro %}

{# The change of a column from the day before, within a series; null where that day has no row, or one of another
   computation. #}
{% macro since_day_before(column, computation) %}
    {{- return(
        "case when lag(value_date) over by_day = " ~ add_days('value_date', -1)
        ~ " and lag(" ~ computation ~ ") over by_day = " ~ computation
        ~ " then " ~ column ~ " - lag(" ~ column ~ ") over by_day end"
    ) -}}
{% endmacro %}

{# Sums since 2009 of a published series, and what numbers their computations. #}
{% macro published_sums() %}
    {{- return([
        ('matured_so_far_native', 'lth_flows_vintage'), ('spent_so_far_native', 'lth_flows_vintage'),
        ('spent_so_far_cents', 'lth_value_vintage'), ('profit_so_far_cents', 'lth_value_vintage'),
        ('loss_so_far_cents', 'lth_value_vintage'), ('issued_so_far_native', 'supply_vintage'),
    ]) -}}
{% endmacro %}

{# What remains of each birth day's coins on the latest day, and the number of rounded figures in that sum. #}
{% macro remaining_by_birth() %}
    select
        asset,
        network,
        birth_date,
        sum(amount_native) as amount_native,
        count(*) as figures
    from (
        select
            asset,
            network,
            birth_date,
            amount_native
        from {{ ref('onchain_coin_created') }}
        union all
        select
            asset,
            network,
            birth_date,
            -amount_native as amount_native
        from {{ ref('onchain_coin_flow') }}
    ) as changes
    group by asset, network, birth_date
{% endmacro %}

{# The first day whose coins were spent otherwise than the last build has it; none where that must be looked up anew. #}
{% macro changed_from() %}
    {%- if execute and var('unchanged_before') and load_cached_relation(this) -%}
    {{- return(as_date(var('unchanged_before'))) -}}
    {%- endif -%}
{% endmacro %}

{#
    Which rows are as in the last build: those of chains that meet a condition, which they do where they are of coins spent
    before changed_from(). Of tokens all are new.
#}
{% macro kept_of_chains(condition) %}
    {%- set chains = "select distinct asset, network from " ~ ref('int_onchain__days') ~ " where not is_token" -%}
    {{ condition }} and (
        {%- for chain in run_query(chains).rows %}
        (asset = '{{ chain['asset'] }}' and network = '{{ chain['network'] }}') or
        {%- endfor %}
        false
    )
{% endmacro %}

{% macro kept_coin_flow() %}
    {%- if changed_from() %}{{ kept_of_chains("spend_date < " ~ changed_from()) }}{% endif -%}
{% endmacro %}

{% macro kept_spent_monthly() %}
    {%- if changed_from() %}{{ kept_of_chains("month_number < " ~ month_number(changed_from())) }}{% endif -%}
{% endmacro %}

{# Whether compiled code pays: to load it takes as long as a quarter of a million cells in SQL, a second. #}
{% macro has_many_cells() %}
    {%- set count = run_query("select count(*) as cells from " ~ ref('stg_bitcoin__coin_flow')).rows[0]['cells'] -%}
    {{- return(count >= var('compiled_from_cells')) -}}
{% endmacro %}

{#
    The Python job that fills a table with what int_onchain__ages_daily selects; none where there are few cells or Spark
    made the rows.
#}
{% macro ages_job(table, rows) %}
    {%- if not var('is_from_spark', false) and has_many_cells() -%}
from orchestration.coin_ages.job import Tables, fill


class dbtObj:
    def __init__(self, load): ...


def model(dbt, con):
    tables = Tables(
        days='{{ ref("int_onchain__days") }}',
        ages='{{ ref("int_onchain__ages") }}',
        closes='{{ ref("int_onchain__closes") }}',
        created='{{ ref("stg_bitcoin__coin_created") }}',
        flow='{{ ref("stg_bitcoin__coin_flow") }}',
    )
    fill(con, '{{ table }}', {{ tojson(rows) }}, tables)


def materialize(rows, con): ...
    {%- endif -%}
{% endmacro %}

{# The whole numbers from 0 to `last`, one per row. #}
{% macro each_from_zero(last) %}
    {{- return(adapter.dispatch('each_from_zero', 'flowhouse')(last)) -}}
{% endmacro %}

{% macro default__each_from_zero(last) %}
    {{- return("explode(sequence(0, cast(" ~ last ~ " as integer)))") -}}
{% endmacro %}

{% macro duckdb__each_from_zero(last) %}
    {{- return("unnest(range(cast(" ~ last ~ " as bigint) + 1))") -}}
{% endmacro %}

{# Satoshi as a type whose sums and products with weights do not overflow. #}
{% macro sats(amount) %}{{ return("cast(" ~ amount ~ " as decimal(38, 0))") }}{% endmacro %}

{# Coins from whole satoshi, exactly: engines divide decimals with fewer digits, or as doubles. #}
{% macro native_from_sats(amount) %}{{ return(native(sats(amount) ~ " * " ~ unit(8))) }}{% endmacro %}

{# Coins from smallest units (10 to the power of `decimals`, 0 to 18, are one coin), rounded half up to eight digits. #}
{% macro native_from_units(amount, decimals) %}{{ return(native_from_scaled(amount, decimals, 0)) }}{% endmacro %}

{# The same from units times a weight in 1e-9. #}
{% macro native_from_weighted(amount, decimals) %}{{ return(native_from_scaled(amount, decimals, 9)) }}{% endmacro %}

{# A product with 0.00…1 keeps all digits of the amount. #}
{% macro native_from_scaled(amount, decimals, weight_decimals) %}
    {%- set cases -%}
        case {{ decimals }}
        {%- for digits in numbers_of_decimals() %}
            when {{ digits }} then {{ native(sats(amount) ~ ' * ' ~ unit(digits + weight_decimals)) }}
        {%- endfor %}
        end
    {%- endset -%}
    {{- return(cases) -}}
{% endmacro %}

{# How many decimals a token may have. Bitcoin's case comes first. #}
{% macro numbers_of_decimals() %}
    {{- return([8, 6, 18, 0, 1, 2, 3, 4, 5, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17]) -}}
{% endmacro %}

{# The smallest positive number with `digits` digits after the point. #}
{% macro unit(digits) %}{{ return("0." ~ "0" * (digits - 1) ~ "1" if digits else "1") }}{% endmacro %}

{# The largest error of a sum of `figures` amounts, each rounded to eight digits, where coins have more digits. #}
{% macro rounding(decimals, figures) %}
    {{- return("case when " ~ decimals ~ " > 8 then " ~ unit(8) ~ " * " ~ figures ~ " else 0 end") -}}
{% endmacro %}

{# Coins from smallest units as a double, for values. #}
{% macro coins_from_units(amount, decimals) %}
    {%- set cases -%}
        case {{ decimals }}{% for digits in numbers_of_decimals() %} when {{ digits }} then 1e{{ digits }}{% endfor %} end
    {%- endset -%}
    {{- return("cast(" ~ amount ~ " as double) / " ~ cases) -}}
{% endmacro %}

{# The number of a date's month, which follows that of the month before. #}
{% macro month_number(date) %}{{ return("(year(" ~ date ~ ") * 12 + month(" ~ date ~ "))") }}{% endmacro %}

{# Signatures of transfers, and whether they are those of house-keeping; ingestion/bitcoin/signatures.py tells them. #}
{% macro transfer_signatures() %}
    select 'consolidation' as signature, true as is_house_keeping
    union all
    select 'migration' as signature, true as is_house_keeping
    union all
    select 'sweep' as signature, false as is_house_keeping
    union all
    select 'payout' as signature, false as is_house_keeping
    union all
    select 'payment' as signature, false as is_house_keeping
{% endmacro %}

{# Days before a day whose median is what is usual: a month, in an odd number. #}
{% macro usual_days() %}{{ return(31) }}{% endmacro %}
