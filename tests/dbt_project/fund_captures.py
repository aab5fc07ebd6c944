"""Captures about funds, made by chance or recorded: pages of flows, workbooks of share counts, closes.

Sessions have holidays and half days between them. Funds list and end on the way, one is renamed, some are in no seed;
figures come late, never, twice, or are taken back; a page lacks rows and columns, and two come in one second. Counts
and NAVs are plausible: no session changes a count by 20 % or a NAV by 10 % but for a split that the seed has.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path

import polars as pl

from ingestion import calendar, registry
from ingestion.archive import Archive, Capture
from ingestion.formats import closes, fund_days, holder_supply
from ingestion.lake.observations import FINDING_SCHEMA, observation_schema, observe
from ingestion.source import Source
from ingestion.sources import alternative_me, binance_vision, farside, ishares
from orchestration.home import DBT_PROJECT

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
NEVER = datetime(9999, 12, 31)
STARTS = [date(2024, 12, 19), date(2025, 2, 12), date(2025, 3, 5), date(2025, 6, 25), date(2025, 11, 20)]
"""Before holidays, half days, 2025-01-09, a change of New York's clocks, and the ends of quarters."""

QUARTERS = [date(2024, 9, 30), date(2024, 12, 31), date(2025, 3, 31), date(2025, 6, 30), date(2025, 9, 30)]
COUNTED = {"BTC": "IBIT", "ETH": "ETHA"}
"""The funds whose counts an issuer serves."""

FORMER_NAMES = {"TETH": "CETH"}
"""Under which a page may still have a fund."""

ISSUERS = [source.name for source in registry.sources() if source.table == fund_days.TABLE]


@dataclass(frozen=True)
class Session:
    day: date
    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True)
class Fund:
    ticker: str
    asset: str
    first_flow_date: date | None
    last_flow_date: date | None
    fee_bps: int
    share_date_convention: str | None

    def is_listed(self, day: date) -> bool:
        first, last = self.first_flow_date, self.last_flow_date
        return first is not None and first <= day and (last is None or day <= last)


Key = tuple[str, str, date, str]
"""Asset, ticker (of prices: venue), day and metric of a cell."""


@dataclass(frozen=True)
class Page:
    """A capture: what it shows of each cell, under the fund's present ticker; None for blank."""

    source: str
    fetched_at: datetime
    cells: dict[Key, float | None]
    frame: pl.DataFrame
    sha256: str


@dataclass(repr=False)
class World:
    """What can be known about funds: sessions begun and to come, reviewed facts, and captures in any order."""

    sessions: list[Session]
    funds: list[Fund]
    events: list[dict] = field(default_factory=list)
    filings: list[dict] = field(default_factory=list)
    fees: list[dict] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)


@cache
def _sessions(start: date) -> tuple[Session, ...]:
    frame = calendar.sessions(start - 10 * DAY, start + 45 * DAY)
    return tuple(Session(*row) for row in frame.select("session_date", "opens_at", "closes_at").iter_rows())


class Maker:
    """Makes a world out of a seed.

    Attributes:
        shown: the sessions that captures are about, so many from a start on.
        captures: how many of each kind there are at most.
    """

    def __init__(self, seed: int, start: date, number: int, captures: int):
        self.rng = random.Random(seed)
        sessions = _sessions(start)
        first = next(at for at, session in enumerate(sessions) if session.day >= start)
        self.shown = list(sessions[first : first + number])
        self.world = World(list(sessions), [])
        self.captures = captures

    def world_of_captures(self) -> World:
        for asset in ("BTC", "ETH"):
            self.add_funds(asset)
        for asset, ticker in COUNTED.items():
            self.add_counted_fund(asset, ticker)
        for asset in ("BTC", "ETH"):
            flows = dict(self.flows(asset))
            for _ in range(self.rng.randint(0, self.captures)):
                self.add_flow_page(asset, flows)
        self.rng.shuffle(self.world.pages)
        return self.world

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def at(self) -> datetime:
        """A time to capture: the edges of sessions more often than others."""
        session = self.rng.choice(self.shown)
        edges = [session.opens_at - SECOND, session.opens_at, session.closes_at - SECOND, session.closes_at]
        later = [session.closes_at + timedelta(minutes=30 * self.rng.randint(1, 60)) for _ in edges]
        return self.rng.choice([*edges, *later])

    def add_funds(self, asset: str) -> None:
        tickers = {"BTC": ["IBIT", "FBTC", "BTC"], "ETH": ["ETHA", "TETH"]}[asset]
        days = [session.day for session in self.shown]
        for ticker in tickers:
            inside = self.rng.choice([*days, days[0] + self.rng.randint(0, 9) * DAY])
            before = days[0] - 200 * DAY
            first = self.rng.choice([before, before, before, before, inside, inside, None])
            last = self.rng.choice(days) if self.chance(0.2) else None
            convention = self.rng.choice(["settlement_date", "settlement_date", "trade_date", "trade_date", None])
            self.world.funds.append(Fund(ticker, asset, first, last, self.rng.choice([0, 25, 150]), convention))
            if self.chance(0.4):
                self.add_fees(ticker)

    def add_fees(self, ticker: str) -> None:
        """Fees from some days on, those of filings and captures among them."""
        days = self.rng.sample(sorted({*QUARTERS, *(session.day for session in self.shown)}), self.rng.randint(1, 3))
        self.world.fees += [
            {"ticker": ticker, "from_date": day, "fee_bps": self.rng.choice([0, 20, 150])} for day in days
        ]

    # Share counts, NAVs, filings and closes.

    def add_counted_fund(self, asset: str, ticker: str) -> None:
        fund = next(each for each in self.world.funds if each.ticker == ticker)
        is_split = self.chance(0.3) and len(self.shown) > 4
        native, shares, price = self.rng.uniform(2e-4, 9e-3), self.rng.uniform(2e7, 2e9), self.rng.uniform(2e4, 1e5)
        split_at = self.rng.randint(2, len(self.shown) - 2) if is_split else None
        rows: list[tuple[date, float, float]] = []
        for number, session in enumerate(self.shown):
            if number == split_at:
                ratio = self.rng.choice([2.0, 3.0, 0.2, 0.5])
                kind = "split" if ratio > 1 else "reverse_split"
                self.world.events += [
                    {"ticker": ticker, "event_date": session.day, "kind": kind, "ratio": ratio},
                    {"ticker": ticker, "event_date": session.day, "kind": "fee_change"},
                ]
                native, shares = native / ratio, shares * ratio
            shares, price = shares * self.rng.uniform(0.92, 1.1), price * self.rng.uniform(0.96, 1.045)
            rows.append((session.day, float(round(shares)), round(native * price, 6)))
            self.add_close(asset, session, round(price * self.rng.uniform(0.99, 1.01), 2))
        if not is_split:
            self.add_filings(fund, native)
        near_split = [] if split_at is None else [row[0] for row in rows[split_at - 2 : split_at + 2]]
        for _ in range(self.rng.randint(0, self.captures)):
            self.add_workbook(fund, rows, near_split)

    def add_filings(self, fund: Fund, native: float) -> None:
        """Some off the path from the one before; of 2,000 coins and fewer, one more or less is none."""
        if self.chance(0.2):
            spun_off = -round(self.rng.uniform(10, 900), 4)
            day = self.rng.choice(self.shown).day + self.rng.randint(-2, 3) * DAY
            event = {"ticker": fund.ticker, "event_date": day, "kind": "spin_off", "native_amount": spun_off}
            self.world.events.append(event)
        for quarter in self.rng.sample(QUARTERS, self.rng.randint(0, 3)):
            shares = float(self.rng.randint(10**6, 10**9))
            off = self.rng.choice([0, 0, 0, 3e-4, -7e-4, self.rng.uniform(-0.01, 0.01)])
            filed = quarter + self.rng.randint(1, 60) * DAY
            self.world.filings.append(
                {
                    "ticker": fund.ticker,
                    "quarter_end_date": quarter,
                    "filed_date": self.rng.choice([filed, self.rng.choice(self.shown).day, None]),
                    "filed_native": round(shares * native * (1 + off), 4),
                    "shares_outstanding": shares,
                }
            )

    def add_close(self, asset: str, session: Session, close: float) -> None:
        seen = datetime.combine(session.day + DAY, time(self.rng.randint(0, 8)))
        venues = [("binance_vision", "binance", close), ("prices", "elsewhere", close * 2)]
        for source, venue, value in venues:
            if self.chance(0.8):
                cells: dict[Key, float | None] = {(asset, venue, session.day, "close_usd"): value}
                if source == "binance_vision":
                    cells[asset, venue, session.day, "open_usd"] = value * 1.01
                self.add_page(source, seen, cells, self.price_frame(cells))
                if self.chance(0.2):
                    again = {key: each and each * 1.001 for key, each in cells.items()}
                    self.add_page(source, seen + 6 * HOUR, again, self.price_frame(again))

    def price_frame(self, cells: dict[Key, float | None]) -> pl.DataFrame:
        rows = [(*key, None if value is None else str(value), value) for key, value in cells.items()]
        schema = dict.fromkeys(("asset", "venue"), pl.String) | {"value_date": pl.Date, "metric": pl.String}
        return pl.DataFrame(rows, schema=schema | {"raw_text": pl.String, "value": pl.Float64}, orient="row")

    def add_workbook(self, fund: Fund, rows: list[tuple[date, float, float]], whole: list[date]) -> None:
        """The days up to the capture, some without a row, a NAV or a count; one count is as it was corrected later.

        No day without a session beside it is judged, so only sessions have rows; those near a split are whole.
        """
        fetched_at = self.at()
        begun = [session.day for session in self.shown if session.opens_at <= fetched_at]
        served: list[ishares.FundDay] = []
        cells: dict[Key, float | None] = {}
        for day, shares, nav in rows:
            if day not in begun or not fund.is_listed(day):
                continue
            count = None if self.chance(0.1) else shares if self.chance(0.95) else float(round(shares * 1.02))
            price = None if self.chance(0.1) else nav
            if day in whole:
                count, price = shares, nav
            elif self.chance(0.1):
                continue
            as_of = f"{ishares.MONTHS[day.month - 1]} {day.day:02}, {day.year}"
            served.append(
                ishares.FundDay(as_of, "--" if price is None else f"{price}", "--" if count is None else f"{count:.0f}")
            )
            cells[fund.asset, fund.ticker, day, "shares_outstanding"] = count
            cells[fund.asset, fund.ticker, day, "nav_usd"] = price
        if served:
            self.add_page("ishares", fetched_at, cells, ishares.frame(served, fund.ticker))

    # Pages of flows.

    def flows(self, asset: str) -> Iterator[tuple[tuple[str, date], tuple[str, datetime]]]:
        """What each fund reports of each day in the end, and when it does: soon, late or never."""
        tickers = [*(fund.ticker for fund in self.world.funds if fund.asset == asset), f"{asset}X"]
        late = self.rng.choice([5, 20, 60])
        for session in self.shown:
            for ticker in tickers:
                hours = self.rng.choice([-5, 0, self.rng.randint(0, late)])
                at = NEVER if self.chance(late / 1000) else session.closes_at + hours * HOUR
                yield (ticker, session.day), (self.flow(), at)

    def add_flow_page(self, asset: str, flows: dict[tuple[str, date], tuple[str, datetime]]) -> None:
        """The last days up to the capture: a figure is there once reported, at times another one, at times none."""
        fetched_at, slips = self.at(), self.rng.choice([0, 0, 0.1])
        days = self.days_of_page(fetched_at)
        tickers = [ticker for ticker in dict.fromkeys(ticker for ticker, _ in flows) if not self.chance(slips)]
        names = FORMER_NAMES if self.chance(0.5) else {}
        shown: dict[tuple[str, date], str] = {}
        for day in days:
            for ticker in tickers:
                flow, at = flows.get((ticker, day), ("-", NEVER))
                shown[ticker, day] = flow if at <= fetched_at else "-"
                if self.chance(slips):
                    shown[ticker, day] = self.rng.choice(["-", self.flow()])
            figures = [farside.usd_m(shown[ticker, day]) or 0 for ticker in tickers]
            total = self.flow() if self.chance(slips) else f"{sum(figures):.1f}"
            shown[farside.TOTAL, day] = "-" if self.chance(slips) else total
        cells = [farside.Cell(day, names.get(ticker, ticker), text) for (ticker, day), text in shown.items()]
        known: dict[Key, float | None] = {}
        for (ticker, day), text in shown.items():
            amount = farside.usd_m(text)
            known[asset, ticker, day, "net_flow_usd"] = None if amount is None else float(amount * 1_000_000)
        if cells:
            resource = asset.lower() + self.rng.choice(["", "_all"])
            self.add_page("farside", fetched_at, known, farside.frame(cells, resource))

    def days_of_page(self, fetched_at: datetime) -> list[date]:
        """Sessions begun, but one that is missing, and a holiday or a day of a weekend."""
        begun = [session.day for session in self.shown if session.opens_at <= fetched_at]
        days = begun[-self.rng.randint(1, 12) :]
        if days and self.chance(0.2):
            days.remove(self.rng.choice(days))
        if days and self.chance(0.2):
            days = sorted({*days, days[0] + self.rng.randint(1, 6) * DAY})
        return [day for day in days if day <= fetched_at.date()]

    def flow(self) -> str:
        amount = f"{self.rng.randint(1, 9000) / 10:,.1f}"
        return self.rng.choice(["0.0", amount, amount, f"({amount})"])

    def add_page(self, source: str, at: datetime, cells: dict[Key, float | None], frame: pl.DataFrame) -> None:
        digest = sha256(f"{source} {at} {cells}".encode()).hexdigest()
        self.world.pages.append(Page(source, at, cells, frame, digest))


def recorded(root: Path, *roots: Path) -> World:
    """The captures of archives that tell of funds, and the project's own facts; of those after the first, issuers'."""
    frame = calendar.sessions(date(2024, 1, 1), date(2026, 12, 31)).select("session_date", "opens_at", "closes_at")
    funds = [
        Fund(**{name: row[name] for name in Fund.__dataclass_fields__})
        for row in seed("facts_funds", first_flow_date=pl.Date, last_flow_date=pl.Date, fee_bps=pl.Int64)
    ]
    events = seed("facts_fund_events", event_date=pl.Date, ratio=pl.Float64, native_amount=pl.Float64)
    filings = seed("facts_filings", quarter_end_date=pl.Date, filed_date=pl.Date, filed_native=pl.Float64)
    fees = seed("fund_fees", from_date=pl.Date, fee_bps=pl.Int64)
    world = World([Session(*row) for row in frame.iter_rows()], funds, events, filings, fees)
    for source in (farside.SOURCE, ishares.SOURCE, binance_vision.SOURCE):
        world.pages += _pages(Archive(root), source)
    for archive in map(Archive, roots):
        for name in ISSUERS:
            world.pages += _pages(archive, registry.source(name))
    return world


def _pages(archive: Archive, source: Source) -> Iterator[Page]:
    for capture in archive.captures(source.name)[0]:
        if capture.resource in source.resources:
            page = source.read(archive.read(capture), capture.resource)
            cells = {row[:-1]: row[-1] for row in page.select(*source.key, "value").iter_rows()}
            yield Page(source.name, capture.fetched_at, cells, page, capture.sha256)


def seed(name: str, **types: type[pl.DataType]) -> list[dict]:
    path = DBT_PROJECT / "seeds" / f"{name}.csv"
    return pl.read_csv(path, schema_overrides=types, infer_schema_length=None).to_dicts()


TABLES = {
    "farside/flows": farside.KEY,
    **{f"{source}/fund_daily": fund_days.KEY for source in ISSUERS},
    "binance_vision/bars_daily": binance_vision.KEY,
    "prices/closes": closes.KEY,
    "coin_metrics/closes": closes.KEY,
    "bitview/supply": holder_supply.KEY,
    "alternative_me/fng": alternative_me.SOURCE.key,
}


def raw_tables(world: World, cutoff: datetime) -> dict[str, pl.DataFrame]:
    """What the lake holds of a world, and the control table of a build as of a time."""
    tables = {name: observed(world, name.split("/")[0], key) for name, key in TABLES.items()}
    first, last = world.sessions[0].day, world.sessions[-1].day
    control = pl.DataFrame({"as_of_at": [cutoff], "as_of_cutoff": [cutoff]})
    findings = {f"{source}/findings": pl.DataFrame(schema=FINDING_SCHEMA) for source in ("farside", *ISSUERS)}
    return tables | findings | {"nyse/sessions": _calendar(first, last), "flowhouse/control": control}


@cache
def _calendar(first: date, last: date) -> pl.DataFrame:
    return calendar.sessions(first, last)


def observed(world: World, source: str, key: dict[str, pl.DataType]) -> pl.DataFrame:
    pages = sorted((page for page in world.pages if page.source == source), key=lambda page: page.fetched_at)
    captures = [
        (Capture(source, "page", "", page.fetched_at, "", 0, page.sha256, "served", ""), page.frame) for page in pages
    ]
    sessions = _calendar(world.sessions[0].day, world.sessions[-1].day)
    closes = sessions.select("closes_at", value_date="session_date") if source == "farside" else None
    return observe(pl.DataFrame(schema=observation_schema(key)), captures, key, closes)


def seeds(world: World) -> dict[str, list[dict]]:
    """The reviewed facts of a world."""
    funds = [vars(fund) for fund in world.funds]
    facts = {"facts_funds": funds, "facts_fund_events": world.events, "facts_filings": world.filings}
    return facts | {"fund_fees": world.fees}
