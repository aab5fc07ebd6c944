{# What the desk marts are made of, as CTEs over the marts of flows, filings and counts. #}

{# Sessions that a figure may still come for: the slowest ever took nine. #}
{% macro open_sessions() %}{{ return(10) }}{% endmacro %}

{# One flow per fund and session: of the first source with a figure, in the order of the seed and then of names. #}
{% macro preferred_flows(flows, sources) %}
    select
        asset,
        ticker,
        trade_date,
        case when is_reported then source end as flow_source,
        flow_difference_usd,
        net_flow_usd,
        net_flow_native,
        is_reported
    from (
        select
            flows.*,
            row_number() over by_preference as preference,
            case
                when flows.source = 'issuer'
                    then flows.net_flow_usd - lead(flows.net_flow_usd) over by_preference
            end as flow_difference_usd
        from {{ flows }} as flows
        left join {{ sources }} as sources on flows.source = sources.source
        window by_preference as (
            partition by flows.ticker, flows.trade_date
            order by
                case when flows.is_reported then 0 else 1 end,
                coalesce(sources.priority, 1000000),
                flows.source
        )
    ) as by_source
    where preference = 1
{% endmacro %}

{#
    CTE held, and those it is made of: coins of a fund after the trades of a session, from CTE flows (one per fund and
    session; `is_counted` since launch) and the relations passed in: `filings`, `holdings` (issuers' counts), `events`,
    `fees`, `funds`, `sessions`.

    Coins are counted before fees: `scaled` is coins ÷ fee index. What a fund holds on a date is then
    fee index × (scaled flows and events so far + level), and each anchor gives the level it implies.
#}
{% macro held_ctes(relations) %}
covered as (
    select
        flows.ticker,
        min(flows.trade_date) as first_date,
        max(flows.trade_date) as last_date,
        min(funds.first_flow_date) as first_flow_date,
        min(flows.trade_date) <= min(funds.first_flow_date) as is_from_launch
    from flows
    inner join {{ relations.funds }} as funds on flows.ticker = funds.ticker
    group by flows.ticker
),

-- A settlement-dated count belongs to the session before; the coins behind a share are those of the session itself.
counted as (
    select
        dated.ticker,
        dated.session_date,
        dated.shares_outstanding,
        session_day.nav_usd,
        dated.shares_outstanding * session_day.native_per_share as native
    from (
        select
            holdings.ticker,
            holdings.shares_outstanding,
            case
                when funds.share_date_convention = 'settlement_date' then sessions.previous_session_date
                when funds.share_date_convention = 'trade_date' then sessions.session_date
            end as session_date
        from {{ relations.holdings }} as holdings
        inner join {{ relations.funds }} as funds on holdings.ticker = funds.ticker
        inner join {{ relations.sessions }} as sessions on holdings.as_of_date = sessions.session_date
        where holdings.shares_outstanding is not null
    ) as dated
    inner join {{ relations.holdings }} as session_day
        on dated.ticker = session_day.ticker and dated.session_date = session_day.as_of_date
),

-- An anchor serves where the flows on both sides of it are known. A filing wins over a count of the same session.
anchors as (
    select
        candidates.*,
        row_number() over (
            partition by candidates.ticker, candidates.session_date order by candidates.held_method
        ) as choice
    from (
        select
            ticker,
            counted_session_date as session_date,
            quarter_end_date,
            quarter_end_date as fee_date,
            cast(filed_native as double) as native,
            'filed_and_flows' as held_method
        from {{ relations.filings }}
        union all
        select
            ticker,
            session_date,
            cast(null as date) as quarter_end_date,
            session_date as fee_date,
            native,
            'issuer_counts' as held_method
        from counted
        where native is not null
    ) as candidates
    inner join covered on candidates.ticker = covered.ticker
    inner join {{ relations.sessions }} as sessions on candidates.session_date = sessions.session_date
    where
        candidates.session_date <= covered.last_date
        and (sessions.next_session_date >= covered.first_date or covered.is_from_launch)
),

event_coins as (
    select
        events.ticker,
        events.event_date,
        events.kind,
        cast(events.native_amount as double) as native
    from {{ relations.events }} as events
    inner join covered on events.ticker = covered.ticker
    where events.native_amount is not null
),

dates as (
    select
        ticker,
        trade_date as value_date
    from flows
    union
    select
        ticker,
        session_date as value_date
    from anchors
    union
    select
        ticker,
        fee_date as value_date
    from anchors
    union
    select
        ticker,
        event_date as value_date
    from event_coins
),

fee_index as (
    {{ fee_indices('dates', relations.fees) }}
),

moves as (
    select
        coins.ticker,
        coins.value_date,
        sum({{ fixed('coins.native / fee_index.fee_index', 18) }}) as scaled,
        count(case when coins.native is null then 1 end) as unvalued
    from (
        select
            ticker,
            trade_date as value_date,
            cast(net_flow_native as double) as native
        from flows
        where is_reported and is_counted
        union all
        select
            ticker,
            event_date as value_date,
            native
        from event_coins
    ) as coins
    inner join fee_index on coins.ticker = fee_index.ticker and coins.value_date = fee_index.value_date
    group by coins.ticker, coins.value_date
),

-- What a fund took in until each date, and the anchors among the dates.
progress as (
    select
        fee_index.ticker,
        fee_index.value_date,
        fee_index.fee_index,
        cast(coalesce(sum(moves.scaled) over by_date, 0) as double) as scaled,
        coalesce(sum(moves.unvalued) over by_date, 0) as unvalued,
        anchors.held_method,
        anchors.quarter_end_date,
        anchors.fee_date,
        anchors.native,
        max(anchors.session_date) over by_date as last_anchor_date,
        min(anchors.session_date) over (partition by fee_index.ticker) as first_anchor_date
    from fee_index
    left join moves on fee_index.ticker = moves.ticker and fee_index.value_date = moves.value_date
    left join anchors
        on fee_index.ticker = anchors.ticker and fee_index.value_date = anchors.session_date and anchors.choice = 1
    window by_date as (
        partition by fee_index.ticker order by fee_index.value_date rows between unbounded preceding and current row
    )
),

levels as (
    select
        progress.ticker,
        progress.value_date as anchor_date,
        progress.held_method,
        progress.quarter_end_date,
        progress.native,
        progress.scaled,
        progress.unvalued,
        fee_index.fee_index,
        progress.native / fee_index.fee_index - progress.scaled as level
    from progress
    inner join fee_index on progress.ticker = fee_index.ticker and progress.fee_date = fee_index.value_date
),

-- Each filing against the one of the quarter before and the flows since.
roll_errors as (
    select
        ticker,
        anchor_date as error_date,
        (fee_index * (scaled + level_before) / native - 1) * 10000 as held_error_bps
    from (
        select
            *,
            lag(level) over by_quarter as level_before,
            lag(unvalued) over by_quarter as unvalued_before,
            lag(quarter_end_date) over by_quarter as quarter_end_before
        from levels
        where quarter_end_date is not null
        window by_quarter as (partition by ticker order by quarter_end_date)
    ) as filings
    where
        quarter_end_before = {{ add_days(quarter_start('quarter_end_date'), -1) }}
        and unvalued = unvalued_before
),

converted as (
    select distinct ticker
    from {{ relations.events }}
    where kind = 'conversion'
),

-- Without any anchor a fund holds what it was seeded with and what it took in since.
rolled as (
    select
        progress.ticker,
        progress.value_date as trade_date,
        case
            when levels.ticker is not null
                then
                    case
                        when progress.unvalued = levels.unvalued
                            then progress.fee_index * (progress.scaled + levels.level)
                    end
            when covered.is_from_launch and converted.ticker is null and progress.unvalued = 0
                then progress.fee_index * progress.scaled
        end as held_native,
        coalesce(levels.held_method, 'filed_and_flows') as held_method,
        coalesce(levels.anchor_date, covered.first_flow_date) as held_anchor_date,
        max(roll_errors.error_date) over (
            partition by progress.ticker order by progress.value_date rows between unbounded preceding and current row
        ) as error_date
    from progress
    inner join covered on progress.ticker = covered.ticker
    left join levels
        on
            progress.ticker = levels.ticker
            and levels.anchor_date = coalesce(progress.last_anchor_date, progress.first_anchor_date)
    left join roll_errors on progress.ticker = roll_errors.ticker and progress.value_date = roll_errors.error_date
    left join converted on progress.ticker = converted.ticker
),

held as (
    select
        rolled.ticker,
        rolled.trade_date,
        rolled.held_native,
        case when rolled.held_native is not null then rolled.held_method end as held_method,
        case when rolled.held_native is not null then rolled.held_anchor_date end as held_anchor_date,
        roll_errors.held_error_bps,
        counted.shares_outstanding * counted.nav_usd as shares_usd
    from rolled
    left join roll_errors on rolled.ticker = roll_errors.ticker and rolled.error_date = roll_errors.error_date
    left join counted on rolled.ticker = counted.ticker and rolled.trade_date = counted.session_date
)
{% endmacro %}

{#
    CTE costs: what a coin that came by flows cost on average: inflows at the dollars that came, outflows at the
    average. From CTE flows. Flows of a spell during which the sums of coins stay above zero count; its first session
    counts with the coins by which it rose above.
#}
{% macro average_cost_ctes() %}
positions as (
    select
        *,
        sum(coalesce(net_flow_native, 0)) over by_date as position_native,
        count(case when is_reported and net_flow_native is null then 1 end) over by_date as unvalued
    from flows
    where is_counted
    window by_date as (partition by ticker order by trade_date rows between unbounded preceding and current row)
),

spells as (
    select
        *,
        count(case when position_native <= 0 then 1 end) over (
            partition by ticker order by trade_date rows between unbounded preceding and current row
        ) as spell
    from (
        select
            *,
            lag(position_native) over (partition by ticker order by trade_date) as position_before
        from positions
    ) as in_order
),

-- Outflows shrink coins and cost alike: what is left of the cost of a session is the product of the shrinkings since.
shrunk as (
    select
        *,
        exp(cast(sum(
            {{ fixed(
                'case when position_before > 0 and net_flow_native < 0'
                ~ ' then ln(cast(position_native as double) / cast(position_before as double)) else 0 end', 18
            ) }}
        ) over (
            partition by ticker, spell order by trade_date rows between unbounded preceding and current row
        ) as double)) as share_left
    from spells
    where position_native > 0
),

costs as (
    select
        ticker,
        trade_date,
        case
            when unvalued = 0
                then
                    share_left
                    * cast(sum({{ fixed(
                        "case when net_flow_native > 0 then net_flow_usd"
                        ~ " * least(1, cast(position_native as double) / cast(net_flow_native as double)) else 0 end"
                        ~ " / share_left", 8
                    ) }}) over (
                        partition by ticker, spell order by trade_date
                        rows between unbounded preceding and current row
                    ) as double)
                    / cast(position_native as double)
        end as average_cost_usd
    from shrunk
)
{% endmacro %}

{# The sum of doubles over a named window, in any order of the rows. #}
{% macro exact_sum_over(amount, window, digits=8) %}
    {{- return("cast(sum(" ~ fixed(amount, digits) ~ ") over " ~ window ~ " as double)") -}}
{% endmacro %}

{# A sum over the last sessions of `by`, null while there are not as many or one may still get a figure. #}
{% macro last_sessions_sum(amount, is_open, by, sessions) %}
    {%- set window -%}
        (partition by {{ by }} order by trade_date rows between {{ sessions - 1 }} preceding and current row)
    {%- endset -%}
    case
        when
            count(*) over {{ window }} = {{ sessions }}
            and count(case when {{ is_open }} then 1 end) over {{ window }} = 0
            then {{ exact_sum_over(amount, window) }}
    end
{%- endmacro %}

{#
    Flows with their signed streaks, from a relation with one row per `by` and session: consecutive sessions of one sign
    share the number `streak`. It ends where the sign changes, at 0 and at a session without a figure.
#}
{% macro with_streaks(relation, by) %}
    select
        *,
        count(case when coalesce(flow_sign, 0) = 0 or flow_sign <> sign_before then 1 end) over (
            partition by {{ by }} order by trade_date rows between unbounded preceding and current row
        ) as streak
    from (
        select
            *,
            sign(streak_flow_usd) as flow_sign,
            coalesce(lag(sign(streak_flow_usd)) over (partition by {{ by }} order by trade_date), 0) as sign_before
        from {{ relation }}
    ) as in_order
{% endmacro %}

{% macro streak_sessions(by) %}
    cast(
        case
            when flow_sign = 0 then 0
            else flow_sign * row_number() over (partition by {{ by }}, streak order by trade_date)
        end as integer
    )
{%- endmacro %}
