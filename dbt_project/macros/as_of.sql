{# The time until which observations count: from the build's control table, far in the future without --as-of. #}
{% macro as_of_cutoff() %}(select as_of_cutoff from {{ raw('flowhouse', 'control') }}){% endmacro %}
