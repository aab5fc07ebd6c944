select
    publisher,
    scope_kind,
    scope,
    week_end_date,
    net_flow_usd,
    quote,
    source_url
from {{ ref('fund_flows_reported') }}
