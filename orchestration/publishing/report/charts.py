"""The charts: each query beside the function that draws its rows."""

from collections.abc import Sequence

from orchestration.publishing.report.sections import Row, Section

DAY = {
    "field": "day",
    "type": "temporal",
    "scale": {"type": "utc"},
    "axis": {"format": "%b %y", "title": None, "tickCount": "month", "labelOverlap": True},
}
WEEK = {
    "field": "week",
    "type": "ordinal",
    "axis": {
        "title": None,
        "labelAngle": 0,
        "labelOverlap": True,
        "labelExpr": "utcFormat(toDate(datum.value), '%-d %b')",
    },
}
LINE = {"type": "line", "strokeWidth": 2}
LINE_LEGEND = {"symbolType": "stroke", "symbolStrokeWidth": 3}
AMOUNT = {"format": ",.0f", "title": None}
FAINT_IF_INCOMPLETE = {"condition": {"test": "datum['is complete']", "value": 1}, "value": 0.4}


def flows_by_fund(rows: Sequence[Row]) -> dict:
    """Weeks across, funds down: a cell is blue where the fund took in and orange where it gave back."""
    place = {
        "x": WEEK | {"axis": WEEK["axis"] | {"orient": "top"}},
        "y": {"field": "fund", "sort": None, "title": None},
    }
    tints = [f"var(--{tint})" for tint in ("out-3", "out-2", "out-1", "none", "in-1", "in-2", "in-3")]
    steps = {"type": "threshold", "domain": [-300, -100, -0.05, 0.05, 100, 300], "range": tints}
    funds = len({row["fund"] for row in rows})
    return {
        "data": {"values": rows},
        "height": 24 * funds + 40,
        "encoding": place,
        "layer": [
            {
                "mark": {"type": "rect", "stroke": "var(--paper)", "strokeWidth": 2},
                "encoding": {
                    "color": {"field": "US$ m", "type": "quantitative", "scale": steps, "legend": None},
                    "opacity": FAINT_IF_INCOMPLETE,
                },
            },
            {
                "mark": {"type": "text", "aria": False},
                "encoding": {"text": {"field": "US$ m", "type": "quantitative", "format": ",.0f"}},
            },
        ],
    }


def flows_by_convention(rows: Sequence[Row]) -> dict:
    """Two bars a week: the same shares by the date of the trade and by the date of the count."""
    colors = {"domain": ["trade_date", "as_of_date"], "range": ["var(--in)", "var(--out)"]}
    return {
        "data": {"values": rows},
        "mark": "bar",
        "encoding": {
            "x": WEEK,
            "xOffset": {"field": "dating", "sort": colors["domain"]},
            "y": {"field": "BTC", "type": "quantitative", "axis": AMOUNT},
            "color": {"field": "dating", "scale": colors},
            "opacity": FAINT_IF_INCOMPLETE,
        },
    }


def demand_and_supply(rows: Sequence[Row]) -> dict:
    """Two bars a week, what the funds took in and what was let go, under the share that they absorbed."""
    measures = ["funds took in", "issued and let go"]
    y = {"type": "quantitative", "axis": AMOUNT}
    top = "max(0, datum['funds took in'], datum['issued and let go'])"
    share = "isValid(datum['share absorbed']) ? format(datum['share absorbed'], '.0%') : ''"
    label = f"datum['internal move'] ? '*' : {share}"
    # one move of 798,636 BTC between a custodian's own wallets would flatten every other week
    drawn = [row | dict.fromkeys(measures) | {"share absorbed": None} if row["internal move"] else row for row in rows]
    return {
        "data": {"values": drawn},
        "encoding": {"x": WEEK},
        "layer": [
            {
                "transform": [{"fold": measures, "as": ["measure", "BTC"]}],
                "mark": "bar",
                "encoding": {
                    "xOffset": {"field": "measure", "sort": measures},
                    "y": {"field": "BTC"} | y,
                    "color": {"field": "measure", "scale": {"domain": measures, "range": ["var(--in)", "var(--out)"]}},
                    "opacity": FAINT_IF_INCOMPLETE,
                },
            },
            {
                "transform": [{"calculate": top, "as": "top"}, {"calculate": label, "as": "label"}],
                "mark": {"type": "text", "dy": -8, "aria": False},
                "encoding": {"y": {"field": "top"} | y, "text": {"field": "label"}},
            },
        ],
    }


def long_term_supply(rows: Sequence[Row]) -> dict:
    """One line per series and definition."""
    hues = [f"var(--{hue})" for hue in ("in", "out", "muted", "age-2", "age-5", "ink")]
    return {
        "data": {"values": rows},
        "mark": LINE,
        "encoding": {
            "x": DAY,
            "y": {"field": "BTC", "type": "quantitative", "scale": {"zero": False}, "axis": AMOUNT},
            "color": {"field": "series", "scale": {"range": hues}, "legend": LINE_LEGEND | {"columns": 1}},
        },
    }


def matured_and_spent(rows: Sequence[Row]) -> dict:
    """Bars up for what came of age, bars down for what was spent, a mark for the difference."""
    measures = ["matured", "spent"]
    y = {"type": "quantitative", "axis": AMOUNT}
    return {
        "data": {"values": rows},
        "encoding": {"x": WEEK},
        "layer": [
            {
                "transform": [
                    {"fold": measures, "as": ["measure", "coins"]},
                    {"calculate": "datum.measure === 'spent' ? -datum.coins : datum.coins", "as": "BTC"},
                ],
                "mark": "bar",
                "encoding": {
                    "y": {"field": "BTC"} | y,
                    "color": {"field": "measure", "scale": {"domain": measures, "range": ["var(--in)", "var(--out)"]}},
                },
            },
            {
                "mark": {"type": "tick", "color": "var(--ink)", "thickness": 3, "width": 10},
                "encoding": {"y": {"field": "net change"} | y},
            },
        ],
    }


def age_bands(rows: Sequence[Row]) -> dict:
    """A column per month, split by how long its coins had not moved."""
    bands = ["to 1 week", "to 1 month", "to 6 months", "to 1 year", "to 3 years", "older"]
    return {
        "data": {"values": rows},
        "height": 270,
        "transform": [{"calculate": f"indexof({bands}, datum.age)", "as": "order"}],
        "mark": "bar",
        "encoding": {
            "x": WEEK
            | {"field": "day", "axis": WEEK["axis"] | {"labelExpr": "utcFormat(toDate(datum.value), '%b %y')"}},
            "y": {"field": "BTC", "type": "quantitative", "stack": "normalize", "axis": {"format": "%", "title": None}},
            "order": {"field": "order", "type": "quantitative", "sort": "descending"},
            "color": {
                "field": "age",
                "scale": {"domain": bands, "range": [f"var(--age-{step})" for step in range(1, 7)]},
                "legend": {"columns": 3},
            },
        },
    }


def price(rows: Sequence[Row]) -> dict:
    """The close, and the two averages it is held against."""
    measures = ["close", "200-day mean", "realized price"]
    hues = ["var(--ink)", "var(--out)", "var(--in)"]
    return {
        "data": {"values": rows},
        "transform": [{"fold": measures, "as": ["measure", "US$"]}, {"filter": "datum['US$'] !== null"}],
        "mark": LINE,
        "encoding": {
            "x": DAY,
            "y": {"field": "US$", "type": "quantitative", "scale": {"zero": False}, "axis": AMOUNT},
            "color": {"field": "measure", "scale": {"domain": measures, "range": hues}, "legend": LINE_LEGEND},
        },
    }


def cost_basis(rows: Sequence[Row]) -> dict:
    """How many coins last moved at which price."""
    return {
        "data": {"values": rows},
        "mark": {"type": "bar", "color": "var(--in)"},
        "encoding": {
            "x": {
                "field": "US$ from",
                "type": "ordinal",
                "axis": {"format": ",.0f", "title": "US$", "labelAngle": 0, "labelOverlap": True},
            },
            "y": {"field": "BTC", "type": "quantitative", "axis": AMOUNT},
        },
    }


def reporting_latency(rows: Sequence[Row]) -> dict:
    """A dot per session, orange where a partial total had the opposite sign; weeks without a look stay in sight."""
    hours = {"scale": {"type": "symlog"}, "axis": {"title": None, "values": [1, 6, 24, 72, 168, 720, 2160]}}
    return {
        "data": {"values": rows},
        "mark": {"type": "circle", "size": 70, "opacity": 1},
        "encoding": {
            "x": WEEK | {"field": "session"},
            "y": {"field": "hours", "type": "quantitative"} | hours,
            "color": {"condition": {"test": "datum['sign flipped']", "value": "var(--out)"}, "value": "var(--in)"},
        },
    }


CHARTS = (
    Section(
        "flows_by_fund",
        "Flows by fund: US spot Bitcoin funds, US$ m per week",
        "Blue is money in, orange money out; the stronger, the more. Weeks go by trade date and start on the"
        " Monday shown; a pale cell is not complete.",
        ("etf_flows_weekly", "etf_market_flows_weekly"),
        """
with flows as (
    select week_start_date, 'All funds' as fund, 0 as place, net_flow_usd, is_complete
    from marts.etf_market_flows_weekly
    where asset = 'BTC' and source = 'farside'
    union all
    select week_start_date, ticker, 1, net_flow_usd, is_complete
    from marts.etf_flows_weekly
    where asset = 'BTC' and source = 'farside' and dating_convention = 'trade_date'
),

newest as (
    select * from flows
    where week_start_date in (select distinct week_start_date from flows order by week_start_date desc limit 7)
)

select
    week_start_date as week,
    fund,
    net_flow_usd / 1e6 as "US$ m",
    is_complete as "is complete"
from newest
order by place, sum(abs(net_flow_usd)) over (partition by fund) desc nulls last, fund, week
""",
        "No weekly flows by fund are held yet: run `flowhouse build --live` or replay an archive.",
        flows_by_fund,
    ),
    Section(
        "flows_by_convention",
        "Flows by date: shares of IBIT by two dates, BTC per week",
        "Blue counts the shares on the day they were traded, orange on the day the issuer counted them, one session"
        " later: the two can differ in sign. A pale bar is a week that is not complete.",
        ("etf_flows_weekly",),
        """
select
    week_start_date as week,
    dating_convention as dating,
    net_flow_native as "BTC",
    sessions || ' of ' || expected_sessions as sessions,
    is_complete as "is complete"
from marts.etf_flows_weekly
where
    ticker = 'IBIT' and source = 'issuer' and net_flow_native is not null
    and week_start_date > (select max(week_start_date) from marts.etf_flows_weekly) - interval 12 week
order by week, dating desc
""",
        "No share counts of IBIT are held yet.",
        flows_by_convention,
    ),
    Section(
        "demand_and_supply",
        "Demand against supply: BTC per week",
        "Blue is what the funds took in, orange what was issued and what the supply of long-term holders fell by;"
        " above them stands the share that funds absorbed. Coins let go need not have been sold; a week marked * is"
        " touched by a known internal move and is not drawn.",
        ("demand_vs_supply_weekly",),
        """
with told as (
    select *, dense_rank() over (order by holder_series <> 'derived', holder_series) as choice
    from marts.demand_vs_supply_weekly
    where
        asset = 'BTC' and flow_source = 'farside' and dating_convention = 'trade_date'
        and definition_id = 'age_155d_step'
)

select
    week_start_date as week,
    etf_net_flow_native as "funds took in",
    issued_native - lth_net_change_native as "issued and let go",
    absorption_ratio as "share absorbed",
    holder_series as series,
    is_complete as "is complete",
    missing,
    has_internal_move as "internal move"
from told
where choice = 1 and week_start_date > (select max(week_start_date) from told) - interval 12 week
order by week
""",
        "No week has both flows of funds and a supply of long-term holders yet.",
        demand_and_supply,
    ),
    Section(
        "long_term_supply",
        "Long-term supply: BTC",
        "A line per series and definition of long-term. The axis does not start at zero; a sudden step may be a move"
        " inside one owner.",
        ("onchain_holder_supply_daily",),
        """
with shown as (
    select *, max(value_date) over () as newest
    from marts.onchain_holder_supply_daily
    where
        asset = 'BTC'
        and network = (select min(network) from marts.onchain_holder_supply_daily where asset = 'BTC')
)

select value_date as day, network, series || ', ' || definition_id as series, lth_native as "BTC"
from shown
where value_date > newest - interval 180 day
order by day, series
""",
        "No supply of long-term holders is held yet: `flowhouse ingest bitcoin` reads a node.",
        long_term_supply,
    ),
    Section(
        "matured_and_spent",
        "Matured and spent: long-term coins, BTC per week",
        "Blue coins turned 155 days old, orange ones were spent, the dark mark is the net change. Gross of internal"
        " moves: value of coins moved, not sale proceeds.",
        ("onchain_lth_flows_daily",),
        """
with shown as (
    select *, cast(date_trunc('week', value_date) as date) as week, max(value_date) over () as newest
    from marts.onchain_lth_flows_daily
    where
        asset = 'BTC' and series = 'derived' and definition_id = 'age_155d_step'
        and network = (
            select min(network) from marts.onchain_lth_flows_daily where asset = 'BTC' and series = 'derived'
        )
)

select
    week,
    network,
    sum(matured_native) as matured,
    sum(spent_native) as spent,
    sum(net_change_native) as "net change",
    sum(spent_usd) / 1e6 as "value of spent, US$ m",
    count(*) || ' of 7' as days
from shown
where week > newest - interval 26 week
group by week, network
order by week
""",
        "No chain is held yet: `flowhouse ingest bitcoin` reads a node.",
        matured_and_spent,
    ),
    Section(
        "price",
        "Price: Bitcoin, its 200-day mean and realized price, US$",
        "Below the 200-day mean the trend points down; below the realized price the average coin is held at a loss."
        " A line that is missing needs more history than is held.",
        ("market_price_trend_daily", "onchain_value_daily"),
        """
select
    trend.price_date as day,
    trend.close_usd as "close",
    trend.sma_200d_usd as "200-day mean",
    worth.realized_price_usd as "realized price"
from marts.market_price_trend_daily as trend
left join marts.onchain_value_daily as worth
    on worth.asset = trend.asset and worth.value_date = trend.price_date and worth.network = 'main'
where
    trend.asset = 'BTC' and trend.venue = 'binance'
    and trend.price_date > (select max(price_date) from marts.market_price_trend_daily) - interval 180 day
order by day
""",
        "No prices are held yet.",
        price,
    ),
    Section(
        "cost_basis",
        "Cost basis: BTC by the price at which they last moved",
        "Each bar holds the coins that last moved in that range of US$ 5,000. Coins that moved before there was a"
        " price are left out.",
        ("onchain_cost_basis",),
        """
with shown as (
    select *, max(value_date) over () as newest
    from marts.onchain_cost_basis
    where asset = 'BTC' and network = (select min(network) from marts.onchain_cost_basis where asset = 'BTC')
)

select
    floor(price_bucket_usd / 5000) * 5000 as "US$ from",
    sum(supply_native) as "BTC",
    network,
    value_date as day
from shown
where value_date = newest and price_bucket_usd > 0
group by "US$ from", network, day
order by "US$ from"
""",
        "No chain is held yet: `flowhouse ingest bitcoin` reads a node.",
        cost_basis,
    ),
    Section(
        "age_bands",
        "Age of coins: share of supply by time since the last move",
        "Youngest on top, oldest at the foot: where the older parts shrink, old coins moved.",
        ("onchain_age_bands_daily",),
        """
with shown as (
    select *, max(value_date) over () as newest
    from marts.onchain_age_bands_daily
    where asset = 'BTC' and network = (select min(network) from marts.onchain_age_bands_daily where asset = 'BTC')
)

select
    value_date as day,
    case
        when age_band in ('0d', '1d-1w') then 'to 1 week'
        when age_band = '1w-1m' then 'to 1 month'
        when age_band in ('1m-3m', '3m-6m') then 'to 6 months'
        when age_band = '6m-1y' then 'to 1 year'
        when age_band in ('1y-2y', '2y-3y') then 'to 3 years'
        else 'older'
    end as age,
    network,
    sum(supply_native) as "BTC"
from shown
where
    value_date > newest - interval 1 year
    and (value_date = newest or value_date = last_day(value_date))
group by day, age, network
having sum(supply_native) > 0
order by day, age
""",
        "No chain is held yet: `flowhouse ingest bitcoin` reads a node.",
        age_bands,
    ),
    Section(
        "reporting_latency",
        "Reporting: hours from the first figure of a session to the last",
        "Until then its total was partial. A long time may be one in which nobody looked. Orange: some partial total"
        " had the opposite sign of the final one.",
        ("etf_reporting_latency",),
        """
select
    trade_date as session,
    hours_to_complete as hours,
    is_sign_flipped as "sign flipped",
    first_total_usd / 1e6 as "first total, US$ m",
    final_total_usd / 1e6 as "final total, US$ m"
from marts.etf_reporting_latency
where
    asset = 'BTC' and source = 'farside' and hours_to_complete is not null
    and trade_date > (select max(trade_date) from marts.etf_reporting_latency) - interval 90 day
order by session
""",
        "No session was watched from its first figure to its last: every one was complete when first looked at.",
        reporting_latency,
    ),
)
