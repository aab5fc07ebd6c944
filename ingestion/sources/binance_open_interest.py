"""Open interest of Binance's perpetual futures every five minutes, from the metrics files of data.binance.vision.

What: zips of one CSV per closed day: coins and dollars of contracts on USDT (linear); contracts and coins of those on
coins (inverse), whose dollars are contracts times their face value, so without a price.
Limits: that a contract on coins is worth 100 USD for BTC and 10 USD for others is from Binance's contract pages and was
not checked. Until 2026-06-24 the files of contracts on USDT label a snapshot with its own time, and since then with the
start of the five minutes that end with it, as those on coins always did (binance-public-data, issue 491); here it is
always its own time. Early files have every row twice and out of order; rows are lacking (issues 258, 276, 287, 484,
498), and lacking figures are null.
Exercised: on two thinned daily files of 2025, rebuilt around recorded figures; all else on made bytes only; nothing
live.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import cast

import polars as pl

from ingestion.archive import Served
from ingestion.formats import binance_files, derivatives
from ingestion.formats.binance_files import Files
from ingestion.formats.derivatives import Table
from ingestion.source import Cadence, Fetcher, RowSource

COLUMNS = (
    "create_time",
    "symbol",
    "sum_open_interest",
    "sum_open_interest_value",
    "count_toptrader_long_short_ratio",
    "sum_toptrader_long_short_ratio",
    "count_long_short_ratio",
    "sum_taker_long_short_vol_ratio",
)
INVERSE = {"BTCUSD_PERP": 100, "ETHUSD_PERP": 10}
"""Contracts on coins, and the dollars of each."""
RESOURCES = (*(f"{asset}USDT" for asset in ("BTC", "ETH", "SOL", "XRP")), *INVERSE)

FIRST_DAY = date(2025, 9, 1)
"""A month and more before the crash of 10 October 2025."""
LABELS_ARE_STARTS_FROM = date(2026, 6, 25)
PERIOD = timedelta(minutes=5)
MAX_BYTES = 1_000_000
"""Of the zip, and of its CSV; a day has 288 lines of some 100 bytes, an early one twice as many."""


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The files of the closed days since September 2025, without those read before.

    Raises:
        FetchFailed: Binance could not be reached or answered with an error.
        PageRefused: files do not have the sha256 that Binance states, or are not those that were asked for.
    """
    market = "cm" if resource in INVERSE else "um"
    folder = f"futures/{market}/{{period}}/metrics/{resource}"
    files = Files(folder=folder, stem=_stem(resource), first_day=FIRST_DAY, max_bytes=MAX_BYTES, is_monthly=False)
    yield from binance_files.fetch(http, files, archived, day)


def parse(content: bytes) -> list[Table]:
    """The lines of a zip as text.

    Raises:
        PageRefused: the zip is damaged, does not have exactly one file or has one that is too large, or its CSV has no
            line, another header, or a line without eight fields.
    """
    name, text = binance_files.unpack(content, MAX_BYTES)
    return [Table(name, derivatives.read_csv(text, COLUMNS))]


def frame(rows: list[Table], resource: str) -> pl.DataFrame:
    """Coins and dollars of each snapshot.

    Raises:
        PageRefused: a time or number that does not parse or is below zero, a snapshot twice with different figures,
            or a file of another contract or day than its name says.
    """
    (table,) = rows
    lines = derivatives.text_instants(table.rows, "create_time")
    lines = derivatives.figures(lines, "sum_open_interest", "sum_open_interest_value")
    derivatives.check_contracts(lines["symbol"].unique(), resource)
    is_inverse = resource in INVERSE
    day = _day(table.name, lines["create_time"])
    are_starts = is_inverse or day >= LABELS_ARE_STARTS_FROM
    _check_name(table, resource, lines["create_time"], day, are_starts)
    contracts_or_coins, coins_or_dollars = pl.col("sum_open_interest"), pl.col("sum_open_interest_value")
    return derivatives.open_interest(
        lines.select(
            snapshot_at=pl.col("create_time") + (PERIOD if are_starts else timedelta()),
            open_interest_native=coins_or_dollars if is_inverse else contracts_or_coins,
            open_interest_usd=contracts_or_coins * INVERSE[resource] if is_inverse else coins_or_dollars,
        ),
        asset=resource.removesuffix("_PERP").removesuffix("USDT").removesuffix("USD"),
        venue="binance",
        contract=resource,
        period_minutes=5,
        margin_kind="inverse" if is_inverse else "linear",
    )


def check_address(content: bytes, url: str) -> None:
    """Refuses the file of another contract or day than its address says.

    Raises:
        PageRefused: the name of the CSV in the zip is another one than the address has.
    """
    binance_files.check_address(content, url, MAX_BYTES)


def _day(name: str, labels: pl.Series) -> date:
    """The day of a file: that of its name, or else the one most of its labels have.

    A label alone does not tell: midnight of 25 June 2026 stands in two files, for two snapshots.
    """
    if named := binance_files.MEMBER.fullmatch(name):
        return date.fromisoformat(named[1])
    return cast(date, labels.dt.date().mode().min())


def _check_name(table: Table, resource: str, labels: pl.Series, day: date, are_starts: bool) -> None:
    """Refuses labels of other days than the name of the file says; the day's last snapshot may have midnight's."""
    midnight = datetime.combine(day, time()) + timedelta(days=1)
    days = labels if are_starts else labels.filter(labels != midnight)
    binance_files.check_name(table.name, _stem(resource), sorted(set(days.dt.date())))


def _stem(resource: str) -> str:
    return f"{resource}-metrics"


SOURCE = RowSource(
    name="binance_open_interest",
    table="open_interest",
    description=__doc__,
    terms="No redistribution terms found; fetching is opt-in.",
    ext="zip",
    key=derivatives.OPEN_INTEREST_KEY,
    values=derivatives.OPEN_INTEREST,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(hours=2), late_after=timedelta(hours=36)),
    resources=RESOURCES,
    fetch=fetch,
    parse=parse,
    frame=frame,
    check_address=check_address,
    is_opt_in=True,
)
