"""Files of Hyperliquid's statistics page: the whole history of every coin, a figure per UTC day."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import polars as pl

from ingestion.archive import Served
from ingestion.formats import derivatives
from ingestion.formats.derivatives import INSTANT, refused
from ingestion.source import Fetcher

URL = "https://d2v1fiwobg9w6.cloudfront.net"
MAX_BYTES = 128 * 2**20
MONDAY = 1


def fetch(http: Fetcher, file: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The file as it is now, on Mondays and where none was read before: each answer is kept, and has some 12 MB.

    Raises:
        FetchFailed: Hyperliquid could not be reached or answered with an error.
    """
    url = f"{URL}/{file}"
    if url not in archived or day.isoweekday() == MONDAY:
        yield http.get(url)


def days(times: Sequence[str], coins: Sequence[str], values: Sequence[float | None]) -> pl.DataFrame:
    """The days of the coins asked for before the newest day, which may not be over: asset, day (its start), value.

    Raises:
        PageRefused: a time that is no midnight.
    """
    texts = pl.Series("day", times, pl.String)
    found = pl.DataFrame(
        {
            "asset": pl.Series(coins, dtype=pl.String),
            "day": texts.str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False).cast(INSTANT),
            "value": pl.Series(values, dtype=pl.Float64),
        }
    )
    odd = texts.filter(found["day"].is_null() | (found["day"] != found["day"].dt.truncate("1d")))
    if not odd.is_empty():
        raise refused(f"the time {odd[0]!r:.40}, expected midnight")
    is_over = pl.col("day") < pl.col("day").max()
    return found.filter(is_over & pl.col("asset").is_in(derivatives.ASSETS))
