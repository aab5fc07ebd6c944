"""The fund marts, row for row against an oracle in plain Python, over random captures and recorded ones."""

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path

import polars as pl
import pytest
from fund_captures import NEVER, STARTS, Maker, World, raw_tables, recorded, seed, seeds
from fund_oracle import Oracle, Rows, public_date
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory import Node, build, compiled, examples

ARCHIVE = Path(__file__).parents[3] / "shared" / "archive"
ISSUERS_ARCHIVE = Path(__file__).parents[3] / "shared" / "issuers" / "archive"

MARTS: dict[str, tuple[tuple[str, ...], Callable[[Oracle], Rows]]] = {
    "etf_holdings_daily": (("ticker", "as_of_date", "source"), Oracle.holdings_daily),
    "etf_flows_daily": (("ticker", "trade_date", "source"), lambda oracle: oracle.flows_daily),
    "etf_flows_weekly": (
        ("ticker", "week_start_date", "source", "dating_convention"),
        lambda oracle: oracle.flows_weekly,
    ),
    "etf_market_flows_daily": (("asset", "trade_date", "source"), Oracle.market_flows_daily),
    "etf_market_flows_weekly": (("asset", "week_start_date", "source"), Oracle.market_flows_weekly),
    "etf_reporting_latency": (("asset", "trade_date", "source"), Oracle.reporting_latency),
    "etf_source_differences": (("ticker", "trade_date", "source_a", "source_b"), Oracle.source_differences),
}


@pytest.fixture(scope="module")
def nodes() -> list[Node]:
    return compiled(*MARTS, "etf_flows_daily_as_of")


@st.composite
def times(draw, world: World) -> datetime:
    """A time at which something becomes known, the moment before, or later than everything."""
    seen = {page.fetched_at for page in world.pages}
    public = {datetime.combine(public_date(filing), time()) for filing in world.filings}
    at = draw(st.sampled_from(sorted(seen) or [NEVER]) | st.sampled_from(sorted(public) or [NEVER]))
    return draw(st.sampled_from([NEVER, at, at - timedelta(microseconds=1)]))


@settings(max_examples=examples(70), deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.sampled_from(STARTS), st.integers(1, 11), st.integers(1, 12), st.data())
def test_every_row_is_that_of_the_oracle(nodes, seed, start, sessions, captures, data):
    world = Maker(seed, start, sessions, captures).world_of_captures()
    cutoff, at = (data.draw(times(world)) for _ in range(2))
    with build(nodes, raw_tables(world, cutoff), seeds(world)) as warehouse:
        oracle = Oracle(world, cutoff)
        for mart, (key, rows) in MARTS.items():
            assert_same(rows_of(warehouse, f"marts.{mart}", key), rows(oracle), mart)
        as_of = rows_of(warehouse, f"marts.etf_flows_daily_as_of(timestamp '{at}')", MARTS["etf_flows_daily"][0])
        assert_same(as_of, Oracle(world, min(cutoff, at)).flows_daily, f"as of {at}")


@pytest.mark.skipif(not ARCHIVE.is_dir(), reason="no recorded archive beside the project (../shared)")
def test_so_is_every_row_of_the_recorded_archive(nodes):
    world = recorded(ARCHIVE)
    with build(nodes, raw_tables(world, NEVER), seeds(world)) as warehouse:
        for mart, (key, rows) in MARTS.items():
            expected = rows(Oracle(world, NEVER))
            assert len(expected) > 100
            assert_same(rows_of(warehouse, f"marts.{mart}", key), expected, mart)
        at = datetime(2025, 11, 20, 2, 15)
        as_of = rows_of(warehouse, f"marts.etf_flows_daily_as_of(timestamp '{at}')", MARTS["etf_flows_daily"][0])
        assert_same(as_of, Oracle(world, at).flows_daily, f"as of {at}")


EQUAL_TO_FARSIDE = {"ARKB": 16, "BTC": 349, "ETHA": 363, "EZBC": 16, "GBTC": 488, "HODL": 13, "IBIT": 441}
"""Sessions of the archives of which both the issuer's counts and Farside tell."""


@pytest.mark.skipif(not ISSUERS_ARCHIVE.is_dir(), reason="no recorded archive of issuers beside the project")
def test_the_issuers_counts_are_farsides_flows(nodes):
    world = recorded(ARCHIVE, ISSUERS_ARCHIVE)
    facts = seeds(world) | {"facts_funds": seed("facts_funds", first_flow_date=pl.Date, last_flow_date=pl.Date)}
    with build(nodes, raw_tables(world, NEVER), facts) as warehouse:
        found = rows_of(warehouse, "marts.etf_source_differences", ("ticker", "trade_date", "source_a", "source_b"))
        flows = rows_of(warehouse, "marts.etf_flows_daily", ("ticker", "trade_date", "source"))
    counts = Counter(ticker for ticker, *_ in found)
    assert {ticker: counts[ticker] for ticker in EQUAL_TO_FARSIDE} == EQUAL_TO_FARSIDE
    assert not {key: row for key, row in found.items() if abs(row["difference_usd"]) > row["rounding_usd"]}
    # what Farside never printed
    assert flows["BTC", date(2024, 11, 20), "farside"]["net_flow_usd"] is None
    assert round(flows["BTC", date(2024, 11, 20), "issuer"]["net_flow_usd"] / 1e6, 1) == 9.2
    counted = Counter(key[0] for key, row in flows.items() if key[2] == "issuer" and row["is_reported"])
    assert counted["IBIT"] == 557
    assert counted["ETHA"] == 479
    # the same by hand: the parsers' cells, conventions and units, and nothing of the models
    assert {ticker: by_hand(world, ticker) for ticker in EQUAL_TO_FARSIDE} == EQUAL_TO_FARSIDE


UNITS = {"EZBC": 50_000, "HODL": 25_000}


def by_hand(world: World, ticker: str) -> int:
    """Sessions on which the count's change times the NAV is Farside's flow, where both are known."""
    cells = {}
    for page in sorted(world.pages, key=lambda page: page.fetched_at):
        cells |= {key[2:]: value for key, value in page.cells.items() if key[1] == ticker}
    days = [session.day for session in world.sessions]
    equal = 0
    for before, day, after in zip(days, days[1:], days[2:], strict=False):
        first, last = (before, day) if ticker == "ARKB" else (day, after)
        nav, printed = cells.get((day, "nav_usd")), cells.get((day, "net_flow_usd"))
        one, other = (count_by_hand(cells, ticker, each) for each in (first, last))
        if None not in (nav, printed, one, other):
            off = abs((other - one) * nav - printed)
            assert off <= 60_000 + (0.005 * abs(printed) / nav if nav == round(nav, 2) else 0), (ticker, day, off)
            equal += 1
    return equal


def count_by_hand(cells: dict, ticker: str, day: date) -> float | None:
    count, nav, assets = (cells.get((day, metric)) for metric in ("shares_outstanding", "nav_usd", "net_assets_usd"))
    if count is None and ticker in UNITS and nav and assets:
        return round(assets / nav / UNITS[ticker]) * UNITS[ticker]
    return count


def rows_of(warehouse, relation: str, key: tuple[str, ...]) -> Rows:
    found = warehouse.sql(f"from {relation}")
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
    by_key = {tuple(row.pop(name) for name in key): row for row in rows}
    assert len(by_key) == len(rows)
    return by_key


def assert_same(found: Rows, expected: Rows, what: str) -> None:
    assert sorted(found) == sorted(expected), what
    for key, row in expected.items():
        for name, value in row.items():
            is_number = isinstance(value, float)
            got = found[key][name]
            same = pytest.approx(value, rel=1e-9, abs=1e-7) if is_number else value
            assert (float(got) if is_number and got is not None else got) == same, (what, key, name, row, found[key])
