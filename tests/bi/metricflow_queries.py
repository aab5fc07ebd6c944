"""MetricFlow's answers, in its own environment, against the published file's tables."""

import csv
import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest

PROJECT = Path(__file__).parents[2] / "dbt_project"
FARSIDE = "{{ Dimension('fund_flow__source') }} = 'farside'"
SIMULATED = """
    {{ Dimension('holder_flow__network') }} = 'regtest' and {{ TimeDimension('metric_time', 'day') }} >= '2025-01-01'
"""
STEPS = SIMULATED + " and {{ Dimension('holder_flow__definition_id') }} like '%_step'"
WHOLE_WEEKS = """
    {{ Dimension('holder_flow__series') }} = 'published_utxo'
    and {{ TimeDimension('metric_time', 'day') }} < '2025-11-10'
"""
BY_DEFINITION = "metric_time__week,holder_flow__network,holder_flow__series,holder_flow__definition_id"
COINS_SPENT = """
    select
        cast(date_trunc('week', spend_date) as date) as week,
        'regtest',
        'derived',
        'age_{days}d_step',
        coalesce(sum(amount_native) filter (where spend_date - birth_date >= {days}), 0)
    from marts.onchain_coin_flow
    where network = 'regtest' and spend_date >= date '2025-01-01'
    group by week
"""

MONTHS = "{{ Dimension('demand__is_preferred') }} and {{ Dimension('demand__window_days') }} = 30"
A_WEEK = "{{ Dimension('demand__window_days') }} = 7 and {{ TimeDimension('metric_time', 'day') }} >= '2025-11-03'"

ANSWERS = {
    "fund_flow_usd": (
        "metric_time__week,desk_fund__ticker",
        None,
        "select week_start_date, ticker, net_flow_usd from marts.etf_fund_weekly",
    ),
    "fund_flow_native": (
        "metric_time__day,desk_fund__asset",
        None,
        "select trade_date, asset, net_flow_native from marts.etf_market_daily",
    ),
    "fund_held_native": (
        "metric_time__week,desk_fund__ticker",
        None,
        "select week_start_date, ticker, held_native from marts.etf_fund_weekly",
    ),
    "demand_funds_native": (
        "metric_time__day,demand__asset",
        MONTHS,
        """
        select value_date, asset, etf_net_flow_native
        from marts.demand_vs_supply_daily
        where is_preferred and window_days = 30
        """,
    ),
    "demand_holders_native": (
        "metric_time__day,demand__holder_series",
        MONTHS,
        """
        select value_date, series, lth_native - lag(lth_native, 30) over (order by value_date)
        from marts.onchain_holder_supply_daily
        where asset = 'BTC' and network = 'main'
        """,
    ),
    "net_flow_usd": (
        "metric_time__week,fund_flow__asset",
        FARSIDE,
        "select week_start_date, asset, net_flow_usd from marts.etf_market_flows_weekly where source = 'farside'",
    ),
    "net_flow_native": (
        "metric_time__week,fund_flow__asset",
        FARSIDE,
        "select week_start_date, asset, net_flow_native from marts.etf_market_flows_weekly where source = 'farside'",
    ),
    "lth_spent_native": (
        BY_DEFINITION,
        STEPS,
        f"{COINS_SPENT.format(days=150)} union all {COINS_SPENT.format(days=155)}",
    ),
    "lth_net_change_native": (
        BY_DEFINITION,
        WHOLE_WEEKS,
        """
        with sundays as (
            select value_date, definition_id, lth_native - lag(lth_native, 7) over (order by value_date) as change
            from marts.onchain_holder_supply_daily
            where series = 'published_utxo'
        )
        select value_date - 6, 'main', 'published_utxo', definition_id, change
        from sundays
        where dayofweek(value_date) = 0 and change is not null
        """,
    ),
}
"""For each metric: what it is grouped by, the condition, and the same from other tables where there are any."""

MIXED = {
    "fund_flow_native": ("desk_fund__flow_source", "{{ Dimension('desk_fund__flow_source') }} = 'farside'"),
    "fund_held_native": ("metric_time__year", None),
    "demand_funds_native": ("demand__asset", A_WEEK),
    "demand_holders_native": ("demand__asset", A_WEEK),
    "apparent_demand_native": ("demand__asset", A_WEEK),
    "net_flow_usd": ("fund_flow__ticker", "{{ Dimension('fund_flow__ticker') }} = 'IBIT'"),
    "net_flow_native": ("fund_flow__source", FARSIDE),
    "lth_spent_native": ("holder_flow__network", SIMULATED),
    "lth_net_change_native": ("holder_flow__network", SIMULATED),
}
"""Two sources of a fund, two assets of a source, three definitions on a network, windows that overlap: a sum would mean
nothing."""


@pytest.fixture(scope="module")
def metricflow(environment, warehouse, tmp_path_factory):
    """Query metrics; returns rows of text, with nulls as empty."""
    commands, project = environment("metricflow"), tmp_path_factory.mktemp("metricflow_project") / "dbt_project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    variables = {"PATH": f"{commands}:/usr/bin:/bin", "HOME": str(project.parent)}
    variables |= {"DBT_TARGET": "published", "FLOWHOUSE_WAREHOUSE": str(warehouse)}

    def run(*command: str) -> None:
        done = subprocess.run(command, cwd=project, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]

    def ask(metric: str, groups: str, where: str | None = None) -> list[list[str]]:
        file = project.parent / "answer.csv"
        condition = ["--where", where] if where else []
        run("mf", "query", "--metrics", metric, "--group-by", groups, *condition, "--csv", str(file))
        return list(csv.reader(file.open()))[1:]

    run("dbt", "--quiet", "parse")
    return ask


def known(rows: list) -> dict[tuple, float]:
    """The amounts by their group, without the unknown ones."""
    return {(str(row[0])[:10], *row[1:-1]): float(row[-1]) for row in rows if row[-1] not in ("", None)}


@pytest.mark.parametrize("metric", ANSWERS)
def test_a_metric_is_what_the_warehouse_holds(metricflow, warehouse, metric):
    groups, where, query = ANSWERS[metric]
    with duckdb.connect(str(warehouse), read_only=True) as con:
        held = known(con.sql(query).fetchall())
    assert held
    assert known(metricflow(metric, groups, where)) == pytest.approx(held, rel=1e-9)


@pytest.mark.parametrize("metric", MIXED)
def test_a_sum_over_what_must_not_be_summed_is_null(metricflow, metric):
    groups, where = MIXED[metric]
    assert [row[-1] for row in metricflow(metric, groups, where)] == [""]
