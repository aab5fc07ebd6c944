"""Shares outstanding, net assets and NAV per day of Canary's crypto funds, as its fund pages print them.

What: the table of daily figures (wpDataTables 4), which every fund's page has for all funds, from their first day on.
Limits: the page's other tables are not read (its holdings are stamped with the next business day). A fund that the seed
`facts_funds` does not have is left out. To a user agent that it does not trust the site serves a stub of 4 kB.
Exercised: on a page rebuilt around the recorded figures of SOLC and XRPC, and on made ones; never live.
"""

from collections.abc import Iterator, Mapping
from datetime import date

import polars as pl
from lxml import html

from ingestion import fund_facts
from ingestion.archive import Served
from ingestion.formats import bounds, fund_days
from ingestion.formats.fund_days import FundDay, IssuerSource
from ingestion.source import Fetcher

URL = "https://canaryetfs.com/solc/"
TABLE = "4"
DAY, TICKER = "Rate Date", "Fund Ticker"
FIGURES = {"Shares Outstanding": "shares_outstanding", "NAV": "nav_usd", "Net Assets": "net_assets_usd"}
FUNDS = ("HBR", "LTCC", "SOLC", "XRPC")

WHOLE_BYTES = 100_000
"""A whole page had 1.46 MB in October 2026, a stub 4 kB."""


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """A fund's page as it is now.

    Raises:
        FetchFailed: Canary could not be reached or answered with an error.
        PageRefused: it answered a stub.
    """
    served = http.get(URL)
    if len(served.content) < WHOLE_BYTES:
        raise fund_days.refused(f"{len(served.content):,} bytes, a stub in place of the page with the figures")
    yield served


def parse(content: bytes) -> list[FundDay]:
    """The days of all funds, in the order printed; columns are found by their header.

    Raises:
        PageRefused: the page is cut off, or has not one such table, one of its columns, or a day.
    """
    if bounds.is_too_large(content):
        raise fund_days.refused(f"{len(content):,} bytes, which no page of daily figures has")
    if b"</html>" not in content.lower():
        raise fund_days.refused("a page that is cut off or no page")
    tables = html.document_fromstring(content).xpath(f"//table[@data-wpdatatable_id='{TABLE}']")
    if len(tables) != 1:
        raise fund_days.refused(f"{len(tables) or 'no'} table of daily figures, expected one (a stub, or a new layout)")
    rows = [[_text(cell) for cell in row.xpath("./th|./td")] for row in tables[0].xpath(".//tr")]
    return fund_days.read_table(rows, DAY, FIGURES, TICKER)


def frame(rows: list[FundDay], resource: str) -> pl.DataFrame:
    """Cells `shares_outstanding`, `nav_usd` and `net_assets_usd` of each day of each fund that is known.

    Raises:
        PageRefused: no fund that is known, or as `fund_days.frame` says.
    """
    known = {row.fund for row in rows} & {*FUNDS} & fund_facts.funds().keys()
    if not known:
        raise fund_days.refused(f"none of the funds {', '.join(FUNDS)}")
    return pl.concat(fund_days.frame([row for row in rows if row.fund == ticker], ticker) for ticker in sorted(known))


def _text(cell: html.HtmlElement) -> str:
    return " ".join(cell.text_content().split())


SOURCE = IssuerSource(
    name="canary",
    description=__doc__,
    ext="html",
    newest="same_day",
    resources=("daily",),
    fetch=fetch,
    parse=parse,
    frame=frame,
)
