{# Spark: what its adapter lacks, or does for other formats of tables. #}

{# Raw tables are registered by `flowhouse build`; by hand they are read where FLOWHOUSE_RAW_PATH says, as on DuckDB. #}
{% macro spark__raw(relation) %}
    {%- set roots = env_var('FLOWHOUSE_RAW_PATH', '').split(',') -%}
    {%- set root = roots[-1] if relation.schema == 'flowhouse' else roots[0] -%}
    {{- return(
        "parquet.`" ~ root ~ "/" ~ relation.schema ~ "/" ~ relation.identifier ~ "/*.parquet`" if root else relation
    ) -}}
{% endmacro %}

{#
    Raises unless the session computes as DuckDB does: timestamps without a zone, all digits of decimals, days in UTC, and
    errors rather than nulls. Asked of the session itself, for a server may not let a client decide.
#}
{% macro check_session() %}
    {%- if execute and target.type == 'spark' %}
        {# The adapter turns this off for every session, and again before each statement. #}
        {%- do adapter.config.credentials.server_side_parameters.update({'spark.sql.ansi.enabled': 'true'}) %}
        {%- set wanted = {
            'spark.sql.timestampType': 'TIMESTAMP_NTZ',
            'spark.sql.decimalOperations.allowPrecisionLoss': 'false',
            'spark.sql.session.timeZone': 'UTC',
            'spark.sql.ansi.enabled': 'true',
        } %}
        {%- set wrong = [] %}
        {%- for name, value in wanted.items() %}
            {%- set held = session_setting(name) %}
            {%- if held | upper != value | upper %}{% do wrong.append(name ~ ' is ' ~ held ~ ', not ' ~ value) %}{% endif %}
        {%- endfor %}
        {%- if wrong %}
            {{- exceptions.raise_compiler_error(
                "Spark would compute other figures than DuckDB: " ~ wrong | join("; ") ~ ". Set this for the session."
            ) -}}
        {%- endif %}
    {%- endif %}
{% endmacro %}

{# What the session holds for the name of a setting. #}
{% macro session_setting(name) %}{{ return(run_query("set " ~ name).rows[0][1]) }}{% endmacro %}

{# Where the files of this relation lie, whether or not the session's catalogue knows the table. #}
{% macro location_of_this() %}
    {{- return(session_setting("spark.sql.warehouse.dir") ~ "/" ~ this.schema ~ ".db/" ~ this.identifier) -}}
{% endmacro %}

{# Parquet at its place, which replaces what lies there. #}
{% materialization table, adapter="spark" %}
    {% set target = this.incorporate(type="table") %}
    {{ run_hooks(pre_hooks) }}
    {% do replace_this(with_parts(sql)) %}
    {% do drop_parts() %}
    {{ run_hooks(post_hooks) }}
    {{ return({"relations": [target]}) }}
{% endmaterialization %}

{# Lots alone: whole partitions, one of each token, are made anew or stay. #}
{% materialization incremental, adapter="spark" %}
    {% set target = this.incorporate(type="table") %}
    {% set changed = changed_tokens() %}
    {% set rows = with_parts(sql) %}
    {% set rows %}
        select
            lots.* except (history),
            case lots.kind when 'settled' then states.state end as history
        from ({{ rows }}) as lots
        left join ({{ token_states() }}) as states on lots.token_number = states.token_number
    {% endset %}
    {{ run_hooks(pre_hooks) }}
    {% set overwrite = "set spark.sql.sources.partitionOverwriteMode = " %}
    {% if changed is none %}
        {% do run_query(overwrite ~ "static") %}
        {% do replace_this(rows) %}
    {% else %}
        {% do run_query(overwrite ~ "dynamic") %}
        {% call statement("main") %}insert overwrite {{ target }} by name {{ rows }}{% endcall %}
        {% do run_query(overwrite ~ "static") %}
    {% endif %}
    {% do drop_parts() %}
    {{ run_hooks(post_hooks) }}
    {{ return({"relations": [target]}) }}
{% endmaterialization %}

{# On Spark the rows of a table are not those that a model starts from; nor are, anywhere, lots of an older version. #}
{% macro is_incremental() %}
    {{- return(target.type != "spark" and dbt.is_incremental() and has_numbered_lots()) -}}
{% endmacro %}

{#
    The statement with the CTEs that its model's meta names as computed_once read from tables, made here in the order
    named: Spark plans and computes a CTE anew wherever it is read. Their first and last lines begin in the first column.
#}
{% macro with_parts(sql) %}
    {%- if not model.config.meta.get("computed_once") %}{{ return(sql) }}{% endif %}
    {%- set ctes = modules.re.findall("(?s)(?:^|\n)(?:with )?(\\w+) as \\((.*?)\n\\)(?=,?\n)", sql) %}
    {%- set after_ctes = modules.re.split("\n\\)\n", sql)[-1] %}
    {%- set bodies = dict(ctes) %}
    {%- for name in model.config.meta["computed_once"] %}
        {%- set part = part_of_this(name) %}
        {%- do run_query("drop table if exists " ~ part) %}
        {%- do run_query("create table " ~ part ~ " using parquet as " ~ needed_ctes(bodies, "select * from " ~ name)) %}
        {%- do bodies.update({name: "select * from " ~ part}) %}
    {%- endfor %}
    {{- return(needed_ctes(bodies, after_ctes)) }}
{% endmacro %}

{# A statement after those of the CTEs, by name in their order, that it reads, and that they read. #}
{% macro needed_ctes(bodies, statement) %}
    {%- set read = namespace(text=statement) %}
    {%- set needed = [] %}
    {%- for name, body in bodies.items() | list | reverse %}
        {%- if modules.re.search("\\b" ~ name ~ "\\b", read.text) %}
            {%- do needed.insert(0, name ~ " as (" ~ body ~ "\n)") %}
            {%- set read.text = read.text ~ " " ~ body %}
        {%- endif %}
    {%- endfor %}
    {{- return("with " ~ needed | join(",\n") ~ "\n" ~ statement) }}
{% endmacro %}

{% macro drop_parts() %}
    {%- for name in model.config.meta.get("computed_once", []) %}
        {%- do run_query("drop table " ~ part_of_this(name)) %}
    {%- endfor %}
{% endmacro %}

{% macro part_of_this(name) %}
    {{- return(this.incorporate(path={"identifier": this.identifier ~ "__" ~ name}, type="table")) -}}
{% endmacro %}

{% macro replace_this(sql) %}
    {%- set old = load_cached_relation(this) %}
    {%- if old %}{% do adapter.drop_relation(old) %}{% endif %}
    {%- set location = location_of_this() %}
    {%- set partitions = model.config.meta.get("partitioned_by", []) %}
    {%- call statement("main") %}{{ create_this(sql, location, partitions) }}{% endcall %}
    {#- Partitioned, a table without rows has no file, and the next session could not tell its columns. #}
    {%- if partitions and not has_rows(this) %}
        {%- do run_query("drop table " ~ this) %}
        {%- do run_query(create_this(sql, location)) %}
    {%- endif %}
    {#- Asked of the statement, its types cost as much as planning it. #}
    {%- if config.get("contract").enforced %}{% do get_assert_columns_equivalent("select * from " ~ this) %}{% endif %}
{% endmacro %}

{% macro create_this(sql, location, partitions=[]) %}
    create table {{ this }}
    using parquet
    {%- if partitions %}
    partitioned by ({{ partitions | join(", ") }})
    {%- endif %}
    location '{{ location }}'
    as
    {% if config.get("contract").enforced %}{{ get_select_subquery(sql) }}{% else %}{{ sql }}{% endif %}
{% endmacro %}

{% macro has_rows(relation) %}{{ return(run_query("select 1 from " ~ relation ~ " limit 1").rows | length > 0) }}{% endmacro %}

{# A function of rows is made for readers of the published file, which Spark does not write. #}
{% materialization table_macro, adapter="spark" %}
    {% call statement("main") %}select 1 as nothing{% endcall %}
    {{ return({"relations": []}) }}
{% endmaterialization %}

{#
    Seeds as literals in one statement: the adapter's session binds no null and no quote, and numbers as doubles.
    Types that no seed file names are those dbt infers.
#}
{% materialization seed, adapter="spark" %}
    {% set table = load_agate_table() %}
    {% do store_result("agate_table", response="OK", agate_table=table) %}
    {{ run_hooks(pre_hooks) }}
    {% do replace_this(rows_of_seed(table)) %}
    {{ run_hooks(post_hooks) }}
    {{ return({"relations": [this.incorporate(type="table")]}) }}
{% endmaterialization %}

{% macro rows_of_seed(table) %}
    {%- set types = config.get("column_types", {}) %}
    select
        {%- for name in table.column_names %}
        cast({{ adapter.quote(name) }} as {{ types.get(name, adapter.convert_type(table, loop.index0)) }})
            as {{ adapter.quote(name) }}{{ "," if not loop.last }}
        {%- endfor %}
    from values
        {%- for row in table.rows %}
        ({% for value in row %}{{ text_literal(value) }}{{ ", " if not loop.last }}{% endfor %}){{ "," if not loop.last }}
        {%- endfor %}
        as seed ({% for name in table.column_names %}{{ adapter.quote(name) }}{{ ", " if not loop.last }}{% endfor %})
{% endmacro %}

{# A value of a seed as text that Spark reads again without loss. #}
{% macro text_literal(value) %}
    {%- if value is none -%}
        cast(null as string)
    {%- else -%}
        '{{ value | string | replace("\\", "\\\\") | replace("'", "\\'") }}'
    {%- endif -%}
{% endmacro %}
