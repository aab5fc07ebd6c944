"""Liquidations of a venue: what was closed by force in each period, with the seconds that the figures stand for.

A side is that of the position that was closed: a forced sale closes a long. `both` is a venue's sum over longs and
shorts, `auto_deleveraged` what was closed against the winning side once the insurance fund could not pay.
Coverages: `all_fills` is every liquidation by itself, `venue_aggregate` a venue's own sum, `throttled_snapshot` a
stream that leaves some out, so that a sum of it is a lower bound, and `vendor` what somebody else added up.
"""

from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Literal, TypeVar

import msgspec
import polars as pl

from ingestion.errors import PageRefused
from ingestion.formats import bounds

Side = Literal["long", "short", "both", "auto_deleveraged"]
Coverage = Literal["all_fills", "venue_aggregate", "throttled_snapshot", "vendor"]
Answer = TypeVar("Answer")

KEY: dict[str, pl.DataType] = {
    "asset": pl.String(),
    "venue": pl.String(),
    "coverage": pl.String(),
    "side": pl.String(),
    "period_start_at": pl.Datetime("us"),
    "value_date": pl.Date(),
}
VALUES: dict[str, pl.DataType] = {
    "notional_usd": pl.Float64(),
    "events": pl.Int64(),
    "largest_usd": pl.Float64(),
    "covered_seconds": pl.Int64(),
    "period_seconds": pl.Int64(),
}
ORDER = ("asset", "side", "period_start_at")

MIDNIGHT, HOUR, DAY = timedelta(0), timedelta(hours=1), timedelta(days=1)
MILLISECONDS_FROM = 100_000_000_000
"""As seconds that is the year 5138, as milliseconds 1973: no liquidation is as late or as early."""
EARLIEST, LATEST = datetime(2015, 1, 1), datetime(2100, 1, 1)
"""Perpetual contracts are not older; venues' counters of milliseconds are far off once they are wrong."""


PERIODS: dict[str, pl.DataType] = {
    "asset": KEY["asset"],
    "side": KEY["side"],
    "period_start_at": KEY["period_start_at"],
    "notional_usd": VALUES["notional_usd"],
    "events": VALUES["events"],
    "largest_usd": VALUES["largest_usd"],
}
"""What a page says of a period: dollars, or null where it has no figure, so that nothing of the period is covered; how
many liquidations, and the largest one, or null where these are not known."""


def decode(content: bytes, answer: type[Answer], publisher: str, max_bytes: int = bounds.MAX_BYTES) -> Answer:
    """A page of JSON, whose numbers may be written as text.

    Raises:
        PageRefused: it is too large, is a web page, or has another shape.
    """
    if len(content) > max_bytes:
        raise refused(publisher, f"more than {max_bytes:,} bytes")
    if content.lstrip()[:1] == b"<":
        raise refused(publisher, "a web page in place of figures")
    try:
        return msgspec.json.decode(content, type=answer, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refused(publisher, f"an answer of another shape ({str(error)[:100]})") from None


def instant(number: float, publisher: str) -> datetime:
    """The time of a number of seconds or milliseconds since 1970, UTC without zone.

    Raises:
        PageRefused: it is no time at which there were perpetual contracts.
    """
    seconds = number / 1000 if abs(number) >= MILLISECONDS_FROM else number
    if not isfinite(number) or not EARLIEST.timestamp() < seconds < LATEST.timestamp():
        raise refused(publisher, f"the time {number:.20g}")
    return datetime(1970, 1, 1) + timedelta(seconds=seconds)


def epoch(at: datetime) -> int:
    """Seconds since 1970 of a time in UTC without zone."""
    return int(at.replace(tzinfo=UTC).timestamp())


def frame(
    periods: pl.DataFrame,
    venue: str,
    coverage: Coverage,
    length: timedelta,
    publisher: str,
    offset: timedelta = MIDNIGHT,
) -> pl.DataFrame:
    """Rows of liquidations, sorted; a period served twice with the same figures counts once.

    Args:
        periods: in the columns of PERIODS.
        length: of each period.
        offset: where periods begin, from whole multiples of their length in UTC.

    Raises:
        PageRefused: a period begins elsewhere or is served twice with different figures, or a figure is negative or
            infinite.
    """
    periods = periods.unique()
    elsewhere = (pl.col("period_start_at") - offset).dt.epoch("us") % (length // timedelta(microseconds=1)) != 0
    for reason, wrong in {
        f"a period that does not begin where one of {length} begins": elsewhere,
        "an amount that is negative or infinite": pl.any_horizontal(
            ~pl.col("notional_usd", "events", "largest_usd").is_between(0, float("inf"), closed="left")
        ),
        "a period twice with different figures": pl.struct("asset", "side", "period_start_at").is_duplicated(),
    }.items():
        found = periods.filter(wrong).sort(ORDER)
        if not found.is_empty():
            asset, side, start_at = found.row(0)[:3]
            raise refused(publisher, f"{reason} ({bounds.shown(asset)}, {side}, {start_at})")
    seconds = int(length.total_seconds())
    is_known = pl.col("notional_usd").is_not_null()
    return (
        periods.select(
            "asset",
            "side",
            "period_start_at",
            "notional_usd",
            "events",
            "largest_usd",
            venue=pl.lit(venue),
            coverage=pl.lit(coverage),
            value_date=pl.col("period_start_at").dt.date(),
            covered_seconds=pl.when(is_known).then(seconds).otherwise(0).cast(pl.Int64),
            period_seconds=pl.lit(seconds, dtype=pl.Int64),
        )
        .select(*KEY, *VALUES)
        .sort(ORDER)
    )


def refused(publisher: str, what: str) -> PageRefused:
    """The error of a page that cannot be trusted."""
    return PageRefused(f"{publisher} served {what}: look at the archived file, and fetch again once it is fixed.")
