{%- set relations = flow_relations(ref('int_market__price_observations')) -%}

with {{ holdings_ctes(relations, none) }},

{{ share_counts_ctes(relations, none) }}

-- A day without a session has nothing beside it to be judged by.
select
    holdings.asset,
    holdings.ticker,
    holdings.as_of_date,
    case
        when share_counts.ticker is null then nullif(holdings.shares_outstanding, 0)
        else share_counts.shares_outstanding
    end as shares_outstanding,
    case when share_counts.ticker is null then holdings.nav_usd else share_counts.nav_usd end as nav_usd,
    case
        when share_counts.ticker is null then holdings.native_per_share else share_counts.native_per_share
    end as native_per_share,
    share_counts.finding
from holdings
left join share_counts on holdings.ticker = share_counts.ticker and holdings.as_of_date = share_counts.session_date
