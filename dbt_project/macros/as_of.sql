{# Until when observations count: the one row of the build's control table, in the far future unless --as-of is given. #}
{% macro as_of_cutoff() %}(select as_of_cutoff from {{ raw('flowhouse', 'control') }}){% endmacro %}
