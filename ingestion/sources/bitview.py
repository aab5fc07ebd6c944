"""Long- and short-term holders of Bitcoin per day, as the Bitcoin Research Kit computes them (bitview.space).

What: series of its public instance, or of yours, in satoshi and US cents at the last block of each UTC day, from 2009
on: supply, and since 2009 what became long-term, what long-term holders spent, its value, profit and loss, issuance and
closes. A coin is long-term once unspent for 150 days (3,600 hours): definition age_150d_step. Dollars are those of the
block, not of the day's close. A series computed anew has a higher version: what was known before stays. A page that
says something else of known days without one is held back.
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
from ingestion.formats import closes, day_series, holder_supply
from ingestion.formats.daily_csv import NUMBER
from ingestion.formats.day_series import DATE, DaySeries, refused
from ingestion.formats.holder_supply import Sides
from ingestion.issuance import HALVINGS, MOST_COINS
from ingestion.source import Cadence, Fetcher, Finding, PublisherSource, Sessions, cell_schema

SERIES = "bitview"
INSTANCE = "https://bitview.space"
SATS = 100_000_000

LTH, STH, SUPPLY = "lth_supply_sats", "sth_supply_sats", "supply_sats"
MATURED = "utxos_4m_to_5m_old_matured_supply_cumulative_sats"
SPENT, MOVED = "lth_transfer_volume_cumulative_sats", "transfer_volume_cumulative_sats"
WORTH, PROFIT = "lth_transfer_volume_cumulative_cents", "lth_realized_profit_cumulative_cents"
SUBSIDY, PRICE = "subsidy_cumulative_sats", "price_close_cents"
SIDES = {LTH: "lth_native", STH: "sth_native"}
"""What the two sides of `lth_sth_supply` are called in coins."""

RESOURCES = {
    "lth_sth_supply": (LTH, STH),
    "lth_flows": (LTH, SUPPLY, MATURED, SPENT, MOVED),
    "lth_value": (
        WORTH,
        PROFIT,
        "lth_realized_loss_cumulative_cents",
        "lth_realized_cap_cents",
        "realized_cap_cents",
    ),
    "supply": (
        SUBSIDY,
        "unclaimed_rewards_cumulative_sats",
        "unspendable_supply_cumulative_sats",
        SUPPLY,
        "fees_cumulative_sats",
        "coindays_destroyed_cumulative",
        "lth_coindays_destroyed_cumulative",
    ),
    "prices": (PRICE,),
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


SHIFT = timedelta(days=1)
"""How far a halving may be off: its block may be dated to either side of midnight."""

CLOSES = {
    2011: (0.29, 35.0),
    2012: (4.22, 15.4),
    2013: (13.09, 1237.95),
    2014: (293.67, 951.39),
    2015: (120.0, 466.01),
    2016: (357.59, 982.17),
    2017: (775.98, 4425.3),
    2024: (39568.02, 106133.74),
    2025: (76322.42, 124658.54),
}
"""The lowest and highest recorded close of a year, US$, of seven sources until August 2017 and of one since 2024."""

CLOSE_ROOM = 5
"""How far a close may be below the lowest and above the highest: cents for dollars are off by 100."""

MOST = 1e21
"""Satoshi or cents of a sum since 2009: all that was ever moved is 1e18, and a thousand times that a decimal holds."""

MOST_TIMES = 5
"""How often a close may be that of the day before, or the other way: of seven recorded sources the most was 2.83."""


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
            series that falls, long-term supply above all supply or, after 2013, below short-term supply, more coins
            than are issued, spent or matured, or closes that cannot be.
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
    for name in figures:
        if name in (SUBSIDY, SUPPLY):
            _check_issued(name, days, figures[name])
    _check_flows(days, figures)
    _check_value(days, figures)
    if PRICE in figures:
        _check_closes(days, figures[PRICE])
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
    if name == PRICE and not number and day < NUMBERS_FROM:  # before there was a market
        return None
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


def _steps(days: list[date], numbers: list[Decimal | None]) -> Iterator[tuple[date, int, Decimal, Decimal]]:
    """Of each day but the first: the days since the one before, and both numbers."""
    known = sorted((day, number) for day, number in zip(days, numbers, strict=True) if number is not None)
    for (day_before, before), (day, number) in pairwise(known):
        yield day, (day - day_before).days, before, number


def _check_issued(name: str, days: list[date], numbers: list[Decimal | None]) -> None:
    """Coins against the schedule; supply, without what nobody can spend, may lag behind the subsidy."""
    for day, number in zip(days, numbers, strict=True):
        assert number is not None, "only cents may be blank"
        most = next((coins for halving, coins in HALVINGS if day < halving - SHIFT), MOST_COINS)
        least = max((coins for halving, coins in HALVINGS if day >= halving + SHIFT and name == SUBSIDY), default=0)
        if not least * SATS <= number <= most * SATS:
            raise refused(
                f"{name} on {day} is {number / SATS:,.0f} coins, where by the schedule of halvings there are"
                f" {least:,} to {most:,}, so its days or its unit are others"
            )
    for day, since, before, number in _steps(days, numbers):
        most = _most_issued(day - timedelta(days=since)) * since
        if number - before > most * SATS:
            raise refused(
                f"{name} grows by {(number - before) / SATS:,.0f} coins to {day}, where at most {most:,.0f} can be"
                " issued"
            )


def _most_issued(day: date) -> Decimal:
    """Coins of a day, or the one after it: 144 blocks were meant, and there were up to six times as many in 2010; in a
    recorded series no later day has more than 2.15 times as many."""
    halved = sum(halving + SHIFT < day for halving, _ in HALVINGS)
    return 144 * Decimal(6 if day < NUMBERS_FROM else "2.5") * 50 / 2**halved


def _check_flows(days: list[date], figures: Mapping[str, list[Decimal | None]]) -> None:
    """What long-term holders do against all coins: in a day a coin becomes long-term, or is spent as one, once."""
    if SPENT not in figures:
        return
    all_coins = {day: coins for day, coins in zip(days, figures[SUPPLY], strict=True) if coins is not None}
    for name in (MATURED, SPENT):
        for day, since, before, number in _steps(days, figures[name]):
            if number - before > all_coins[day] * since:
                raise refused(
                    f"{name} grows by {(number - before) / SATS:,.0f} coins to {day}, more than there are, as where a"
                    " number is cut off"
                )
    for day, spent, moved in zip(days, figures[SPENT], figures[MOVED], strict=True):
        if spent is not None and moved is not None and spent > moved:
            raise refused(f"{SPENT} ({spent:f}) is above {MOVED} ({moved:f}) on {day}, so its columns are swapped")


def _check_value(days: list[date], figures: Mapping[str, list[Decimal | None]]) -> None:
    """Profit is a part of what was spent is worth, but for the rounding of cents."""
    if WORTH not in figures:
        return
    worth = {day: number - before for day, _, before, number in _steps(days, figures[WORTH])}
    for day, _, before, number in _steps(days, figures[PROFIT]):
        if day in worth and number - before > worth[day] * Decimal("1.01") + 100_000:
            raise refused(
                f"{PROFIT} grows by {(number - before) / 100:,.0f} US$ on {day}, but what was spent is worth"
                f" {worth[day] / 100:,.0f} US$, so its columns are others or a number is cut off"
            )


def _check_closes(days: list[date], numbers: list[Decimal | None]) -> None:
    for day, number in zip(days, numbers, strict=True):
        if number is None:
            continue
        low, high = CLOSES.get(day.year, (0, closes.MOST_USD / CLOSE_ROOM))
        usd = float(number) / 100
        if not (usd and low / CLOSE_ROOM <= usd <= high * CLOSE_ROOM):
            raise refused(
                f"{PRICE} on {day} is {usd:,.2f} US$, which no close of Bitcoin was that year, so its unit is another"
                " or it is cut off"
            )
    for day, since, before, number in _steps(days, numbers):
        if not 1 <= max(number / before, before / number) <= MOST_TIMES**since:
            raise refused(
                f"{PRICE} goes from {before / 100:,.2f} US$ to {number / 100:,.2f} US$ on {day}, as where it is cut off"
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


def contradiction(cells: pl.DataFrame, known: pl.DataFrame, resource: str) -> str | None:
    """Why a page is held for what was read before: it says something else of those days, in no later computation.

    The newest day known may change, as its last block may be replaced. Supply counts in the resource of flows alone.

    Args:
        cells: the page's.
        known: the newest cells that were read, by key.
    """
    vintage = pl.col("metric") == f"{resource}_vintage"
    is_own = ~pl.col("metric").str.ends_with("_vintage") & ~((pl.col("metric") == SUPPLY) & (resource == "supply"))
    said = cells.filter(is_own)
    of_resource = known.join(said.select("series", "metric").unique(), on=["series", "metric"], how="semi")
    if of_resource.is_empty():
        return None
    is_over = pl.col("value_date") < of_resource["value_date"].max()
    vintages = cells.filter(vintage).select("value_date", vintage="value")
    vintages_known = known.filter(vintage).select("value_date", vintage_known="value")
    others = (
        said.filter(is_over)
        .join(of_resource, on=[*holder_supply.KEY], suffix="_known")
        .filter(pl.col("raw_text") != pl.col("raw_text_known"))
        .join(vintages, on="value_date", how="left")
        .join(vintages_known, on="value_date", how="left")
        .filter((pl.col("vintage") > pl.col("vintage_known")).fill_null(False).not_())
        .sort("value_date", "metric")
    )
    columns = ("metric", "value_date", "raw_text_known", "raw_text", "vintage")
    changed = [row for row in others.select(*columns).iter_rows() if Decimal(row[2]) != Decimal(row[3])]
    if not changed:
        return None
    name, day, before, after, version = changed[0]
    why = "has no version" if version is None else "is of no higher version"
    return f"it would change {len(changed):,} figures that were known ({name} {day}: {before} -> {after}), and {why}"


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
    contradiction=contradiction,
    most=MOST,
)
