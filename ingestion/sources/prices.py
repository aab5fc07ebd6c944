"""Daily closes of an asset in US dollars, from a CSV that a user brings: back to 2010, where no open file reaches.

What: columns date, close (US$ per coin at the end of the UTC day); the name it is given is the venue's name.
Limits: a close is what the file says; where the day ends and which markets it covers, the user knows.
Exercised: on made files.
"""

import polars as pl

from ingestion.formats import daily_csv
from ingestion.formats.daily_csv import Line
from ingestion.source import UploadSource, cell_schema

KEY = {"asset": pl.String(), "venue": pl.String(), "value_date": pl.Date(), "metric": pl.String()}
COLUMNS = ("date", "close")
BTC = "BTC"


def resource(venue: str, asset: str) -> str:
    """The archive's folder for a venue's closes of an asset: the venue's name, and `.ETH` after it for another one."""
    return venue if asset == BTC else f"{venue}.{asset}"


def parse(content: bytes) -> list[Line]:
    """The lines of the file, as they stand there.

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
    days = daily_csv.figures(rows, COLUMNS)
    for day, (_, (close,)) in days.items():
        if close == 0:
            raise daily_csv.refused(f"close on {day} is 0, expected a price above 0")
    cells = [(asset or BTC, venue, day, "close_usd", text, float(close)) for day, ((text,), (close,)) in days.items()]
    return pl.DataFrame(cells, schema=cell_schema(KEY), orient="row")


SOURCE = UploadSource(
    name="prices",
    table="closes",
    description=__doc__,
    terms="The user's own file; it stays on the user's machine.",
    ext="csv",
    key=KEY,
    newest="same_day",
    parse=parse,
    frame=frame,
    reserved_names=("binance",),  # a publisher's venue
)
