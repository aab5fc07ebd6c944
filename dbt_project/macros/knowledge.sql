{# Until when observations count: the one row of the build's control table, in the far future unless --as-of is given. #}
{% macro known_until() %}(select known_until from {{ raw('flowhouse', 'control') }}){% endmacro %}
