"""NAV and net assets per day of VanEck's Bitcoin fund HODL, as VanEck publishes them.

What: the workbook "Historical Prices" of the product page: one row per day, newest first, days as m/d/Y, the header
below a title; a quarter of the rows are weekends, on which nothing changes.
Limits: no count is printed: it follows in the marts from net assets and NAV, as whole creation units. It is
settlement-dated (T+1). The days before the split of 4 for 1 are not restated.
Exercised: on a workbook rebuilt around recorded figures, and on made ones; never live.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date

from ingestion.archive import Served
from ingestion.formats import fund_days, workbook
from ingestion.formats.fund_days import FundDay
from ingestion.source import Fetcher, PublisherSource

URL = "https://www.vaneck.com/us/en/investments/{page}/downloads/fundhistoprices/"
PAGES = {"HODL": "bitcoin-etf-hodl"}
FIGURES = {"NAV": "nav_usd", "AUM": "net_assets_usd"}
DAY = "Date"
TITLE = re.compile(r"VanEck .*\(([A-Z]{3,5})\)")


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The fund's workbook as it is now.

    Raises:
        FetchFailed: the publisher could not be reached or answered with an error.
    """
    yield http.get(URL.format(page=PAGES[resource]))


def parse(content: bytes) -> list[FundDay]:
    """The days of the first sheet, in the order served; columns are found by their header, the fund by the title.

    Raises:
        PageRefused: no whole workbook, or without one of its columns, or any day.
    """
    rows = workbook.rows(content)
    titles = [match[1] for row in rows for cell in row[:1] if (match := TITLE.fullmatch(cell))]
    return [each._replace(fund=(*titles, "")[0]) for each in fund_days.read_table(rows, DAY, FIGURES)]


SOURCE = PublisherSource(
    name="vaneck",
    table=fund_days.TABLE,
    description=__doc__,
    terms="No redistribution terms found; fetching is opt-in.",
    ext="xlsx",
    key=fund_days.KEY,
    newest="next_session",
    cadence=fund_days.CADENCE,
    is_opt_in=True,
    resources=tuple(PAGES),
    fetch=fetch,
    parse=parse,
    frame=fund_days.frame,
    vet=fund_days.vet,
    rules=fund_days.RULES,
)
