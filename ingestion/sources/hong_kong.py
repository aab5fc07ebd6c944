"""Daily flows of the spot funds listed in Hong Kong, from a user's own CSV.

What: columns trade_date, ticker, net_flow_native, net_flow_usd: net creations of the Hong Kong day in coins and in US
dollars, one line per day and fund; an empty field is a figure that was not reported, 0 a day without creations. The
ticker is the code of the counter in Hong Kong dollars, such as 3042. The name that the user gives the file is the
source of its flows; a later file of that name corrects what it shows anew, and both stay known.
A line that should not be there goes with its file: `flowhouse reject hong_kong/NAME/TIME`, then the corrected file.
Limits: a flow is what the file says, and nothing turns coins into dollars; holidays of the exchange are not known. Only
funds of the seed `foreign_funds` are read. These flows are in no sum of US funds.
Exercised: on made files.
"""

from datetime import date

import polars as pl

from ingestion.formats import daily_csv, foreign_flows
from ingestion.formats.daily_csv import Line
from ingestion.formats.foreign_flows import Flow
from ingestion.source import UploadSource

COLUMNS = ("trade_date", "ticker", *foreign_flows.METRICS)


def parse(content: bytes) -> list[Line]:
    """The lines of the file, as text.

    Raises:
        PageRefused: not a CSV in UTF-8 with these columns, or without a line.
    """
    return daily_csv.parse(content, COLUMNS)


def frame(rows: list[Line], resource: str) -> pl.DataFrame:
    """Cells `net_flow_native` (coins) and `net_flow_usd` (US$) of each fund and day, from the source `resource`.

    Raises:
        PageRefused: a date, ticker or number that does not parse or cannot be right, or a fund twice on a day with
            different figures.
    """
    flows: dict[tuple[str, date], Flow] = {}
    for line in rows:
        day, (ticker, native, usd) = daily_csv.day_of(line.day), line.texts
        try:
            flow = foreign_flows.flow(foreign_flows.HONG_KONG, ticker, day, native, usd)
        except ValueError as error:
            raise daily_csv.refused(str(error)) from None
        if flows.setdefault((ticker, day), flow).numbers != flow.numbers:
            raise daily_csv.refused(f"it has {ticker} on {day} twice with different figures")
    return foreign_flows.cells(resource, flows)


SOURCE = UploadSource(
    name="hong_kong",
    table=foreign_flows.TABLE,
    description=__doc__,
    terms="The user's own file; it stays on the user's machine.",
    ext="csv",
    key=foreign_flows.KEY,
    newest="same_day",
    parse=parse,
    frame=frame,
    reserved_names=("coinglass",),  # the source of coinglass_hk
)
