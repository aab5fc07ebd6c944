"""Daily flows of the spot funds listed in Hong Kong, from a user's own CSV.

What: columns trade_date, ticker, net_flow_native, net_flow_usd: net creations of the Hong Kong day in coins and in US
dollars, one line per day and fund; an empty field is a figure that was not reported, 0 a day without creations. The
ticker is the code of the counter in Hong Kong dollars, such as 3042. The name that the user gives the file is the
source of its flows; a later file of that name corrects what it shows anew, and both stay known.
Limits: a flow is what the file says, and nothing turns coins into dollars; holidays of the exchange are not known. Only
funds of the seed `foreign_funds` are read. These flows are in no sum of US funds.
Exercised: on made files.
"""

import re
from datetime import date
from decimal import Decimal

import polars as pl

from ingestion.formats import bounds, daily_csv, foreign_flows
from ingestion.formats.daily_csv import Line
from ingestion.formats.foreign_flows import Flow
from ingestion.source import UploadSource

COLUMNS = ("trade_date", "ticker", *foreign_flows.METRICS)
MARKET = "hong_kong"
NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


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
        day, ticker, flow = _flow(line)
        if flows.setdefault((ticker, day), flow).numbers != flow.numbers:
            raise daily_csv.refused(f"it has {ticker} on {day} twice with different figures")
    return foreign_flows.cells(resource, flows)


def _flow(line: Line) -> tuple[date, str, Flow]:
    day = daily_csv.day_of(line.day)
    ticker, native, usd = line.texts
    where = f"of {ticker} on {day}"
    flow = Flow((native, usd), (_number(native, f"net_flow_native {where}"), _number(usd, f"net_flow_usd {where}")))
    foreign_flows.check(MARKET, ticker, day, flow)
    return day, ticker, flow


def _number(text: str, what: str) -> Decimal | None:
    if text and not NUMBER.fullmatch(text):
        raise daily_csv.refused(f"{what} is {bounds.shown(text)}, expected a number like -1234.5 or nothing")
    return Decimal(text) if text else None


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
    reserved_names=("coinglass",),  # a publisher's figures
)
