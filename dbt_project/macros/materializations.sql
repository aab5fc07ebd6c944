{#
    Tables and views made in their place. The adapter's own build beside, rename twice and drop, for readers of the same
    file; the build file has none, and over a hundred models that dance took a fifth of a rebuild's CPU.
#}

{% materialization table, adapter="duckdb" %}
    {% set target = this.incorporate(type="table") %}
    {{ run_hooks(pre_hooks) }}
    {% call statement("main") %}
        {{ drop_old() }}
        {{ create_table_as(False, target, compiled_code) }}
    {% endcall %}
    {{ finish(target, post_hooks) }}
    {{ return({"relations": [target]}) }}
{% endmaterialization %}

{% materialization view, adapter="duckdb" %}
    {% set target = this.incorporate(type="view") %}
    {{ run_hooks(pre_hooks) }}
    {% call statement("main") %}
        {{ drop_old() }}
        {{ create_view_as(target, sql) }}
    {% endcall %}
    {{ finish(target, post_hooks) }}
    {{ return({"relations": [target]}) }}
{% endmaterialization %}

{# Rows that are new take the place of older ones by the rules of a macro that the model names. #}
{% materialization incremental, adapter="duckdb" %}
    {% set target = this.incorporate(type="table") %}
    {{ run_hooks(pre_hooks) }}
    {% if is_incremental() %}
        {% set new = make_temp_relation(target) %}
        {% do run_query(create_table_as(True, new, compiled_code)) %}
        {% call statement("main") %}{{ context[config.get("replace_with")](target, new) }}{% endcall %}
    {% else %}
        {% call statement("main") %}
            {{ drop_old() }}
            {{ create_table_as(False, target, compiled_code) }}
        {% endcall %}
    {% endif %}
    {{ finish(target, post_hooks) }}
    {{ return({"relations": [target]}) }}
{% endmaterialization %}

{# The statement that makes room for a model: what is there may be a table where a view is to be, or the reverse. #}
{% macro drop_old() %}
    {%- set old = load_cached_relation(this) -%}
    {%- if old %}drop {{ old.type }} {{ old }};{% endif -%}
{% endmacro %}

{% macro finish(target, post_hooks) %}
    {% do persist_docs(target, model) %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
{% endmacro %}

{# Contracts are enforced on what has comments, so its columns need not be asked for again. #}
{% macro duckdb__alter_column_comment(relation, columns) %}
    {%- for name, column in columns.items() %}
    comment on column {{ relation }}.{{ adapter.quote(name) }} is {{ duckdb_escape_comment(column["description"]) }};
    {%- endfor %}
{% endmacro %}
