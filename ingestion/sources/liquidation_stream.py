"""Liquidations that Bybit, Binance and OKX push, as `flowhouse collect liquidations` has heard them, by the hour.

What: perpetual contracts in USDT (Binance: also USDC and dated ones) of the assets that were asked for, in dollars, by
the side of the position that was closed. A row is an hour of an asset and a side; a later segment of the same hour has
all of an earlier one. A message counts in the hour in which it was received.
Limits: nothing of before it was collected, and nothing of gaps, which lower `covered_seconds` and are never filled in.
Bybit pushes all; Binance the last order of a contract and second alone, and OKX says that its stream is not the total:
their sums are lower bounds. Streams have no sequence number, so that a message which a venue skips goes unnoticed.
USDT counts as USD. Events that came again, and events dated more than two minutes before or one after they came, are
counted apart and not added; messages that cannot be read are counted. Auto-deleveraging is not told apart.
Exercised: on the messages that the venues document and on made ones; nothing live.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

import polars as pl

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.formats.liquidations import KEY, VALUES
from ingestion.source import Cadence, Fetcher, RowSource
from ingestion.streams.lines import HOUR_MS, Line, unpacked
from ingestion.streams.tally import SIDES, Sum, Tally, tally
from ingestion.streams.venues import VENUES

COUNTS = {
    "repeated_events": pl.Int64(),
    "misdated_events": pl.Int64(),
    "unread_messages": pl.Int64(),
}
"""What is kept apart of an hour: events that came again or are dated wrongly, and messages that could not be read."""


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """Nothing: a stream can only be listened to while it flows."""
    yield from ()


def parse(content: bytes) -> list[Line]:
    """The lines of a segment.

    Raises:
        PageRefused: it is none.
    """
    try:
        return unpacked(content)
    except ValueError as error:
        raise PageRefused(f"it is no segment of a stream ({error}): restore the file, or remove it.") from None


def frame(rows: list[Line], resource: str) -> pl.DataFrame:
    """A row for each asset and side of the segment's hour.

    Args:
        resource: the venue.

    Raises:
        PageRefused: there is no such venue.
    """
    if resource not in VENUES:
        raise PageRefused(f"{resource} is no venue with a stream: known are {', '.join(VENUES)}.")
    venue = VENUES[resource]
    found = tally(rows, venue)
    begin = datetime.fromtimestamp(found.hour / 1000, UTC).replace(tzinfo=None)
    cells = [
        (asset, venue.name, venue.coverage, side, begin, begin.date(), *_values(found, found.sums[asset, side], asset))
        for asset in found.assets
        for side in SIDES
    ]
    return pl.DataFrame(cells, schema={**KEY, **VALUES, **COUNTS}, orient="row")


def _values(found: Tally, total: Sum, asset: str) -> tuple[float | int | None, ...]:
    """The values of a row; no sum where nothing was listened to, and no largest where there is none."""
    covered = round(found.covered_ms[asset] / 1000)
    notional = float(total.notional_usd) if covered or total.events else None
    largest = float(total.largest_usd) if total.events else None
    apart = (total.repeated, total.misdated, found.unread)
    return (notional, total.events, largest, covered, HOUR_MS // 1000, *apart)


SOURCE = RowSource(
    name="liquidation_stream",
    table="liquidations",
    description=__doc__,
    terms="Market data that venues push to anybody; no terms of redistribution found, and collecting is opt-in.",
    ext="gz",
    key=KEY,
    values={**VALUES, **COUNTS},
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(minutes=10), late_after=timedelta(hours=12)),
    resources=tuple(VENUES),
    fetch=fetch,
    parse=parse,
    frame=frame,
    is_opt_in=True,
)
