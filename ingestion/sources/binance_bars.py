"""Hourly and minute bars of Binance's spot market and perpetuals, and of the mark and index prices of the latter.

What: zips of one CSV each on data.binance.vision: hours per closed month, or per closed day while its month is not
published; minutes, and five minutes of mark and index prices, of the chosen days alone. A resource is kind, symbol and
interval: the files of traded bars, mark and index prices have equal names and differ by folder.
Limits: prices are in the quote asset, which counts as USD: all quotes here are meant to be a dollar (USDT, USDC), so a
figure is off by their distance from par. Mark and index prices have no volume. Contracts on 1,000 coins (1000SHIB) are
given per coin. What tells a mark price from an index price is the address alone.
Exercised: on Binance's own bytes of mark prices of October 2025, on hours of 22 perpetuals rebuilt around recorded
figures, and on made files of minutes; spot hours and CHECKSUM files on made bytes only; nothing live.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from io import BytesIO
from typing import NamedTuple

import polars as pl

from ingestion.archive import Served
from ingestion.formats import binance_files, bounds
from ingestion.formats.binance_files import refused
from ingestion.source import Cadence, Fetcher, RowSource

VENUE = "binance"
KEY = {
    "asset": pl.String(),
    "venue": pl.String(),
    "instrument_kind": pl.String(),
    "quote_asset": pl.String(),
    "interval_minutes": pl.Int32(),
    "open_at": pl.Datetime("us"),
    "value_date": pl.Date(),
}
VALUES = {
    "open_usd": pl.Float64(),
    "high_usd": pl.Float64(),
    "low_usd": pl.Float64(),
    "close_usd": pl.Float64(),
    "volume_native": pl.Float64(),
    "volume_quote": pl.Float64(),
    "trades": pl.Int64(),
}

FOLDERS = {
    "spot": "spot/{period}/klines",
    "perpetual": "futures/um/{period}/klines",
    "mark": "futures/um/{period}/markPriceKlines",
    "index": "futures/um/{period}/indexPriceKlines",
}
TRADED = ("spot", "perpetual")
INTERVALS = {"1m": 1, "5m": 5, "1h": 60}
QUOTES = ("USDT", "USDC", "FDUSD")
"""Assets meant to be a dollar. A pair with another quote would not be in USD, and has no place here."""

FIRST_DAY = date(2020, 1, 1)
"""Of hours. A pair listed later begins with its first published month."""

COINS = (
    *("AAVE", "ADA", "ARB", "AVAX", "BNB", "BTC", "CRV", "DOGE", "ENA", "ETH"),
    *("LINK", "LTC", "OP", "SOL", "SUI", "TON", "TRX", "UNI", "XRP"),
)
SPOT_HOURS = tuple(f"{coin}USDT" for coin in (*COINS, "PEPE", "SHIB"))
PERPETUAL_HOURS = tuple(f"{coin}USDT" for coin in (*COINS, "HYPE", "1000PEPE", "1000SHIB"))

CHOSEN_DAYS = (
    date(2025, 10, 10),
    date(2025, 10, 11),
    date(2025, 11, 3),
    date(2025, 11, 4),
    date(2025, 11, 5),
)
"""Of minutes: both crashes, and the days in UTC+8 and New York that articles about them tell of."""

LARGEST = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
SPOT_MINUTES = (*LARGEST, "USDEUSDT", "USDEUSDC", "USDCUSDT", "FDUSDUSDT", "WBETHUSDT", "BNSOLUSDT")

RESOURCES = (
    *(f"spot_{symbol}_1h" for symbol in SPOT_HOURS),
    *(f"perpetual_{symbol}_1h" for symbol in PERPETUAL_HOURS),
    *(f"spot_{symbol}_1m" for symbol in SPOT_MINUTES),
    *(f"perpetual_{symbol}_1m" for symbol in LARGEST),
    *(f"{kind}_{symbol}_5m" for kind in ("mark", "index") for symbol in LARGEST),
)
"""What is asked for; reviewed by a person."""

SPELLINGS = {"USDE": "USDe", "WBETH": "wBETH"}
"""Assets that are not written in capitals elsewhere in the warehouse."""

MOST = 1e18
"""In coins: the largest recorded volume of an hour is 8.1e13, of PEPE."""

MAX_BYTES = 20_000_000
"""Of a zip, and of its CSV: three times a month of minutes."""

HEADER = ("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count")
COLUMNS = 12
PRICES = ("open", "high", "low", "close")
NUMBERS = (*PRICES, "volume", "quote_volume")
TIME = r"^([0-9]{13}|[0-9]{16})$"
NUMBER = r"^([0-9]{1,20}(\.[0-9]{1,18})?)?$"
COUNT = r"^[0-9]{0,15}$"
MULTIPLIED = re.compile(r"(10{3,6})([A-Z].*)")


class BarFile(NamedTuple):
    """A CSV, as served.

    Attributes:
        name: of the CSV: "BTCUSDT-1h-2025-10.csv".
        bars: texts of the nine columns of `HEADER`, an empty one as null; the others are not read.
    """

    name: str
    bars: pl.DataFrame


class Instrument(NamedTuple):
    """What a resource is about.

    Attributes:
        kind: spot, perpetual, mark or index.
        symbol: as Binance has it: "1000SHIBUSDT".
        interval: "1m", "5m" or "1h".
    """

    kind: str
    symbol: str
    interval: str

    @classmethod
    def of(cls, resource: str) -> "Instrument":
        """That of a name such as "perpetual_1000SHIBUSDT_1h"."""
        return cls(*resource.split("_"))

    @property
    def stem(self) -> str:
        """What names of its files begin with."""
        return f"{self.symbol}-{self.interval}"

    @property
    def quote(self) -> str:
        """What its prices are in."""
        return next(quote for quote in QUOTES if self.symbol.endswith(quote))

    @property
    def asset(self) -> str:
        """The coin, without the number of coins of a contract."""
        base = self.symbol.removesuffix(self.quote)
        coin = multiplied[2] if (multiplied := MULTIPLIED.fullmatch(base)) else base
        return SPELLINGS.get(coin, coin)

    @property
    def coins(self) -> int:
        """How many coins a price is for."""
        multiplied = MULTIPLIED.fullmatch(self.symbol.removesuffix(self.quote))
        return int(multiplied[1]) if multiplied else 1

    @property
    def minutes(self) -> int:
        """The length of a bar."""
        return INTERVALS[self.interval]


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """Hours: the closed months since 2020, then closed days of months not published yet; minutes: the chosen days.

    Args:
        http: `get(url)` answers `Served`.
        resource: kind, symbol and interval: "spot_BTCUSDT_1h".
        archived: urls that were read successfully before, each with the sha256 of what was read last.
        day: today, UTC; it and its month are not closed.

    Raises:
        FetchFailed: Binance could not be reached or answered with an error.
        PageRefused: files do not have the sha256 that Binance states, or are not those that were asked for.
    """
    instrument = Instrument.of(resource)
    is_hourly = instrument.interval == "1h"
    files = binance_files.Files(
        folder=f"{FOLDERS[instrument.kind]}/{instrument.symbol}/{instrument.interval}",
        stem=instrument.stem,
        first_day=FIRST_DAY,
        max_bytes=MAX_BYTES,
        is_monthly=is_hourly,
        only_days=None if is_hourly else CHOSEN_DAYS,
        days_in=_days,
    )
    return binance_files.fetch(http, files, archived, day)


def parse(content: bytes) -> list[BarFile]:
    """The one file of a zip, with or without a header.

    Raises:
        PageRefused: the zip is damaged, does not have exactly one file or has one that is too large, or its CSV has no
            bar, a line without twelve fields, or a header in another order.
    """
    name, text = binance_files.unpack(content, MAX_BYTES)
    first = text.split(b"\n", 1)[0].decode()
    header = tuple(field.strip().lower() for field in first.split(","))
    has_header = header[0] == HEADER[0]
    if has_header and header[: len(HEADER)] not in (HEADER, (*HEADER[:7], "quote_asset_volume", "number_of_trades")):
        raise refused(f"the header {first[:100]}")
    if not text.strip():
        raise refused("a file without bars")
    if len(header) != COLUMNS:  # Polars would take the seconds of a line of millions of fields
        raise refused(f"a line without {COLUMNS} fields")
    try:
        bars = pl.read_csv(
            BytesIO(text),
            has_header=False,
            new_columns=[*HEADER, "taker_volume", "taker_quote_volume", "ignore"],
            skip_rows=int(has_header),
            infer_schema=False,
            quote_char=None,
            raise_if_empty=False,
        )
    except pl.exceptions.PolarsError:
        raise refused(f"a line without {COLUMNS} fields") from None
    if bars.is_empty():
        raise refused("a file without bars")
    # a short line ends in nulls, and the last field of a whole one is never blank
    if bars.width != COLUMNS or bars["ignore"].has_nulls():
        raise refused(f"a line without {COLUMNS} fields")
    return [BarFile(name, bars.select(HEADER))]


def frame(rows: list[BarFile], resource: str) -> pl.DataFrame:
    """A row per bar, sorted by its opening, identical doubles once: prices and volumes in the quote asset and coins.

    Times are UTC; `volume_quote` is in the quote asset, `trades` a count; a blank is null, and mark and index prices
    have no volume.

    Raises:
        PageRefused: an opening time off its interval, a number that does not parse, a price not above zero or outside
            the bar's range, a bar served twice with different figures, a file whose name is that of another symbol or
            period, or prices of another kind than the resource's.
    """
    instrument = Instrument.of(resource)
    return pl.concat([_frame(file, instrument) for file in rows])


def check_address(content: bytes, url: str) -> None:
    """Refuses the file of another month, symbol or kind than its address says.

    Raises:
        PageRefused: the name of the CSV in the zip is another one than the address has, traded bars lie at the address
            of mark or index prices or the other way round, or the address is that of the premium, which is no price.
    """
    binance_files.check_address(content, url, MAX_BYTES)
    if "/premiumIndexKlines/" in url:
        raise refused("the premium index, which is no price")
    is_traded = "/klines/" in url
    if is_traded or any(f"/{kind}PriceKlines/" in url for kind in ("mark", "index")):
        for file in parse(content):
            _check_volume(file, is_traded)


def _frame(file: BarFile, instrument: Instrument) -> pl.DataFrame:
    _check_texts(file)
    _check_volume(file, instrument.kind in TRADED)
    bars = _typed(file).unique(maintain_order=True).sort("open_at")
    _check_times(bars, instrument.minutes)
    _check_prices(bars)
    days = bars["open_at"].dt.date()
    binance_files.check_name(file.name, instrument.stem, days.unique().to_list())
    is_traded = pl.lit(instrument.kind in TRADED)
    constants = {
        "asset": instrument.asset,
        "venue": VENUE,
        "instrument_kind": instrument.kind,
        "quote_asset": instrument.quote,
        "interval_minutes": instrument.minutes,
    }
    return bars.select(
        *(pl.lit(value, KEY[name]).alias(name) for name, value in constants.items()),
        "open_at",
        pl.col("open_at").dt.date().alias("value_date"),
        *((pl.col(price) / instrument.coins).alias(f"{price}_usd") for price in PRICES),
        pl.when(is_traded).then(pl.col("volume") * instrument.coins).alias("volume_native"),
        pl.when(is_traded).then("quote_volume").alias("volume_quote"),
        pl.when(is_traded).then("count").alias("trades"),
    )


def _typed(file: BarFile) -> pl.DataFrame:
    """Milliseconds have 13 digits from 2001 to 2286, microseconds 16; one file may have both."""
    return file.bars.select(
        *(_moment(name).alias(at) for name, at in (("open_time", "open_at"), ("close_time", "close_at"))),
        pl.col(*NUMBERS).cast(pl.Float64),
        pl.col("count").cast(pl.Int64),
    )


def _moment(name: str) -> pl.Expr:
    number = pl.col(name).cast(pl.Int64)
    return pl.when(pl.col(name).str.len_bytes() == 13).then(number * 1000).otherwise(number).cast(pl.Datetime("us"))


def _check_texts(file: BarFile) -> None:
    checks = {"open_time": TIME, "close_time": TIME, "count": COUNT, **dict.fromkeys(NUMBERS, NUMBER)}
    if file.bars["open_time"].has_nulls():
        raise refused("a bar without an opening time")
    for name, form in checks.items():
        wrong = file.bars[name].filter(~file.bars[name].str.contains(form).fill_null(value=True))
        if wrong.len():
            raise refused(f"{bounds.shown(wrong[0])} as {name}, expected {'a time' if form == TIME else 'a number'}")


def _check_volume(file: BarFile, is_traded: bool) -> None:
    """Mark and index prices move without volume; prices of trades do not."""
    figures = file.bars.select(pl.col("high", "low", "volume").cast(pl.Float64, strict=False))
    has_volume = bool((figures["volume"] > 0).any())
    moves = bool((figures["high"] > figures["low"]).any())
    if has_volume and not is_traded:
        raise refused("bars of trades as mark or index prices")
    if is_traded and moves and not has_volume and not figures["volume"].has_nulls():
        raise refused("prices that move without volume, as mark and index prices do, as bars of trades")


def _check_times(bars: pl.DataFrame, minutes: int) -> None:
    """A bar that an outage cut short ends earlier; none ends later."""
    length = timedelta(minutes=minutes)
    off = bars.filter(pl.col("open_at").dt.truncate(f"{minutes}m") != pl.col("open_at"))
    if off.height:
        raise refused(f"a bar that opens at {off['open_at'][0]} UTC, expected a multiple of {minutes} minutes")
    long = bars.filter(pl.col("close_at") - pl.col("open_at") >= length)
    if long.height:
        raise refused(f"a bar from {long['open_at'][0]} to {long['close_at'][0]} UTC, expected {minutes} minutes")
    twice = bars.filter(pl.col("open_at") == pl.col("open_at").shift())
    if twice.height:
        raise refused(f"the bar of {twice['open_at'][0]} UTC twice with different figures")


def _check_prices(bars: pl.DataFrame) -> None:
    low, high = pl.col("low"), pl.col("high")
    possible = (low > 0) & (low <= high) & pl.col("open", "close").is_between(low, high)
    wrong = bars.filter(~pl.all_horizontal(possible).fill_null(value=True))
    if wrong.height:
        raise refused(f"prices at {wrong['open_at'][0]} UTC that are not above zero or lie outside the bar's range")


def _days(content: bytes) -> set[date]:
    """The days that a file has bars of."""
    days = set[date]()
    for file in parse(content):
        _check_texts(file)
        days |= set(_typed(file)["open_at"].dt.date().unique())
    return days


SOURCE = RowSource(
    name="binance_bars",
    table="bars",
    most=MOST,
    description=__doc__,
    terms="No redistribution terms found; fetching is opt-in.",
    ext="zip",
    key=KEY,
    values=VALUES,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(minutes=10), late_after=timedelta(hours=12)),
    resources=RESOURCES,
    fetch=fetch,
    parse=parse,
    frame=frame,
    check_address=check_address,
    is_opt_in=True,
)
