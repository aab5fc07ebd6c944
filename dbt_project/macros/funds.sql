{#
    Holdings and flows of funds, as SQL over the relations passed in. The marts and marts.etf_flows_daily_as_of(ts)
    share it, so the two cannot drift apart.
    `relations`: observations, filings, funds, fees, events, prices (observations of them), sessions.
    `ts`: none, or the SQL of a timestamp after which nothing counts.
#}

{# The newest state of every cell. #}
{% macro newest_cells(observations, key, ts) %}
    select *
    from (
        select
            *,
            row_number() over (partition by {{ key }} order by observed_at desc) as newest_first,
            min(case when value is not null then observed_at end) over (partition by {{ key }}) as first_observed_at
        from {{ observations }}
        {% if ts %}where observed_at <= {{ ts }}{% endif %}
    ) as states
    where newest_first = 1
{% endmacro %}

{# Observations, with what is no report yet left blank. #}
{% macro reports(observations) %}
    select
        source,
        asset,
        ticker,
        value_date,
        metric,
        observed_at,
        case when not is_report then null else value end as value
    from {{ observations }}
{% endmacro %}

{# The funds that are listed on each session, and how many there are of the asset. #}
{% macro listed_funds(funds, sessions) %}
    select
        funds.asset,
        funds.ticker,
        sessions.session_date as trade_date,
        sessions.week_start_date,
        sessions.closes_at,
        count(*) over (partition by funds.asset, sessions.session_date) as funds_expected
    from {{ funds }} as funds
    inner join {{ sessions }} as sessions
        on
            sessions.session_date >= funds.first_flow_date
            and sessions.session_date <= coalesce(funds.last_flow_date, sessions.session_date)
{% endmacro %}

{# How many funds of an asset are listed in a week, those listed or delisted within it included. #}
{% macro funds_expected_by_week(funds, sessions) %}
    select
        funds.asset,
        sessions.week_start_date,
        count(distinct funds.ticker) as funds_expected
    from {{ funds }} as funds
    inner join {{ sessions }} as sessions
        on
            sessions.session_date >= funds.first_flow_date
            and sessions.session_date <= coalesce(funds.last_flow_date, sessions.session_date)
    group by funds.asset, sessions.week_start_date
{% endmacro %}

{# When each source last changed a flow: its figures of a period are complete only if that is after the close. #}
{% macro last_seen_by_source(flows) %}
    select
        source,
        max(last_changed_at) as observed_at
    from {{ flows }}
    group by source
{% endmacro %}

{#
    Each flow by its trade date and, for an issuer's counts, by the date of the count that shows it: one session later
    where counts are stamped by settlement, up to the last session with a count.
#}
{% macro dated_flows(flows, funds, sessions) %}
    select
        asset,
        ticker,
        source,
        'trade_date' as dating_convention,
        trade_date as flow_date,
        net_flow_usd,
        net_flow_native
    from {{ flows }}
    union all
    select
        asset,
        ticker,
        source,
        'as_of_date' as dating_convention,
        flow_date,
        net_flow_usd,
        net_flow_native
    from (
        select
            flows.*,
            case
                when funds.share_date_convention = 'settlement_date' then sessions.next_session_date
                else flows.trade_date
            end as flow_date,
            max(flows.trade_date) over (partition by flows.source, flows.ticker) as last_date
        from {{ flows }} as flows
        inner join {{ funds }} as funds on flows.ticker = funds.ticker
        inner join {{ sessions }} as sessions on flows.trade_date = sessions.session_date
        where flows.source = 'issuer'
    ) as counted
    where flow_date <= last_date
{% endmacro %}

{# CTEs cells and holdings: a fund's share count and NAV by as-of date, with the coins behind a share. #}
{% macro holdings_ctes(relations, ts) %}
reports as (
    {{ reports(relations.observations) }}
),

cells as (
    {{ newest_cells('reports', 'source, asset, ticker, value_date, metric', ts) }}
),

printed_figures as (
    select
        asset,
        ticker,
        value_date as as_of_date,
        max(case when metric = 'shares_outstanding' then value end) as shares_outstanding,
        max(case when metric = 'nav_usd' then value end) as nav_usd,
        max(case when metric = 'net_assets_usd' then value end) as net_assets_usd,
        max(case when metric = 'native_held' then value end) as native_held,
        max(case when metric = 'native_per_share' then value end) as native_per_share,
        max(first_observed_at) as first_observed_at,
        max(observed_at) as last_changed_at
    from cells
    where metric <> 'net_flow_usd'
    group by asset, ticker, value_date
),

-- What an issuer does not print follows from what it does: a count from net assets and NAV, or from coins and coins per
-- share, where that is within a quarter of whole creation units; a NAV from net assets and count.
by_unit as (
    select
        printed_figures.*,
        funds.creation_unit,
        coalesce(
            printed_figures.net_assets_usd / printed_figures.nav_usd,
            printed_figures.native_held / printed_figures.native_per_share
        ) / funds.creation_unit as units
    from printed_figures
    left join {{ relations.funds }} as funds on printed_figures.ticker = funds.ticker
),

counted as (
    select
        asset,
        ticker,
        as_of_date,
        shares_outstanding,
        coalesce(nav_usd, net_assets_usd / nullif(shares_outstanding, 0)) as nav_usd,
        first_observed_at,
        last_changed_at
    from (
        select
            asset,
            ticker,
            as_of_date,
            nav_usd,
            net_assets_usd,
            coalesce(
                shares_outstanding, case when abs(units - round(units)) <= 0.25e0 then round(units) * creation_unit end
            ) as shares_outstanding,
            first_observed_at,
            last_changed_at
        from by_unit
    ) as with_counts
),

closes as (
    select
        asset,
        value_date,
        value as close_usd
    from (
        {{ newest_cells(relations.prices, 'source, asset, venue, value_date, metric', ts) }}
    ) as price_cells
    where metric = 'close_usd' and venue = '{{ var("valuation_venue") }}'
),

{{ filings_ctes(relations, ts) }},

-- Coins per share come from the newest filing at or before the day that can be believed, or else from the first one
-- after it.
anchored as (
    select
        counted.*,
        filings.quarter_end_date as anchor_date,
        filings.native_per_share as anchor_native_per_share,
        row_number() over (
            partition by counted.ticker, counted.as_of_date
            order by
                case when filings.quarter_end_date <= counted.as_of_date then 0 else 1 end,
                abs({{ days_between('filings.quarter_end_date', 'counted.as_of_date') }})
        ) as nearest_first
    from counted
    left join filings on counted.ticker = filings.ticker and filings.is_believed
),

holdings as (
    select
        anchored.asset,
        anchored.ticker,
        anchored.as_of_date,
        anchored.shares_outstanding,
        anchored.nav_usd,
        anchored.anchor_date,
        anchored.anchor_native_per_share * of_day.share_index / of_anchor.share_index as native_per_share,
        anchored.first_observed_at,
        anchored.last_changed_at
    from anchored
    left join share_index as of_day on anchored.ticker = of_day.ticker and anchored.as_of_date = of_day.value_date
    left join share_index as of_anchor
        on anchored.ticker = of_anchor.ticker and anchored.anchor_date = of_anchor.value_date
    where anchored.nearest_first = 1
)
{% endmacro %}

{# What a coin was worth on each day by the NAV of the asset's largest fund that has one. #}
{% macro largest_funds_prices(counts, date) %}
    select
        asset,
        trade_date,
        reference_usd
    from (
        select
            asset,
            {{ date }} as trade_date,
            nav_usd / native_per_share as reference_usd,
            row_number() over (
                partition by asset, {{ date }} order by coalesce(shares_outstanding * nav_usd, 0) desc, ticker
            ) as largest_first
        from {{ counts }}
        where nav_usd is not null and native_per_share is not null
    ) as by_size
    where largest_first = 1
{% endmacro %}

{# Flows by fund and trade date, from every source. #}
{% macro etf_flows_daily_sql(relations, ts=none) %}
with {{ holdings_ctes(relations, ts) }},

{{ share_counts_ctes(relations, ts) }},

last_seen as (
    select
        source,
        max(observed_at) as observed_at
    from cells
    group by source
),

-- A publisher's days end with the last session that had opened when it last changed: of flows those of all funds of the
-- asset, of counts those of each fund.
spans as (
    select
        cells.source,
        cells.asset,
        cast(null as string) as ticker,
        min(cells.value_date) as first_date,
        max(last_seen.observed_at) as last_seen_at
    from cells
    inner join last_seen on cells.source = last_seen.source
    where cells.metric = 'net_flow_usd'
    group by cells.source, cells.asset
    union all
    select
        'issuer' as source,
        cells.asset,
        cells.ticker,
        min(cells.value_date) as first_date,
        max(last_seen.observed_at) as last_seen_at
    from cells
    inner join last_seen on cells.source = last_seen.source
    where cells.metric <> 'net_flow_usd'
    group by cells.asset, cells.ticker
),

listed as (
    select
        spans.source,
        funds.asset,
        funds.ticker,
        funds.share_date_convention,
        sessions.session_date as trade_date
    from spans
    inner join {{ relations.funds }} as funds
        on spans.asset = funds.asset and funds.ticker = coalesce(spans.ticker, funds.ticker)
    inner join {{ relations.sessions }} as sessions
        on
            sessions.session_date >= spans.first_date
            and sessions.opens_at <= spans.last_seen_at
            and sessions.session_date >= funds.first_flow_date
            and sessions.session_date <= coalesce(funds.last_flow_date, sessions.session_date)
),

published as (
    select
        source,
        asset,
        ticker,
        value_date as trade_date,
        value as net_flow_usd,
        first_observed_at,
        observed_at as last_changed_at
    from cells
    where metric = 'net_flow_usd' and ticker <> 'TOTAL'
),

-- Counts stamped by settlement show the trades of a session on the next one (T+1).
share_changes as (
    select
        listed.asset,
        listed.ticker,
        listed.trade_date,
        share_counts.nav_usd,
        share_counts.native_per_share,
        case
            when listed.share_date_convention = 'settlement_date' then lead(share_counts.shares_created) over by_day
            when listed.share_date_convention = 'trade_date' then share_counts.shares_created
        end as shares_created,
        greatest(
            share_counts.first_observed_at,
            case
                when listed.share_date_convention = 'settlement_date'
                    then lead(share_counts.first_observed_at) over by_day
                else lag(share_counts.first_observed_at) over by_day
            end
        ) as first_observed_at,
        greatest(
            share_counts.last_changed_at,
            case
                when listed.share_date_convention = 'settlement_date'
                    then lead(share_counts.last_changed_at) over by_day
                else lag(share_counts.last_changed_at) over by_day
            end
        ) as last_changed_at
    from listed
    left join share_counts
        on listed.ticker = share_counts.ticker and listed.trade_date = share_counts.session_date
    where listed.source = 'issuer'
    window by_day as (partition by listed.ticker order by listed.trade_date)
),

derived as (
    select
        'issuer' as source,
        asset,
        ticker,
        trade_date,
        shares_created * nav_usd as net_flow_usd,
        shares_created * native_per_share as net_flow_native,
        first_observed_at,
        last_changed_at
    from share_changes
    where shares_created is not null and nav_usd is not null
),

reported as (
    select
        source,
        asset,
        ticker,
        trade_date,
        net_flow_usd,
        cast(null as double) as shares_native,
        first_observed_at,
        last_changed_at
    from published
    union all
    select
        source,
        asset,
        ticker,
        trade_date,
        net_flow_usd,
        net_flow_native as shares_native,
        first_observed_at,
        last_changed_at
    from derived
),

peers as (
    {{ largest_funds_prices('share_counts', 'session_date') }}
),

-- Funds listed on the day, and funds that a publisher reports but the seed does not list.
fund_days as (
    select
        source,
        asset,
        ticker,
        trade_date
    from listed
    union
    select
        reported.source,
        reported.asset,
        reported.ticker,
        reported.trade_date
    from reported
    inner join {{ relations.sessions }} as sessions on reported.trade_date = sessions.session_date
    where reported.net_flow_usd is not null
),

valued as (
    select
        fund_days.*,
        reported.net_flow_usd,
        reported.first_observed_at,
        reported.last_changed_at,
        reported.shares_native,
        reported.net_flow_usd / share_counts.nav_usd * share_counts.native_per_share as nav_native,
        reported.net_flow_usd / peers.reference_usd as reference_native,
        reported.net_flow_usd / closes.close_usd as price_native
    from fund_days
    left join reported
        on
            fund_days.source = reported.source
            and fund_days.asset = reported.asset
            and fund_days.ticker = reported.ticker
            and fund_days.trade_date = reported.trade_date
    left join share_counts
        on fund_days.ticker = share_counts.ticker and fund_days.trade_date = share_counts.session_date
    left join peers on fund_days.asset = peers.asset and fund_days.trade_date = peers.trade_date
    left join closes on fund_days.asset = closes.asset and fund_days.trade_date = closes.value_date
)

select
    asset,
    ticker,
    trade_date,
    source,
    net_flow_usd,
    {{ native('coalesce(shares_native, nav_native, reference_native, price_native)') }} as net_flow_native,
    case
        when shares_native is not null then 'shares'
        when nav_native is not null then 'nav'
        when reference_native is not null then 'reference'
        when price_native is not null then 'price'
    end as native_method,
    net_flow_usd is not null as is_reported,
    first_observed_at,
    last_changed_at
from valued
{% endmacro %}

{#
    The relations that flows by fund are made of, with observations of prices as given; without their catalogue, which
    has another name in a published warehouse.
#}
{% macro flow_relations(prices) %}
    {{- return({
        'observations': ref('etf_observations').include(database=false),
        'filings': ref('etf_filings').include(database=false),
        'funds': ref('funds').include(database=false),
        'fees': ref('etf_fund_fees').include(database=false),
        'events': ref('fund_events').include(database=false),
        'prices': prices.include(database=false),
        'sessions': ref('market_sessions').include(database=false),
    }) -}}
{% endmacro %}
