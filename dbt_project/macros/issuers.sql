{#
    The sources of issuers' own days of funds, each a module of `ingestion/sources/` with the tables fund_daily and
    findings. A new one is a line here and one in staging/issuers/issuers.yml.
#}
{% macro issuer_sources() %}
    {{- return([
        'ark',
        'bitwise',
        'canary',
        'coinshares',
        'fidelity',
        'franklin',
        'grayscale',
        'invesco',
        'ishares',
        'morgan_stanley',
        'twentyone',
        'vaneck',
        'wisdomtree',
    ]) -}}
{% endmacro %}

{# The raw tables of that name of all issuers, as one relation with the columns `columns` and `source`. #}
{% macro raw_of_issuers(table, columns) %}
    (
        {% for name in issuer_sources() %}
            select
                '{{ name }}' as source,
                {{ columns | join(', ') }}
            from {{ raw(name, table) }}
            {% if not loop.last %}union all{% endif %}
        {% endfor %}
    )
{% endmacro %}
