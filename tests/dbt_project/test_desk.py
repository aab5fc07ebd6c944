"""The desk marts, row for row against an oracle in plain Python: recorded captures, the sample's, and made ones."""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from demand_oracle import Chains, demand_vs_supply_daily
from desk_oracle import Desk, Facts
from desk_questions import QUESTIONS
from empty_lake import write_tables
from fund_captures import DAY, NEVER, STARTS, Maker, Page, World, observed, raw_tables, recorded, seed, seeds
from fund_oracle import Rows, monday
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory import build, compiled, examples
from moves_oracle import Inside, as_moves
from revision_oracle import etf_revisions

from ingestion.archive import Archive
from ingestion.sample.load import put_pages
from ingestion.source import UploadSource
from ingestion.sources import holder_series
from orchestration.answers.answers import answers
from orchestration.home import Home

ARCHIVE = Path(__file__).parents[3] / "shared" / "archive"

KEYS = {
    "etf_fund_daily": ("ticker", "trade_date"),
    "etf_fund_weekly": ("ticker", "week_start_date"),
    "etf_market_daily": ("asset", "trade_date"),
    "etf_revisions": ("source", "asset", "ticker", "value_date", "metric", "observed_at"),
    "demand_vs_supply_daily": ("asset", "value_date", "holder_series", "definition_id", "window_days"),
}

SEEDS = {
    "flow_sources": {},
    "filing_date_convention": {},
    "holder_definitions": {},
    "holder_series": {},
    "internal_moves": {"move_date": pl.Date, "confidence": pl.String, "continues_move_id": pl.String},
}


Build = Callable[[World], duckdb.DuckDBPyConnection]


@pytest.fixture(scope="module")
def warehouse_of(tmp_path_factory) -> Build:
    """Builds the warehouse of a world, in memory."""
    nodes = compiled(*KEYS)
    home = Home(tmp_path_factory.mktemp("empty"))
    write_tables(home)
    folders = {file.parent for root in (home.lake.root, home.build) for file in root.rglob("*.parquet")}
    empty = {f"{each.parent.name}/{each.name}": pl.read_parquet(each / "*.parquet").clear() for each in folders}

    def warehouse_of(world: World) -> duckdb.DuckDBPyConnection:
        raw = {**empty, **raw_tables(world, NEVER)}
        raw["holder_series/supply"] = observed(world, "holder_series", holder_series.SOURCE.key)
        return build(nodes, raw, seeds(world) | {name: seed(name, **types) for name, types in SEEDS.items()})

    return warehouse_of


def add_series(world: World, archive: Archive) -> None:
    """The published series of supply in an archive."""
    source = holder_series.SOURCE
    for capture in archive.captures(source.name)[0]:
        frame = source.read(archive.read(capture), capture.resource)
        world.pages.append(page(source, frame, capture.fetched_at))


def page(source: UploadSource, frame: pl.DataFrame, fetched_at: datetime) -> Page:
    cells = {row[:-1]: row[-1] for row in frame.select(*source.key, "value").iter_rows()}
    return Page(source.name, fetched_at, cells, frame, f"{source.name} {fetched_at}")


def published(world: World) -> Chains:
    """What published series of Bitcoin's supply say of each day in their newest state."""
    cells, seen = {}, {}
    for page in sorted(world.pages, key=lambda page: page.fetched_at):
        if page.source == holder_series.SOURCE.name:
            for (series, day, metric), value in page.cells.items():
                cells.setdefault((series, day), {})[metric] = Decimal(str(value))
                seen[series, day] = page.fetched_at
    definitions = {row["series"]: row["definition_id"] for row in seed("holder_series")}
    chains = Chains()
    for (series, day), parts in cells.items():
        lth, is_final = parts["lth_native"], seen[series, day].date() > day
        chains.supply["BTC", series, definitions[series], day] = (lth, lth + parts["sth_native"], is_final)
    add_moves(chains)
    by_priority = sorted(seed("holder_definitions"), key=lambda row: row.get("priority") or 99)
    chains.priorities = [row["definition_id"] for row in by_priority]
    return chains


def add_moves(chains: Chains) -> None:
    """The project's moves inside one owner, on their days and echoes, and supply with their coins in it."""
    ages = {row["definition_id"]: row["age_days"] for row in seed("holder_definitions") if row["kind"] == "step"}
    for asset, series, definition in {key[:3] for key in chains.supply}:
        age, rows = ages.get(definition), seed("internal_moves", **SEEDS["internal_moves"])
        for row in rows:
            days = {row["move_date"]: ""} | ({row["move_date"] + age * DAY: " (echo)"} if age else {})
            for day, mark in days.items():
                if row["kind"] != "sale":
                    chains.moves.setdefault((asset, series, definition, day), set()).add(row["move_id"] + mark)
        if age:
            bounds = [Inside(age, is_high).days(as_moves(rows)) for is_high in (False, True)]
            for key, (lth, *_) in list(chains.supply.items()):
                if key[:3] == (asset, series, definition):
                    chains.adjusted[key] = tuple(
                        lth + (inside[key[3]].inside if key[3] in inside else 0) for inside in bounds
                    )


def facts(world: World, chains: Chains) -> Facts:
    """The project's own facts about sources and filings, a world's fees, and the supply that series give."""
    return Facts(
        sources=[row["source"] for row in sorted(seed("flow_sources"), key=lambda row: row["priority"])],
        fees=world.fees,
        settled_filers={
            row["ticker"]
            for row in seed("filing_date_convention")
            if row["filing_date_convention"] == "settlement_date"
        },
        supply={
            (asset, day): (float(supply), "published")
            for (asset, _, _, day), (_, supply, is_final) in chains.supply.items()
            if is_final
        },
    )


def expected(world: World, until: datetime) -> dict[str, Rows]:
    chains = published(world)
    of_funds = [page for page in world.pages if page.source != holder_series.SOURCE.name]
    world = replace(world, pages=of_funds)
    desk = Desk(world, until, facts(world, chains))
    market = desk.etf_market_daily()
    return {
        "etf_fund_daily": desk.daily,
        "etf_fund_weekly": desk.etf_fund_weekly(),
        "etf_market_daily": market,
        "etf_revisions": etf_revisions(world, until),
        "demand_vs_supply_daily": demand_vs_supply_daily(market, world, chains),
    }


@pytest.fixture(scope="module")
def desk(warehouse_of) -> Iterator[tuple[duckdb.DuckDBPyConnection, dict[str, Rows]]]:
    """The warehouse of the recorded archive, and the oracle's rows."""
    if not ARCHIVE.is_dir():
        pytest.skip("no recorded archive beside the project (../shared)")
    world = recorded(ARCHIVE)
    add_series(world, Archive(ARCHIVE))
    with warehouse_of(world) as found:
        yield found, expected(world, NEVER)


@pytest.mark.parametrize("mart", KEYS)
def test_every_row_of_the_recorded_archive_is_that_of_the_oracle(desk, mart):
    found, marts = desk
    assert_same(found.sql(f"from marts.{mart}"), marts[mart], mart)


@pytest.mark.parametrize("answer", QUESTIONS, ids=lambda answer: answer.__name__)
def test_a_question_to_the_desk_has_the_answer_of_the_oracle(desk, answer):
    found, marts = desk
    rows, expected = found.sql(answers()[answer.__name__].sql).fetchall(), answer(marts)
    assert expected
    assert len(rows) == len(expected)
    for row, other in zip(rows, expected, strict=True):
        assert all(is_same(*pair) for pair in zip(row, other, strict=True)), (row, other)


def test_the_oracle_says_what_the_press_told(desk):
    _, marts = desk
    streaks = {
        day: row["flow_streak_sessions"] for (ticker, day), row in marts["etf_fund_daily"].items() if ticker == "IBIT"
    }
    assert streaks[date(2024, 4, 23)] == 71
    assert streaks[date(2024, 4, 24)] == 0
    week = marts["etf_fund_weekly"]["IBIT", date(2025, 10, 27)]
    assert (round(week["net_flow_usd"] / 1e6, 1), round(week["net_flow_native"])) == (-403.4, -3791)
    days = [day for asset, day in marts["etf_market_daily"] if asset == "BTC" and monday(day) == date(2025, 10, 27)]
    assert round(sum(marts["etf_market_daily"]["BTC", day]["net_flow_usd"] for day in days) / 1e6) == -799


def test_so_is_every_row_of_the_sample(warehouse_of, tmp_path):
    archive = Archive(tmp_path)
    for source in ("farside", "ishares", "binance_vision", "holder_series"):
        put_pages(archive, source)
    world = recorded(tmp_path)
    add_series(world, archive)
    assert_all_same(warehouse_of, world)


@settings(max_examples=examples(25), deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.sampled_from(STARTS), st.integers(1, 26), st.integers(1, 12))
def test_so_is_every_row_of_made_captures(warehouse_of, seed, start, sessions, captures):
    assert_all_same(warehouse_of, made_world(seed, start, sessions, captures))


def test_made_captures_have_every_case():
    """What the recorded archive lacks: each stands in some of two hundred made worlds."""
    rng, cases = random.Random(13), Counter()
    for number in range(200):
        world = made_world(number, rng.choice(STARTS), rng.randint(1, 26), rng.randint(1, 12))
        cases.update(cases_of(world, expected(world, NEVER)))
    assert min(cases[case] for case in CASES) >= 5, {case: cases[case] for case in CASES}


CASES = {
    "two sources",
    "late issuer",
    "blank",
    "open",
    "zero after a flow",
    "equal ranks",
    "converted trust",
    "spin-off",
    "split",
    "fee change",
    "rolled back",
    "counted",
    "supply by schedule",
    "placeholder",
    "unlisted",
    "withdrawal",
    "restoration",
    "correction",
}


def cases_of(world: World, marts: dict[str, Rows]) -> Iterator[str]:
    """What happens in a world."""
    yield from (row["kind"] for row in marts["etf_revisions"].values())
    yield from (event["kind"].replace("reverse_split", "split").replace("_", "-") for event in world.events)
    if world.fees:
        yield "fee change"
    counted = {ticker for (ticker, _), row in marts["etf_fund_daily"].items() if row["flow_source"] == "issuer"}
    converted = {event["ticker"] for event in world.events if event["kind"] == "conversion"}
    before: dict[str, float] = {}
    ranks = defaultdict(list)
    for (ticker, day), row in sorted(marts["etf_fund_daily"].items()):
        flow = row["net_flow_usd"]
        found = {
            "two sources": row["flow_difference_usd"] is not None,
            "late issuer": ticker in counted and row["flow_source"] == "farside",
            "blank": "flow never reported" in (row["missing"] or ""),
            "open": row["is_open"],
            "zero after a flow": flow == 0 and before.get(ticker),
            "equal ranks": row["day_rank"] is not None and row["day_rank"] in ranks[row["asset"], day],
            "converted trust": ticker in converted and row["held_native"] is None and row["is_reported"],
            "rolled back": row["held_anchor_date"] is not None and row["held_anchor_date"] > day,
            "counted": row["held_method"] == "issuer_counts",
            "supply by schedule": row["supply_method"] == "schedule",
        }
        yield from (case for case, is_found in found.items() if is_found)
        before[ticker] = flow
        ranks[row["asset"], day].append(row["day_rank"])


def made_world(seed: int, start: date, sessions: int, captures: int) -> World:
    """A world of captures with trusts that were converted, seeds and coins in kind, and a published supply.

    No session is without a listed fund of an asset.
    """
    maker, rng = Maker(seed, start, sessions, captures), random.Random(f"desk {seed}")
    world = maker.world_of_captures()
    days = [session.day for session in maker.shown]
    always = {"first_flow_date": days[0] - 200 * DAY, "last_flow_date": None}
    world.funds = [replace(fund, **always) if fund.ticker in ("FBTC", "TETH") else fund for fund in world.funds]
    for fund in world.funds:
        dated = {"ticker": fund.ticker, "event_date": rng.choice(days), "native_amount": round(rng.uniform(1, 900), 4)}
        if rng.random() < 0.2:
            world.events.append(dated | {"kind": "seed_capital", "event_date": days[0] - rng.randint(0, 7) * DAY})
        if rng.random() < 0.2 and not any(event["kind"] == "spin_off" for event in world.events):
            world.events.append(dated | {"kind": "spin_off", "native_amount": rng.choice([-1, 1]) * 100.0})
        if rng.random() < 0.2:
            world.events.append({"ticker": fund.ticker, "event_date": days[0], "kind": "conversion"})
    for _ in range(rng.randint(0, 2)):
        world.pages.append(page_of_supply(rng, days))
    return world


def page_of_supply(rng: random.Random, days: list[date]) -> Page:
    """A series up to some day, one day of it missing; the last day may not be over when it is read."""
    last = rng.choice(days)
    shown = [last - number * DAY for number in range(rng.randint(2, 40))]
    shown.remove(rng.choice(shown))
    lines = [f"{day},{14_000_000 + rng.randint(0, 9999) / 10},{5_900_000 + day.toordinal() % 99}" for day in shown]
    source = holder_series.SOURCE
    frame = source.read("\n".join(["date,lth_btc,sth_btc", *reversed(lines)]).encode(), "published_utxo")
    return page(source, frame, datetime.combine(last, time(20)) + rng.randint(0, 2) * DAY)


def assert_all_same(warehouse_of: Build, world: World) -> None:
    with warehouse_of(world) as found:
        for mart, rows in expected(world, NEVER).items():
            assert_same(found.sql(f"from marts.{mart}"), rows, mart)


def assert_same(relation, expected: Rows, mart: str) -> None:
    """The same rows in every column: numbers to 1e-9 of their size, decimals to their last digit."""
    rows = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
    found = {tuple(row.pop(name) for name in KEYS[mart]): row for row in rows}
    assert len(found) == len(rows)
    assert sorted(found) == sorted(expected), mart
    for key, row in expected.items():
        assert row.keys() == found[key].keys()
        for name, value in row.items():
            assert is_same(found[key][name], value), (mart, key, name, found[key][name], value)


def is_same(found, expected) -> bool:
    if isinstance(expected, float | Decimal) and found is not None:
        return math.isclose(float(found), float(expected), rel_tol=1e-9, abs_tol=1.5e-8)
    return found == expected
