"""Long- and short-term holders' supply of Bitcoin per day, from a user's own CSV.

What: columns date, lth_btc, sth_btc (coins at the end of the UTC day); the user's name for it is the series' name.
Limits: which coins count as long-term is the publisher's definition. A user may name it; the choice is stored in the
capture's provenance (`note`), and a series has the newest one. Otherwise the seed `holder_series` has it, or the series
is `as_published`.
Exercised: on a recorded series of 5,250 days, and on made files.
"""

from collections.abc import Iterable

import polars as pl

from ingestion.archive import Capture
from ingestion.formats import daily_csv, holder_supply
from ingestion.formats.daily_csv import Line
from ingestion.source import UploadSource

COLUMNS = ("date", "lth_btc", "sth_btc")

DEFINITIONS = "definitions"
DEFINITIONS_SCHEMA = {"series": pl.String(), "observed_at": pl.Datetime("us"), "definition_id": pl.String()}
AS_PUBLISHED = "as_published"
NOTE = "definition: "


def parse(content: bytes) -> list[Line]:
    """The lines of the file, as text.

    Raises:
        PageRefused: not a CSV in UTF-8 with these columns, or without a day.
    """
    return daily_csv.parse(content, COLUMNS)


def frame(rows: list[Line], resource: str) -> pl.DataFrame:
    """Cells `lth_native` and `sth_native` (coins) of each day of the series named `resource`.

    Raises:
        PageRefused: a date or number that does not parse, a negative number, a day twice with different numbers, or
            long-term supply below short-term supply after 2013.
    """
    return holder_supply.cells(resource, daily_csv.figures(rows, COLUMNS))


def note(definition_id: str | None) -> str:
    """The note in a capture's provenance for the definition that its user chose; empty where none was."""
    return f"{NOTE}{definition_id}" if definition_id else ""


def definitions(captures: Iterable[Capture]) -> pl.DataFrame:
    """The definitions that users chose, one row per capture that names one: `DEFINITIONS_SCHEMA`."""
    rows = [
        (capture.resource, capture.fetched_at, capture.note.removeprefix(NOTE))
        for capture in captures
        if capture.note.startswith(NOTE)
    ]
    return pl.DataFrame(sorted(rows), schema=DEFINITIONS_SCHEMA, orient="row")


SOURCE = UploadSource(
    name="holder_series",
    table="supply",
    description=__doc__,
    terms="The user's own file; it stays on the user's machine.",
    ext="csv",
    key=holder_supply.KEY,
    newest="same_day",
    parse=parse,
    frame=frame,
    vet=holder_supply.vet,
    doubt=holder_supply.doubt,
    # what flowhouse derives from the chain itself, and a publisher's series
    reserved_names=("derived", "bitview"),
)
