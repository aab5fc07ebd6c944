{#
    Which share counts and NAVs can be believed, as SQL over the relations passed in; see `funds.sql`.

    Measured over 2,356 sessions of recorded counts: NAV and close moved apart by at most 0.118 in logarithms, NAV alone
    by 0.23; of changes of the count above 25 % all but two were printed by another source or followed a listing.
#}

{# How far a NAV may move from one session to the next, in logarithms: against the asset's closes, or without them. #}
{% macro nav_bound(has_closes) %}{{ return("case when " ~ has_closes ~ " then 0.15e0 else 0.25e0 end") }}{% endmacro %}

{# CTE share_counts, and those it is made of; after `holdings_ctes`. #}
{% macro share_counts_ctes(relations, ts) %}
-- Every session from a fund's first row to its last, so that a missing row leaves the changes on both sides unknown.
fund_sessions as (
    select
        spans.asset,
        spans.ticker,
        sessions.session_date,
        spans.listed_date,
        row_number() over (partition by spans.ticker order by sessions.session_date) as session_no
    from (
        select
            holdings.asset,
            holdings.ticker,
            min(holdings.as_of_date) as first_date,
            max(holdings.as_of_date) as last_date,
            coalesce(min(funds.first_flow_date), min(holdings.as_of_date)) as listed_date
        from holdings
        inner join {{ relations.funds }} as funds on holdings.ticker = funds.ticker
        group by holdings.asset, holdings.ticker
    ) as spans
    inner join {{ relations.sessions }} as sessions
        on sessions.session_date >= spans.first_date and sessions.session_date <= spans.last_date
),

-- What another source printed for the trades that a count shows: those of the session before if it is settlement-dated.
counted_sessions as (
    select
        fund_sessions.asset,
        fund_sessions.ticker,
        fund_sessions.session_date,
        fund_sessions.session_no,
        {{ days_between('fund_sessions.listed_date', 'fund_sessions.session_date') }} as days_listed,
        funds.share_date_convention,
        holdings.shares_outstanding as served_shares,
        nullif(holdings.shares_outstanding, 0) as shares,
        lag(nullif(holdings.shares_outstanding, 0)) over by_session as shares_before,
        max(holdings.shares_outstanding) over (
            partition by fund_sessions.ticker order by fund_sessions.session_date
            rows between unbounded preceding and 1 preceding
        ) as most_shares_before,
        holdings.nav_usd as nav,
        lag(holdings.nav_usd) over by_session as nav_before,
        -- as lag(…, 2), which DuckDB 1 cannot read in a macro that 2.0 has stored
        max(holdings.nav_usd) over (
            partition by fund_sessions.ticker order by fund_sessions.session_date
            rows between 2 preceding and 2 preceding
        ) as nav_two_before,
        lead(holdings.nav_usd) over by_session as nav_after,
        closes.close_usd,
        closes.close_usd / lag(closes.close_usd) over by_session as close_ratio,
        case
            when funds.share_date_convention = 'settlement_date' then lag(printed.value) over by_session
            else printed.value
        end as printed_usd,
        holdings.native_per_share,
        holdings.anchor_date,
        holdings.first_observed_at,
        holdings.last_changed_at
    from fund_sessions
    inner join {{ relations.funds }} as funds on fund_sessions.ticker = funds.ticker
    left join holdings
        on fund_sessions.ticker = holdings.ticker and fund_sessions.session_date = holdings.as_of_date
    left join closes on fund_sessions.asset = closes.asset and fund_sessions.session_date = closes.value_date
    left join cells as printed
        on
            fund_sessions.asset = printed.asset
            and fund_sessions.ticker = printed.ticker
            and fund_sessions.session_date = printed.value_date
            and printed.source = 'farside'
            and printed.metric = 'net_flow_usd'
    window by_session as (partition by fund_sessions.ticker order by fund_sessions.session_date)
),

nav_moves as (
    select
        *,
        ln(nav / nav_before) - coalesce(ln(close_ratio), 0) as nav_move
    from counted_sessions
),

-- Where the NAV falls by a split's ratio, at its session or one beside it, the counts change by it there. Where it does
-- not, the issuer has restated the counts before, and nothing is to be divided.
splits as (
    select
        ticker,
        session_date,
        max(ratio) as ratio
    from (
        select
            nav_moves.ticker,
            nav_moves.session_date,
            events.ratio,
            row_number() over (
                partition by events.ticker, events.session_no order by abs(nav_moves.nav_move + ln(events.ratio))
            ) as nearest_first
        from nav_moves
        inner join (
            select
                split_events.ticker,
                split_events.event_date,
                split_events.ratio,
                min(fund_sessions.session_no) as session_no
            from {{ relations.events }} as split_events
            inner join fund_sessions
                on
                    split_events.ticker = fund_sessions.ticker
                    and split_events.event_date <= fund_sessions.session_date
            where split_events.kind in ('split', 'reverse_split', 'restated_split')
            group by split_events.ticker, split_events.event_date, split_events.ratio
        ) as events
            on nav_moves.ticker = events.ticker and abs(nav_moves.session_no - events.session_no) <= 1
        where abs(nav_moves.nav_move + ln(events.ratio)) < abs(nav_moves.nav_move)
    ) as near
    where nearest_first = 1
    group by ticker, session_date
),

-- From one session to the next, with splits taken out: how NAV and count moved, and what the new shares cost.
moves as (
    select
        nav_moves.*,
        splits.ratio is not null as is_split,
        coalesce(splits.ratio, 1) as split_ratio,
        nav_moves.nav_move + ln(coalesce(splits.ratio, 1)) as nav_drift,
        nav_moves.shares / nav_moves.shares_before / coalesce(splits.ratio, 1) as shares_ratio,
        case
            when nav_moves.share_date_convention = 'settlement_date'
                then nav_moves.shares / coalesce(splits.ratio, 1) - nav_moves.shares_before
            else nav_moves.shares - nav_moves.shares_before * coalesce(splits.ratio, 1)
        end as shares_created,
        case
            when nav_moves.share_date_convention = 'settlement_date' then nav_moves.nav_before
            else nav_moves.nav
        end as nav_paid,
        -- Two sessions may have the same NAV. Where no close is known, one that stood still on most sessions says
        -- nothing by doing so again.
        coalesce(
            nav_moves.nav = nav_moves.nav_before and nav_moves.nav in (nav_moves.nav_two_before, nav_moves.nav_after),
            false
        )
        and coalesce(
            nav_moves.close_ratio <> 1,
            2 * count(case when nav_moves.nav <> nav_moves.nav_before then 1 end) over by_fund
            > count(nav_moves.nav_before) over by_fund
        ) as is_copied
    from nav_moves
    left join splits on nav_moves.ticker = splits.ticker and nav_moves.session_date = splits.session_date
    window by_fund as (partition by nav_moves.ticker)
),

-- A large change of the count is believed where another source printed that flow, or where a fund grows after its
-- listing: from about the most it had, by US$ 500 m at most and by no whole multiple, which a lost digit gives.
explained as (
    select
        *,
        coalesce(
            abs(printed_usd - shares_created * nav_paid) <= greatest(60000, abs(printed_usd) * 0.01e0), false
        )
        or coalesce(
            days_listed <= 45
            and shares > most_shares_before * 1.25e0
            and shares_before * 1.25e0 >= most_shares_before
            and abs(shares_ratio - round(shares_ratio)) > 0.01e0
            and shares_created * nav_paid <= 500000000,
            false
        ) as is_explained
    from moves
),

-- A split moves NAV and count by inverse ratios; one of less than 6 for 5 hides among true moves of the NAV.
breaks as (
    select
        *,
        coalesce(abs(nav_drift) > {{ nav_bound('close_ratio is not null') }}, false) as is_nav_off,
        coalesce(abs(shares_ratio - 1) > 0.25e0 and not is_explained, false) as is_count_off,
        coalesce(
            (
                abs(nav_drift) > {{ nav_bound('close_ratio is not null') }}
                or (abs(ln(shares_ratio)) > 0.18e0 and not is_explained)
            )
            and abs(ln(shares_ratio) + nav_drift) < greatest(abs(nav_drift), abs(ln(shares_ratio))) / 2,
            false
        ) as is_unknown_split
    from explained
),

-- A session that differs from both beside it, which agree with each other, is wrong by itself.
outliers as (
    select
        *,
        is_count_off
        and coalesce(
            lead(is_count_off) over by_session
            and abs(shares_ratio * (lead(shares_ratio) over by_session) - 1) <= 0.25e0, false
        ) as is_count_outlier,
        is_nav_off
        and coalesce(
            lead(is_nav_off) over by_session
            and abs(nav_drift + lead(nav_drift) over by_session) <= {{ nav_bound('close_ratio is not null') }}, false
        ) as is_nav_outlier
    from breaks
    window by_session as (partition by ticker order by session_date)
),

-- Breaks that remain begin a new level of the count or of the NAV.
levels as (
    select
        *,
        count(
            case
                when is_count_off and not (is_unknown_split or is_count_outlier or is_after_count_outlier) then 1
            end
        ) over by_session as count_level,
        count(
            case
                when is_nav_off and not (is_unknown_split or is_nav_outlier or is_after_nav_outlier) then 1
            end
        ) over by_session as nav_level
    from (
        select
            *,
            coalesce(lag(is_count_outlier) over by_session, false) as is_after_count_outlier,
            coalesce(lag(is_nav_outlier) over by_session, false) as is_after_nav_outlier
        from outliers
        window by_session as (partition by ticker order by session_date)
    ) as outliers_in_order
    window by_session as (partition by ticker order by session_date)
),

-- A level that ends before its third session, or has just begun, is not believed beside another.
judged as (
    select
        *,
        coalesce(served_shares = 0, false) as is_zero,
        is_count_outlier
        or (count(shares) over at_count_level < 3 and max(count_level) over by_fund > 0) as is_count_wrong,
        is_nav_outlier or (count(nav) over at_nav_level < 3 and max(nav_level) over by_fund > 0) as is_nav_wrong,
        exists (
            select 1
            from levels as changed
            where
                changed.ticker = levels.ticker
                and (changed.is_split or changed.is_unknown_split)
                and changed.session_date > least(levels.anchor_date, levels.session_date)
                and changed.session_date <= greatest(levels.anchor_date, levels.session_date)
        ) as is_unit_changed
    from levels
    window
        by_fund as (partition by ticker),
        at_count_level as (partition by ticker, count_level),
        at_nav_level as (partition by ticker, nav_level)
),

-- Coins per share are those of the filing's shares: where a split came between, or a share's coins are not worth its
-- NAV, they are not those of the counted ones.
share_counts as (
    select
        asset,
        ticker,
        session_date,
        case when not (is_zero or is_copied or is_count_wrong) then served_shares end as shares_outstanding,
        believed_nav as nav_usd,
        case
            when not coalesce(abs(ln(native_per_share * close_usd / believed_nav)) > 0.15e0, is_unit_changed)
                then native_per_share
        end as native_per_share,
        case
            when
                not (is_nav_off or is_count_off or is_unknown_split or is_copied or is_count_wrong)
                and not coalesce(lag(is_copied or is_count_wrong) over by_session, false)
                then shares_created
        end as shares_created,
        case
            when is_zero then 'implausible_count'
            when is_copied then 'copied_row'
            when is_unknown_split then 'unknown_split'
            when is_count_off or is_count_wrong then 'implausible_count'
            when is_nav_off or is_nav_wrong then 'implausible_nav'
        end as finding,
        first_observed_at,
        last_changed_at
    from (
        select
            *,
            case when not (is_copied or is_nav_wrong) then nav end as believed_nav
        from judged
    ) as believed
    window by_session as (partition by ticker order by session_date)
)
{% endmacro %}
