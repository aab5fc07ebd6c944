"""Long- and short-term holders of Bitcoin per day, as the Bitcoin Research Kit computes them (bitview.space).

What: series of its public instance, or of yours, in satoshi and US cents at the last block of each UTC day, from 2009
on: supply, and since 2009 what became long-term, what long-term holders spent, its value, profit and loss, issuance and
closes. A coin is long-term once unspent for 150 days (3,600 hours): definition age_150d_step. Dollars are those of the
block, not of the day's close. A series computed anew has a higher version: what was known before stays.
Limits: each fetch requests the whole history, without the newest day, which is not over.
Exercised: on made bytes only, after the interface's own description and source (server 0.11.2, client 0.12.2); never on
recorded bytes, and not live.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import polars as pl

from ingestion.archive import Served
from ingestion.formats import day_series, holder_supply
from ingestion.formats.daily_csv import NUMBER
from ingestion.formats.day_series import DATE, DaySeries, refused
from ingestion.formats.holder_supply import Sides
from ingestion.source import Cadence, Fetcher, Finding, PublisherSource, Sessions, cell_schema

SERIES = "bitview"
INSTANCE = "https://bitview.space"
SATS = 100_000_000

LTH, STH, SUPPLY = "lth_supply_sats", "sth_supply_sats", "supply_sats"
SIDES = {LTH: "lth_native", STH: "sth_native"}
"""What the two sides of `lth_sth_supply` are called in coins."""

RESOURCES = {
    "lth_sth_supply": (LTH, STH),
    "lth_flows": (
        LTH,
        SUPPLY,
        "utxos_4m_to_5m_old_matured_supply_cumulative_sats",
        "lth_transfer_volume_cumulative_sats",
        "transfer_volume_cumulative_sats",
    ),
    "lth_value": (
        "lth_transfer_volume_cumulative_cents",
        "lth_realized_profit_cumulative_cents",
        "lth_realized_loss_cumulative_cents",
        "lth_realized_cap_cents",
        "realized_cap_cents",
    ),
    "supply": (
        "subsidy_cumulative_sats",
        "unclaimed_rewards_cumulative_sats",
        "unspendable_supply_cumulative_sats",
        SUPPLY,
        "fees_cumulative_sats",
        "coindays_destroyed_cumulative",
        "lth_coindays_destroyed_cumulative",
    ),
    "prices": ("price_close_cents",),
    "bands": (
        "utxos_over_1y_old_supply_sats",
        "utxos_over_1y_old_transfer_volume_cumulative_sats",
        "p2pkh_supply_sats",
        "p2wpkh_supply_sats",
    ),
}
WHOLE = ("_sats", "_cents", "_count")
"""The ends of the names of series in whole numbers."""

NO_NUMBER = str(2**64 - 1)
"""The publisher's cents where there is no number, as for the price of coins that nobody holds yet."""

NUMBERS_FROM = date(2011, 1, 1)
"""From then on every series has a number: coins of each kind, a market since 2010."""


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The whole history of a resource as it is now, from one address: JSON, which alone has the version.

    Raises:
        FetchFailed: the publisher could not be reached or answered with an error.
    """
    series = ",".join((DATE, *RESOURCES[resource]))
    yield http.get(f"{INSTANCE}/api/series/bulk?series={series}&index=day1&end=-1&format=json")


def parse(content: bytes) -> list[DaySeries]:
    """The page as one item.

    Raises:
        PageRefused: neither a CSV nor JSON of days, an error of the publisher's, or rows that do not fit together.
    """
    return [day_series.parse(content)]


def frame(rows: list[DaySeries], resource: str) -> pl.DataFrame:
    """Cells of each day, by the names of their series, and the vintage that JSON tells.

    `raw_text` is exact; of cumulative satoshi, which pass 2^53, `value` is not. `lth_native` and `sth_native` are in
    coins, from satoshi, all others in the unit that ends their name.

    Raises:
        PageRefused: a series is not there, half a day, a number that does not parse or is not whole, a cumulative
            series that falls, or long-term supply above all supply or, after 2013, below short-term supply.
    """
    (page,) = rows
    columns = day_series.columns(page, RESOURCES[resource])
    filled = [at for at, texts in enumerate(page.texts) if any(texts)]
    days = [page.days[at] for at in filled]
    figures = {
        name: [_number(name, day, texts[at]) for at, day in zip(filled, days, strict=True)]
        for name, texts in columns.items()
    }
    for name, numbers in figures.items():
        if "_cumulative" in name:
            _check_rises(name, days, numbers)
    _check_sides(days, figures)
    metric = SIDES if resource == "lth_sth_supply" else {}
    cells = [
        (SERIES, day, metric.get(name, name), columns[name][at], float(number / (SATS if name in metric else 1)))
        for name, numbers in figures.items()
        for at, day, number in zip(filled, days, numbers, strict=True)
        if number is not None
    ]
    if page.vintage is not None:
        cells += [(SERIES, day, f"{resource}_vintage", str(page.vintage), float(page.vintage)) for day in days]
    return pl.DataFrame(cells, schema=cell_schema(holder_supply.KEY), orient="row")


def _number(name: str, day: date, text: str) -> Decimal | None:
    if text in ("", NO_NUMBER) and name.endswith("_cents") and day < NUMBERS_FROM:
        return None
    if not NUMBER.fullmatch(text) or text == NO_NUMBER:
        raise refused(f"{name} on {day} is {text[:40]!r}, expected a number of at least 0")
    number = Decimal(text)
    if name.endswith(WHOLE) and number != number.to_integral_value():
        raise refused(f"{name} on {day} is {text[:40]!r}, expected a whole number")
    return number


def _check_rises(name: str, days: list[date], numbers: list[Decimal | None]) -> None:
    known = sorted((day, number) for day, number in zip(days, numbers, strict=True) if number is not None)
    for (_, before), (day, number) in pairwise(known):
        if number < before:
            raise refused(f"{name} falls from {before:f} to {number:f} on {day}, which a sum since 2009 never does")


def _check_sides(days: list[date], figures: Mapping[str, list[Decimal | None]]) -> None:
    if LTH not in figures:
        return
    others = figures.get(STH) or figures.get(SUPPLY)
    assert others, "every resource with one side has the other or the sum"
    for day, lth, other in zip(days, figures[LTH], others, strict=True):
        assert lth is not None, "only cents may be blank"
        assert other is not None, "only cents may be blank"
        sth = other if STH in figures else other - lth
        if sth < 0:
            raise refused(f"long-term supply ({lth:f}) is above all supply ({other:f}) on {day}")
        if day >= holder_supply.LABELS_CERTAIN_FROM and lth < sth:
            raise refused(
                f"long-term supply ({lth:f}) is below short-term supply ({sth:f}) on {day}, which no true series has"
                " after 2013, so its labels are swapped"
            )


def _sides(cells: pl.DataFrame) -> list[Sides]:
    """Both sides of each day, where the page has them: as such, or as long-term supply and the sum."""
    wide = cells.pivot("metric", index="value_date", values="value", aggregate_function="first").sort("value_date")
    if "lth_native" in wide.columns:
        return holder_supply.sides(cells)
    if LTH not in wide.columns:
        return []
    coins = wide.select("value_date", lth=pl.col(LTH) / SATS, sth=(pl.col(SUPPLY) - pl.col(LTH)) / SATS)
    return [Sides(*row) for row in coins.iter_rows()]


def vet(cells: pl.DataFrame, _: Sessions) -> tuple[pl.DataFrame, list[Finding]]:
    """The cells as they are, where their sides can be those of a series.

    Raises:
        PageRefused: as `holder_supply.check`.
    """
    holder_supply.check(_sides(cells))
    return cells, []


def doubt(cells: pl.DataFrame) -> str | None:
    """Why a page is held until somebody accepts it: see `holder_supply.fall`."""
    return holder_supply.fall(_sides(cells))


SOURCE = PublisherSource(
    name="bitview",
    table="supply",
    description=__doc__,
    terms="No key; the software is MIT-licensed. No terms for the data were found, so fetching is opt-in.",
    ext="json",
    key=holder_supply.KEY,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(minutes=10), late_after=timedelta(hours=12)),
    instance=INSTANCE,
    max_bytes=day_series.MAX_BYTES,
    resources=tuple(RESOURCES),
    fetch=fetch,
    parse=parse,
    frame=frame,
    vet=vet,
    doubt=doubt,
)
