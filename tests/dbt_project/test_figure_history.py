"""The history of a figure: which values it had, which of them counts, and what a flow is derived from."""

import hashlib
import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import duckdb
import in_memory
import pytest
from click.testing import CliRunner

from ingestion.archive import Served
from ingestion.sources import hong_kong
from orchestration import gather
from orchestration.cli.main import main
from orchestration.home import Home
from orchestration.ingest_mode import UserUpload

TABLES = """
create schema marts;
create table marts.etf_observations (source varchar, asset varchar, ticker varchar, value_date date, metric varchar,
    observed_at timestamp, raw_text varchar, value double, archive_sha256 varchar, is_report boolean);
create table marts.etf_foreign_observations (source varchar, asset varchar, ticker varchar, value_date date,
    metric varchar, observed_at timestamp, raw_text varchar, value double, archive_sha256 varchar,
    archive_source varchar);
create table marts.funds (ticker varchar, share_date_convention varchar);
create table marts.etf_filings (ticker varchar, asset varchar, quarter_end_date date, filed_date date,
    filed_native decimal(38, 8), source_url varchar);
create table marts.market_sessions (session_date date, previous_session_date date, next_session_date date);
insert into marts.funds values ('SETT', 'settlement_date'), ('TRAD', 'trade_date'), ('NONE', null);
insert into marts.market_sessions values
    ('2025-03-06', '2025-03-05', '2025-03-07'), ('2025-03-07', '2025-03-06', '2025-03-10'),
    ('2025-03-10', '2025-03-07', '2025-03-11');
insert into marts.etf_filings
    select ticker, 'BTC', quarter_end_date, quarter_end_date + 40, 10, 'https://example.org/' || quarter_end_date
    from (values ('SETT'), ('TRAD')) as funds(ticker),
        (values (date '2024-09-30'), (date '2024-12-31'), (date '2025-03-31')) as quarters(quarter_end_date);
"""
FRIDAY = date(2025, 3, 7)


@pytest.fixture(scope="module")
def macro() -> str:
    (found,) = (node for node in in_memory.compiled("etf_figure_history") if node.kind == "table_macro")
    return f"create macro marts.etf_figure_history(of_ticker, of_date) as table {found.sql}"


@pytest.fixture
def history(macro) -> Callable[..., list[dict]]:
    """The history of a figure over observations given as (ticker, day, metric, hour, value, is_report)."""

    def history(seen: list[tuple], ticker: str, day: date = FRIDAY) -> list[dict]:
        with duckdb.connect() as con:
            con.execute(TABLES)
            for name, value_date, metric, hour, value, is_report in seen:
                source = "farside" if metric == "net_flow_usd" else "issuer"
                row = [source, "BTC", name, value_date, metric, datetime(2025, 3, 11, hour), str(value), value]
                con.execute(
                    "insert into marts.etf_observations values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [*row, f"page {hour}", is_report],
                )
            con.execute(macro)
            query = "select * from marts.etf_figure_history(?, ?) order by source, metric, value_date, observed_at"
            found = con.execute(query, [ticker, day])
            columns = [column[0] for column in found.description or ()]
            return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]

    return history


@pytest.mark.parametrize(
    ("values", "standings"),
    [
        ([(5.0, True)], ["counts"]),
        ([(5.0, True), (6.0, True)], ["replaced", "counts"]),
        ([(0.0, False)], ["before_close"]),
        ([(0.0, False), (0.0, True)], ["replaced", "counts"]),
        ([(5.0, True), (None, True)], ["replaced", "blank"]),
        ([(5.0, True), (None, True), (5.0, True)], ["replaced", "replaced", "counts"]),
    ],
)
def test_the_newest_value_counts_if_it_is_a_report(history, values, standings):
    seen = [("SETT", FRIDAY, "net_flow_usd", hour, *value) for hour, value in enumerate(values)]
    found = [row for row in history(seen, "sett") if row["role"] == "flow"]
    assert [row["standing"] for row in found] == standings
    assert [row["value"] for row in found] == [value for value, _ in values]
    assert [row["archive_sha256"] for row in found] == [f"page {hour}" for hour in range(len(values))]


@pytest.mark.parametrize(
    ("ticker", "roles"),
    [
        ("SETT", {FRIDAY: "count_before", date(2025, 3, 10): "count_after"}),
        ("TRAD", {date(2025, 3, 6): "count_before", FRIDAY: "count_after"}),
        ("NONE", {FRIDAY: "shares_outstanding"}),
    ],
)
def test_the_two_counts_are_those_of_the_funds_convention(history, ticker, roles):
    days = [date(2025, 3, 6), FRIDAY, date(2025, 3, 10)]
    seen = [(ticker, day, metric, 9, 1.0, True) for day in days for metric in ("shares_outstanding", "nav_usd")]
    found = history(seen, ticker)
    assert {row["value_date"]: row["role"] for row in found if row["metric"] == "shares_outstanding"} == roles
    assert [row["value_date"] for row in found if row["role"] == "nav"] == [FRIDAY]


def test_the_filing_is_the_newest_at_or_before_the_session_and_else_the_first(history):
    for day, quarter in {FRIDAY: date(2024, 12, 31), date(2024, 3, 1): date(2024, 9, 30)}.items():
        (filing,) = history([], "SETT", day)
        assert (filing["role"], filing["value_date"], filing["value"]) == ("filing", quarter, 10.0)
        assert filing["source_url"] == f"https://example.org/{quarter}"


def test_each_figure_has_a_newest_value_of_its_own(history):
    seen = [("TOTAL", FRIDAY, "net_flow_usd", 1, 5.0, True), ("SETT", FRIDAY, "net_flow_usd", 2, 6.0, True)]
    assert [(row["ticker"], row["standing"]) for row in history(seen, "TOTAL")] == [("TOTAL", "counts")]


HEADER = "trade_date,ticker,net_flow_native,net_flow_usd\n"


@pytest.fixture
def abroad(macro, tmp_path) -> Home:
    """A home with two files of Hong Kong's funds, and their rows in a warehouse that somebody made."""
    home = Home(tmp_path)
    files = {3: HEADER + "2024-05-02,3042,-12.5,-750000\n", 4: HEADER + "2024-05-02,3042,-13.5,-750000\n"}
    for day, text in files.items():
        served = Served("", text.encode(), datetime(2024, 5, day))
        gather.update(hong_kong.SOURCE, home, UserUpload("farside", served, ""))
    folder = home.published / "one"
    folder.mkdir(parents=True)
    (home.published / "latest").symlink_to("one")
    (folder / "manifest.json").write_text("{}")
    raw = Path(home.lake.root) / "hong_kong/fund_flows/fund_flows.parquet"
    with duckdb.connect(str(folder / "warehouse.duckdb")) as con:
        con.execute(TABLES)
        con.execute("alter table marts.funds add column asset varchar default 'BTC'")
        con.execute(
            "insert into marts.etf_foreign_observations select source, 'BTC', ticker, value_date, metric, observed_at,"
            f" raw_text, value, archive_sha256, 'hong_kong' from read_parquet('{raw}')"
        )
        con.execute(macro)
    return home


def why(home: Home, *words: str) -> str:
    return CliRunner().invoke(main, ["why", *words, "--home", str(home.root)], env={"COLUMNS": "200"}).output


def test_a_fund_listed_elsewhere_leads_to_the_users_file_whatever_its_name(abroad):
    values = json.loads(why(abroad, "3042", "2024-05-02", "--format", "json"))
    assert [(value["role"], value["value"], value["standing"], value["file"][-20:]) for value in values] == [
        ("flow_native", -12.5, "replaced", "20240503T000000Z.csv"),
        ("flow_native", -13.5, "counts", "20240504T000000Z.csv"),
        ("flow", -750_000, "counts", "20240503T000000Z.csv"),
    ]
    newest = (abroad.archive.root / "hong_kong/farside/20240504T000000Z.csv").read_bytes()
    sha256 = hashlib.sha256(newest).hexdigest()
    assert f"sha256 {sha256}" in why(abroad, "3042", "2024-05-02")
    assert why(abroad, "3042", "2024-W18", "--bytes", sha256[:12]) == newest.decode()


@pytest.mark.parametrize(
    ("day", "said"),
    [
        ("2024-05-04", "2024-05-04 is a Saturday: ask for a day from Monday to Friday.\n"),
        ("2024-04-29", "3042 had no flow before 2024-04-30, its first session: ask for that day or a later one.\n"),
        ("2024-05-06", "No page has shown a figure of 3042 on 2024-05-06: the newest day with one is 2024-05-02;"),
    ],
)
def test_a_day_of_a_fund_listed_elsewhere_need_be_no_session_of_new_york(abroad, day, said):
    assert said in why(abroad, "3042", day)
