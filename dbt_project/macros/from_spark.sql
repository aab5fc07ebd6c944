{#
    The rows of a table: what its model selects or, where Spark has built the models, what it wrote of this one. The
    contract, its keys and what is published stay DuckDB's.
#}
{% macro rows_of(compiled_code) %}
    {%- if var("is_from_spark", false) -%}
        select * from read_parquet('{{ this.schema }}.db/{{ this.name }}/*.parquet')
    {%- else -%}
        {{ compiled_code }}
    {%- endif -%}
{% endmacro %}
