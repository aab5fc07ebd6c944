"""Apache Superset on the published warehouse: the connection, a data set per mart, and a dashboard to start from.

    python -m orchestration.bi.superset --url http://127.0.0.1:8088 --user admin

Everything goes through Superset's API. Run it again after an upgrade: it updates what it created, and leaves your
own charts and dashboards alone.
"""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import click
import requests

from orchestration.cli.exit_codes import FAILED
from orchestration.cli.options import home_option, open_home
from orchestration.errors import SupersetRefused

NAME = "flowhouse"
SCHEMA = "marts"
TIMEOUT_SECONDS = 60
DAY_FORMAT = "%Y-%m-%d"
ROW_LIMIT = 50_000
"""The most that Superset allows; all of Bitcoin's days are 6,000 rows a line."""
OPTIONS = "access_mode=read_only&enable_external_access=false&lock_configuration=true"
"""No lock that would stop a build, and no access from a query to other files of the machine."""


@dataclass(frozen=True)
class Chart:
    """One chart of the dashboard. Filters and series together name every key column of its mart, so no keys are mixed.

    Attributes:
        kind: `bar` or `line` over `date`, or `table` of whole rows.
        measures: the columns drawn, or those that the table shows after its date.
        filters: values of key columns, or the preferred row; None keeps the rows in which the column has a value.
    """

    name: str
    mart: str
    kind: str
    date: str
    measures: tuple[str, ...]
    filters: dict[str, str | int | bool | None]
    series: tuple[str, ...] = field(default=())


CHARTS = (
    Chart(
        "US spot Bitcoin funds: US$ a session",
        "etf_market_daily",
        "bar",
        "trade_date",
        ("net_flow_usd",),
        {"asset": "BTC"},
        ("is_complete",),
    ),
    Chart(
        "US spot Bitcoin funds: coins held, fund by fund",
        "etf_fund_daily",
        "line",
        "trade_date",
        ("held_native",),
        {"asset": "BTC", "held_native": None},
        ("ticker",),
    ),
    Chart(
        "Bitcoin over 30 days: what funds took in, the change of long-term supply, and issuance",
        "demand_vs_supply_daily",
        "line",
        "value_date",
        ("etf_net_flow_native", "lth_net_change_native", "issued_native"),
        {"asset": "BTC", "window_days": 30, "is_preferred": True},
    ),
    Chart(
        "US spot Bitcoin funds: US$ a week, and whether all of them reported",
        "etf_market_flows_weekly",
        "bar",
        "week_start_date",
        ("net_flow_usd",),
        {"asset": "BTC", "source": "farside"},
        ("is_complete",),
    ),
    Chart(
        "IBIT: coins a week, by the date one counts by",
        "etf_flows_weekly",
        "bar",
        "week_start_date",
        ("net_flow_native",),
        {"ticker": "IBIT", "source": "issuer"},
        ("dating_convention",),
    ),
    Chart(
        "Long-term holders of Bitcoin: change of their supply a day, coins",
        "onchain_lth_flows_daily",
        "bar",
        "value_date",
        ("net_change_native",),
        {"asset": "BTC", "network": "main"},
        ("series", "definition_id"),
    ),
    Chart(
        "Holders of Bitcoin for 155 days: coins spent a day, by network",
        "onchain_lth_flows_daily",
        "line",
        "value_date",
        ("spent_native",),
        {"asset": "BTC", "series": "derived", "definition_id": "age_155d_step", "spent_native": None},
        ("network",),
    ),
    Chart(
        "Bitcoin against its mean of 200 days, US$",
        "market_price_trend_daily",
        "line",
        "price_date",
        ("close_usd", "sma_200d_usd"),
        {"asset": "BTC", "venue": "binance"},
    ),
    Chart(
        "Weeks of all US spot funds, and whether they are complete",
        "etf_market_flows_weekly",
        "table",
        "week_start_date",
        ("asset", "net_flow_usd", "net_flow_native", "funds_reported", "funds_expected", "is_complete"),
        {"source": "farside"},
    ),
)

VIZ_TYPES = {"bar": "echarts_timeseries_bar", "line": "echarts_timeseries_line", "table": "table"}


class Superset:
    """A session with a Superset server.

    Raises:
        SupersetRefused: no server answers at the address, or it rejects user and password.
    """

    def __init__(self, url: str, user: str, password: str):
        self._root = f"{url.rstrip('/')}/api/v1/"
        self._session = requests.Session()
        known = self.ask("post", "security/login", {"username": user, "password": password, "provider": "db"})
        self._session.headers["Authorization"] = f"Bearer {known['access_token']}"
        self._session.headers["X-CSRFToken"] = self.ask("get", "security/csrf_token/")["result"]

    def ask(self, method: str, path: str, body: dict | None = None, query: dict | None = None) -> dict:
        """The JSON answer to one request.

        Raises:
            SupersetRefused: no server answers, or the answer is an error.
        """
        try:
            address, params = self._root + path, {"q": json.dumps(query)} if query else None
            answer = self._session.request(method, address, params=params, json=body, timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            reason = type(error).__name__
            raise SupersetRefused(f"No server answers at {self._root} ({reason}): start Superset first.") from None
        if answer.status_code == 401:
            raise SupersetRefused("Superset rejects this user and password: check --user and SUPERSET_PASSWORD.")
        if not answer.ok:
            message = " ".join(answer.text.split())[:300]
            raise SupersetRefused(f"Superset answered {answer.status_code} to {method} {path}: {message}")
        return answer.json()

    def find(self, kind: str, **values: str | int) -> int | None:
        """The id of the object with these values, or None."""
        filters = [
            {"col": name, "opr": "rel_o_m" if name == "database" else "eq", "value": value}
            for name, value in values.items()
        ]
        found = self.ask("get", f"{kind}/", query={"filters": filters})["ids"]
        return found[0] if found else None

    def put(self, kind: str, body: dict, **values: str | int) -> int:
        """Update the object with these values, or create it; returns its id."""
        known = self.find(kind, **values)
        if known is None:
            return self.ask("post", f"{kind}/", body | values)["id"]
        self.ask("put", f"{kind}/{known}", body | values)
        return known


def set_up(superset: Superset, warehouse: Path) -> str:
    """Create or update connection, data sets, charts and dashboard; returns the dashboard's path.

    Args:
        warehouse: the published file as the Superset server sees it, through `latest` to stay current.
    """
    uri = f"duckdb:///{warehouse}?{OPTIONS}"
    database = superset.put("database", {"sqlalchemy_uri": uri, "expose_in_sqllab": True}, database_name=NAME)
    datasets = {mart: dataset(superset, database, mart) for mart in marts(superset, database)}
    dashboard = superset.put(
        "dashboard", {"dashboard_title": "Who sells Bitcoin, and who buys?", "published": True}, slug=NAME
    )
    charts = [
        superset.put("chart", content(chart, datasets[chart.mart]) | {"dashboards": [dashboard]}, slice_name=chart.name)
        for chart in CHARTS
    ]
    superset.ask("put", f"dashboard/{dashboard}", {"position_json": json.dumps(layout(charts))})
    return f"/superset/dashboard/{NAME}/"


def marts(superset: Superset, database: int) -> list[str]:
    """Names of the published marts."""
    tables = superset.ask("get", f"database/{database}/tables/", query={"schema_name": SCHEMA, "force": True})
    return [table["value"] for table in tables["result"]]


def dataset(superset: Superset, database: int, mart: str) -> int:
    """Create or refresh the data set of a mart with its present columns; returns its id."""
    known = superset.find("dataset", table_name=mart, schema=SCHEMA, database=database)
    if known is None:
        return superset.ask("post", "dataset/", {"database": database, "schema": SCHEMA, "table_name": mart})["id"]
    superset.ask("put", f"dataset/{known}/refresh")
    return known


def content(chart: Chart, dataset: int) -> dict:
    """A chart as Superset stores it: the editor's form, and the query for its data."""
    form = {"viz_type": VIZ_TYPES[chart.kind], "datasource": f"{dataset}__table", "row_limit": ROW_LIMIT}
    query = {
        "row_limit": form["row_limit"],
        "filters": [
            {"col": name, "op": "IS NOT NULL"} if value is None else {"col": name, "op": "==", "val": value}
            for name, value in chart.filters.items()
        ],
    }
    form["adhoc_filters"] = [
        {
            "expressionType": "SIMPLE",
            "clause": "WHERE",
            "subject": one["col"],
            "operator": one["op"],
            "comparator": one.get("val"),
        }
        for one in query["filters"]
    ]
    if chart.kind == "table":
        columns = [chart.date, *chart.measures]
        form |= {"query_mode": "raw", "all_columns": columns, "order_by_cols": [json.dumps([chart.date, False])]}
        form |= {"table_timestamp_format": DAY_FORMAT, "show_cell_bars": False}
        query |= {"columns": columns, "orderby": [[chart.date, False]]}
    else:
        metrics = [
            {"expressionType": "SIMPLE", "column": {"column_name": name}, "aggregate": "SUM", "label": name}
            for name in chart.measures
        ]
        form |= {"x_axis": chart.date, "metrics": metrics, "groupby": list(chart.series)}
        form |= {"x_axis_time_format": DAY_FORMAT}
        query |= {"columns": [chart.date, *chart.series], "metrics": metrics, "orderby": [[chart.date, True]]}
    context = {"datasource": {"id": dataset, "type": "table"}, "queries": [query], "form_data": form}
    return {
        "viz_type": form["viz_type"],
        "datasource_id": dataset,
        "datasource_type": "table",
        "params": json.dumps(form),
        "query_context": json.dumps(context | {"result_format": "json", "result_type": "full"}),
    }


def layout(charts: list[int]) -> dict:
    """A dashboard with two charts per row."""
    rows = [f"ROW-{number}" for number in range((len(charts) + 1) // 2)]
    parts = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "parents": ["ROOT_ID"], "children": rows},
    }
    for number, chart in enumerate(charts):
        row, name = rows[number // 2], f"CHART-{number}"
        in_row = {"type": "ROW", "id": row, "parents": ["ROOT_ID", "GRID_ID"], "children": []}
        parts.setdefault(row, in_row | {"meta": {"background": "BACKGROUND_TRANSPARENT"}})["children"].append(name)
        meta = {"chartId": chart, "width": 6, "height": 50}
        parts[name] = {
            "type": "CHART",
            "id": name,
            "parents": ["ROOT_ID", "GRID_ID", row],
            "children": [],
            "meta": meta,
        }
    return parts


@click.command()
@click.option("--url", default="http://127.0.0.1:8088", show_default=True, help="Superset's address.")
@click.option(
    "--user", envvar="SUPERSET_USER", default="admin", show_default=True, help="A user who may create databases."
)
@click.option("--password", envvar="SUPERSET_PASSWORD", prompt=True, hide_input=True, help="Prompted for when not set.")
@click.option(
    "--warehouse", type=click.Path(path_type=Path), help="The published file, if Superset sees it under another path."
)
@home_option
def main(url: str, user: str, password: str, warehouse: Path | None, root: Path | None) -> None:
    """Show the published warehouse in Apache Superset."""
    warehouse = warehouse or open_home(root, must_exist=True).published / "latest" / "warehouse.duckdb"
    try:
        dashboard = set_up(Superset(url, user, password), warehouse)
    except SupersetRefused as error:
        click.echo(f"flowhouse: {error}", err=True)
        sys.exit(FAILED)
    click.echo(f"{url.rstrip('/')}{dashboard}")


if __name__ == "__main__":
    main()
