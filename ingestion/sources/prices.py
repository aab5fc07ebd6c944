"""Daily closes of an asset in US dollars, from a user's own CSV: back to 2010, which no open file covers.

What: columns date, close (US$ per coin at the end of the UTC day); the name that the user gives it is the venue's name.
Limits: a close is what the file says; only the user knows where its day ends and which markets it covers.
Exercised: on made files.
"""

import polars as pl

from ingestion.formats import closes, daily_csv
from ingestion.formats.daily_csv import Line
from ingestion.source import UploadSource

COLUMNS = ("date", "close")
BTC = "BTC"


def resource(venue: str, asset: str) -> str:
    """The archive's folder for a venue's closes of an asset: the venue's name, followed by `.ETH` for ETH."""
    return venue if asset == BTC else f"{venue}.{asset}"


def parse(content: bytes) -> list[Line]:
    """The lines of the file, as text.

    Raises:
        PageRefused: not a CSV in UTF-8 with these columns, or without a day.
    """
    return daily_csv.parse(content, COLUMNS)


def frame(rows: list[Line], resource: str) -> pl.DataFrame:
    """Cells `close_usd` (US$ per coin) of each day.

    Raises:
        PageRefused: a date or number that does not parse, a price not above 0, or a day twice with different prices.
    """
    venue, _, asset = resource.partition(".")
    return closes.cells(asset or BTC, venue, daily_csv.figures(rows, COLUMNS))


SOURCE = UploadSource(
    name="prices",
    table="closes",
    description=__doc__,
    terms="The user's own file; it stays on the user's machine.",
    ext="csv",
    key=closes.KEY,
    newest="same_day",
    parse=parse,
    frame=frame,
    reserved_names=("binance", "bitview", "coin_metrics"),  # publishers' venues
)
