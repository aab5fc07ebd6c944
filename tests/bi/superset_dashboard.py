"""The recipe for Apache Superset, run against a real server in its own environment."""

import json
import secrets
import shutil
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import requests

from orchestration.bi.superset import CHARTS, Superset
from orchestration.errors import SupersetRefused
from orchestration.publishing import published

PASSWORD = secrets.token_urlsafe(16)
QUERIES = {
    "US spot Bitcoin funds: US$ a session": """
        select market.trade_date, market.is_complete, sum(fund.net_flow_usd)
        from marts.etf_fund_daily as fund
        inner join marts.etf_market_daily as market using (asset, trade_date)
        where asset = 'BTC'
        group by all
        order by 1
    """,
    "US spot Bitcoin funds: coins held, fund by fund": """
        select trade_date, ticker, held_native
        from marts.etf_fund_daily
        where asset = 'BTC' and held_native is not null
    """,
    "Bitcoin over 30 days: what funds took in, the change of long-term supply, and issuance": """
        select value_date, etf_net_flow_native, lth_net_change_native, issued_native
        from marts.demand_vs_supply_daily
        where asset = 'BTC' and window_days = 30 and is_preferred
    """,
    "US spot Bitcoin funds: US$ a week, and whether all of them reported": """
        select cast(date_trunc('week', trade_date) as date), true, sum(net_flow_usd)
        from marts.etf_flows_daily
        where asset = 'BTC' and source = 'farside'
        group by 1
        order by 1
    """,
    "IBIT: coins a week, by the date one counts by": """
        select week_start_date, dating_convention, net_flow_native
        from marts.etf_flows_weekly
        where ticker = 'IBIT' and source = 'issuer'
        order by 1
    """,
    "Long-term holders of Bitcoin: change of their supply a day, coins": """
        select value_date, series, definition_id, lth_native - lag(lth_native) over (order by value_date)
        from marts.onchain_holder_supply_daily
        where asset = 'BTC' and network = 'main'
        order by 1
    """,
    "Holders of Bitcoin for 155 days: coins spent a day, by network": """
        select day.value_date, day.network, coalesce(sum(flow.amount_native), 0)
        from marts.onchain_blocks_daily as day
        left join marts.onchain_coin_flow as flow
            on day.network = flow.network and day.value_date = flow.spend_date
            and flow.spend_date - flow.birth_date >= 155
        group by all
        order by 1
    """,
    "Bitcoin against its mean of 200 days, US$": """
        select
            price_date,
            close_usd,
            case when count(*) over recent = 200 then avg(close_usd) over recent end
        from marts.market_prices_daily
        where asset = 'BTC' and venue = 'binance'
        window recent as (order by price_date rows 199 preceding)
        order by 1
    """,
    "Weeks of all US spot funds, and whether they are complete": """
        select
            week_start_date, asset, net_flow_usd, net_flow_native, funds_reported, funds_expected, is_complete
        from marts.etf_market_flows_weekly
        where source = 'farside'
    """,
}
"""What each chart must show, from another table than the chart's where there is one."""


class Server:
    """A Superset server of this test; only `process` is ever stopped."""

    def __init__(self, commands: Path, folder: Path):
        self._run = [commands / "superset"]
        self._environment = {
            "PATH": f"{commands}:/usr/bin:/bin",
            "HOME": str(folder),
            "SUPERSET_HOME": str(folder),
            "SUPERSET_SECRET_KEY": secrets.token_urlsafe(42),
        }
        self._log = folder / "log.txt"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def prepare(self) -> None:
        self._do("db", "upgrade")
        who = ["--username", "admin", "--firstname", "A", "--lastname", "B", "--email", "a@example.com"]
        self._do("fab", "create-admin", *who, "--password", PASSWORD)
        self._do("init")

    def start(self) -> None:
        command = [*self._run, "run", "-h", "127.0.0.1", "-p", str(self.port)]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        for _ in range(120):
            try:
                if requests.get(f"{self.url}/health", timeout=5).ok:
                    return
            except requests.ConnectionError:
                time.sleep(1)
        raise AssertionError(self._log.read_text()[-2000:])

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def _do(self, *arguments: str) -> None:
        done = subprocess.run([*self._run, *arguments], env=self._environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]


def recipe(url: str, home: Path, password: str = PASSWORD) -> subprocess.CompletedProcess:
    """Run the recipe as a user does."""
    command = [sys.executable, "-m", "orchestration.bi.superset", "--url", url, "--home", home]
    return subprocess.run(command, env={"SUPERSET_PASSWORD": password}, capture_output=True, text=True)


@pytest.fixture(scope="module")
def server(environment, tmp_path_factory):
    server = Server(environment("superset"), tmp_path_factory.mktemp("superset_home"))
    server.prepare()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def superset(server, home) -> Superset:
    """The server after the recipe."""
    done = recipe(server.url, home)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{server.url}/superset/dashboard/flowhouse/"
    return Superset(server.url, "admin", PASSWORD)


def counts(superset: Superset) -> dict[str, int]:
    return {kind: superset.ask("get", f"{kind}/")["count"] for kind in ("database", "dataset", "chart", "dashboard")}


def shown(superset: Superset, chart: str) -> list[dict]:
    """The rows that the API gives for a chart."""
    known = superset.find("chart", slice_name=chart)
    return superset.ask("get", f"chart/{known}/data/")["result"][0]["data"]


def words_and_amounts(rows: list) -> tuple[list, list[float]]:
    """Rows in one order, amounts apart from all else; days as text."""

    def is_amount(value) -> bool:
        return isinstance(value, int | float | Decimal) and not isinstance(value, bool)

    def day(value) -> str:
        return str(datetime.fromtimestamp(value / 1000, UTC).date() if is_amount(value) else value)

    ordered = sorted(((day(row[0]), *row[1:]) for row in rows), key=str)
    words = [[None if is_amount(value) else str(value) for value in row] for row in ordered]
    return words, [float(value) for row in ordered for value in row if is_amount(value)]


@pytest.mark.parametrize("chart", [chart.name for chart in CHARTS])
def test_a_chart_shows_what_the_warehouse_holds(superset, warehouse, chart):
    with duckdb.connect(str(warehouse), read_only=True) as con:
        held = con.sql(QUERIES[chart]).fetchall()
    assert held
    rows = [tuple(row.values()) for row in shown(superset, chart)]
    (seen, amounts), (expected, held_amounts) = words_and_amounts(rows), words_and_amounts(held)
    assert seen == expected
    assert amounts == pytest.approx(held_amounts, rel=1e-9)


def test_every_mart_is_a_data_set_whose_columns_are_described(superset, warehouse):
    with duckdb.connect(str(warehouse), read_only=True) as con:
        marts = con.sql("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
    assert counts(superset)["dataset"] == len(marts)
    known = superset.find("dataset", table_name="etf_flows_weekly")
    columns = superset.ask("get", f"dataset/{known}")["result"]["columns"]
    assert all(column["description"] for column in columns)


def test_the_dashboard_holds_every_chart(superset):
    held = superset.ask("get", "dashboard/flowhouse")["result"]
    assert set(held["charts"]) == {chart.name for chart in CHARTS}
    placed = {part["meta"]["chartId"] for name, part in json.loads(held["position_json"]).items() if "CHART-" in name}
    assert placed == {superset.find("chart", slice_name=chart.name) for chart in CHARTS}


def test_running_it_again_makes_nothing_twice(superset, server, home):
    before = counts(superset)
    assert recipe(server.url, home).returncode == 0
    assert counts(superset) == before


@pytest.mark.parametrize(
    ("sql", "refusal"),
    [
        ("create table marts.mine as select 1", "DDL/DML"),
        ("select * from read_csv('/etc/hosts')", "disabled by configuration"),
    ],
)
def test_a_query_can_neither_write_nor_read_other_files(superset, sql, refusal):
    database = superset.find("database", database_name="flowhouse")
    with pytest.raises(SupersetRefused, match=refusal):
        superset.ask("post", "sqllab/execute/", {"database_id": database, "sql": sql})


def test_its_connections_are_read_only(superset):
    """Superset refuses to write by itself, but a connection that might write keeps every other reader out."""
    database = superset.find("database", database_name="flowhouse")
    query = {"database_id": database, "sql": "select current_setting('access_mode') as mode"}
    assert superset.ask("post", "sqllab/execute/", query)["data"] == [{"mode": "read_only"}]


def test_no_file_stays_open_and_a_new_build_is_seen_at_once(superset, server, home, warehouse):
    chart = CHARTS[0].name
    before = shown(superset, chart)
    open_files = [link.resolve().name for link in Path(f"/proc/{server.process.pid}/fd").iterdir()]
    assert warehouse.name not in open_files
    newer = warehouse.resolve().parent.with_name("20990101T000000Z-newer")
    shutil.copytree(warehouse.resolve().parent, newer)
    with duckdb.connect(str(newer / warehouse.name)) as con:
        con.execute("delete from marts.etf_market_flows_weekly where week_start_date = date '2025-11-03'")
    older = warehouse.resolve().parent.name
    published.point_latest(home / "published", newer.name)
    try:
        assert len(shown(superset, chart)) == len(before) - 1
    finally:
        published.point_latest(home / "published", older)


def test_a_wrong_password_is_one_sentence(server, home):
    refused = recipe(server.url, home, "wrong")
    assert refused.returncode == 1
    assert refused.stderr.startswith("flowhouse: Superset rejects this user and password")
    assert "wrong" not in refused.stderr
