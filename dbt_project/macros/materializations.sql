{#
    Tables and views built in place. The adapter builds a copy, renames twice and drops the old one, for readers of the
    same file; the build file has no readers, and for over a hundred models that took a fifth of a rebuild's CPU.
    Where the macro that a model's meta names as keep_where gives a condition, rows of the last build that meet it stay:
    the model gives the others. Where the macro that it names as filled_by gives a Python job, that fills the table, from
    which it takes what rows of the last build it will.
#}

{% materialization table, adapter="duckdb" %}
    {% set target = this.incorporate(type="table") %}
    {% set keep_where = model.config.meta.get("keep_where") %}
    {% set kept = context[keep_where]() if keep_where %}
    {% set filled_by = model.config.meta.get("filled_by") %}
    {% set job = context[filled_by](target, compiled_code) if filled_by %}
    {{ run_hooks(pre_hooks) }}
    {% call statement("main") %}
        {% if kept %}
        delete from {{ target }} where not ({{ kept }});
        insert into {{ target }} by name {{ compiled_code }}
        {% elif job %}
        create table if not exists {{ target }} as {{ without_rows(compiled_code) }}
        {% else %}
        {{ drop_old() }}
        {{ create_table_as(False, target, rows_of(compiled_code)) }}
        {% endif %}
    {% endcall %}
    {% if job %}{% call statement("fill", language="python") %}{{ job }}{% endcall %}{% endif %}
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

{# A function of one parameter that returns rows. It is a model so that it is made after the tables that it reads. #}
{% materialization table_macro, adapter="duckdb" %}
    {% call statement("main") %}
        create or replace macro {{ this.include(database=false) }}({{ config.get("parameter") }}) as table
        {{ sql }}
    {% endcall %}
    {{ adapter.commit() }}
    {{ return({"relations": []}) }}
{% endmaterialization %}

{#
    New rows replace older ones by the macro that the model names as replace_with. Rows that need none of the older ones
    come from the Python job that the macro named as start_with gives, if there are any: it adds them to the new ones.
#}
{% materialization incremental, adapter="duckdb" %}
    {% set target = this.incorporate(type="table") %}
    {% set goes_on = is_incremental() %}
    {% set new = make_temp_relation(target) if goes_on else target %}
    {{ run_hooks(pre_hooks) }}
    {% if goes_on %}{% do run_query(create_table_as(True, new, compiled_code)) %}{% endif %}
    {% set job = context[config.get("start_with")](new) %}
    {% if not goes_on %}
        {% call statement("main") %}
            {{ drop_old() }}
            {{ create_table_as(False, new, without_rows(compiled_code) if job else compiled_code) }}
        {% endcall %}
    {% endif %}
    {% if job %}{% call statement("start", language="python") %}{{ job }}{% endcall %}{% endif %}
    {% if goes_on %}
        {% call statement("main") %}{{ context[config.get("replace_with")](target, new) }}{% endcall %}
    {% endif %}
    {{ finish(target, post_hooks) }}
    {{ return({"relations": [target]}) }}
{% endmaterialization %}

{# Drops the existing relation, which may be a table where a view is to be created, or the reverse. #}
{% macro drop_old() %}
    {%- set old = load_cached_relation(this) -%}
    {%- if old %}drop {{ old.type }} {{ old }};{% endif -%}
{% endmacro %}

{# The columns of a statement alone. #}
{% macro without_rows(sql) %}select * from ({{ sql }}) as none_yet limit 0{% endmacro %}

{% macro finish(target, post_hooks) %}
    {% set comments = comments_on(target) | trim %}
    {% if comments %}{% do run_query(comments) %}{% endif %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
{% endmacro %}

{#
    Of a table and its columns in one query. Models with comments have enforced contracts, so their columns need no
    look-up: dbt's persist_docs, which looks them up, takes 5 to 10 % of a build's CPU.
#}
{% macro comments_on(relation) %}
    {%- if config.persist_relation_docs() and model.description %}
    {{ duckdb__alter_relation_comment(relation, model.description) }}
    {%- endif %}
    {%- if config.persist_column_docs() %}
    {%- for name, column in model.columns.items() %}
    comment on column {{ relation }}.{{ adapter.quote(name) }} is {{ duckdb_escape_comment(column["description"]) }};
    {%- endfor %}
    {%- endif %}
{% endmacro %}
