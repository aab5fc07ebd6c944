-- Of the chains of {{ ref('int_onchain__days') }} the months before the first day that changed stay.
select
    asset,
    network,
    birth_date,
    {{ month_number('spend_date') }} as month_number,
    sum({{ sats('amount_units') }}) as spent_units
from {{ coin_flow() }} as flow
{%- if changed_from() %}
where is_token or spend_date >= {{ month_start(changed_from()) }}
{%- endif %}
group by asset, network, birth_date, {{ month_number('spend_date') }}
