"""Net asset value and shares outstanding per day of iShares' crypto funds, as iShares (BlackRock) publishes them.

What: the fund workbook behind "Download" on a product page: SpreadsheetML 2003, sheet "Historical", one row per day.
Limits: an "as of" share count is settlement-dated (T+1), so its day is not the trade date; a workbook has the whole
history, in its newest version only. The sheet does not name its fund; the one before it does, and its first days tell.
Exercised: on recorded bytes of IBIT, on workbooks of ETHA and ETHB rebuilt around recorded figures, and on made ones;
never live.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import polars as pl
from lxml import etree

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.formats import bounds, fund_days
from ingestion.source import Fetcher, PublisherSource, cell_schema

URL = (
    "https://www.blackrock.com/varnish-api/blk-one01-product-data/product-data/api/v1/get-fund-document"
    "?appType=PRODUCT_PAGE&appSubType=ISHARES&targetSite=us-ishares&locale=en_US"
    "&portfolioId={portfolio_id}&component=fundDownload&userType=individual"
)
PORTFOLIO_IDS = {"IBIT": "333011", "ETHA": "337614", "ETHB": "348532"}
ASSETS = {"IBIT": "BTC", "ETHA": "ETH", "ETHB": "ETH"}
NAMES = {
    "IBIT": "iShares Bitcoin Trust",
    "ETHA": "iShares Ethereum Trust",
    "ETHB": "iShares Staked Ethereum Trust",
}
INCEPTIONS = {"IBIT": date(2024, 1, 5), "ETHA": date(2024, 6, 24), "ETHB": date(2026, 2, 18)}
"""The first day that a fund has a NAV, as its registration or its workbook says and the seed `facts_funds`."""

SHEET = "Historical"
COLUMNS = ("As Of", "NAV per Share", "Shares Outstanding")
BLANKS = ("", "--")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAY = re.compile(r"([A-Z][a-z]{2}) ([0-9]{1,2}), ([0-9]{4})")
NUMBER = re.compile(r"-?([0-9]{1,3}(,[0-9]{3})+|[0-9]+)(\.[0-9]+)?(E[+-]?[0-9]{1,2})?")
TITLE = re.compile("iShares .*(Trust|ETF|Fund)")

Element = etree._Element  # pyright: ignore[reportPrivateUsage] -- lxml has no public name for it
SS = "{urn:schemas-microsoft-com:office:spreadsheet}"
BARE_AMPERSAND = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#[0-9]+|#x[0-9a-fA-F]+);)")
STYLES = (b"<ss:Styles>", b"</ss:Styles>")


class FundDay(NamedTuple):
    """One day of the sheet, as served: "Dec 31, 2025", "49.524144", "1360680000"; blank is "" or "--".

    Attributes:
        fund: the name that the workbook gives its fund; empty where it gives none.
    """

    as_of: str
    nav_per_share: str
    shares_outstanding: str
    fund: str = ""


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The fund's workbook as it is now, from one address.

    Raises:
        FetchFailed: the publisher could not be reached or answered with an error.
    """
    yield http.get(URL.format(portfolio_id=PORTFOLIO_IDS[resource]))


def parse(content: bytes) -> list[FundDay]:
    """The days of sheet "Historical", in the order served; columns are found by their header.

    Raises:
        PageRefused: not a whole workbook, or without that sheet, one of its columns, or any day.
    """
    workbook = _workbook(content)
    rows = [_cells(row) for row in _sheet(workbook).iter(f"{SS}Row")]
    header = next((at for at, cells in enumerate(rows) if set(COLUMNS) & set(cells.values())), len(rows))
    places = [_column(rows[header] if header < len(rows) else {}, name) for name in COLUMNS]
    days = [FundDay(*(cells.get(place, "") for place in places)) for cells in rows[header + 1 :]]
    days = [day for day in days if any(text not in BLANKS for text in day)]
    if not days:
        raise _refused(f'no day below the header of sheet "{SHEET}"')
    fund = _title(workbook)
    return [day._replace(fund=fund) for day in days]


def frame(rows: list[FundDay], resource: str) -> pl.DataFrame:
    """Cells `nav_usd` (USD per share) and `shares_outstanding` (shares) of each day.

    Raises:
        PageRefused: a date or number that does not parse, a NAV not above zero, a share count below zero
            or not whole, a day served twice with different figures or out of order, or another fund's workbook.
    """
    days: dict[date, FundDay] = {}
    for row in rows:
        value_date = _day(row.as_of)
        if days.setdefault(value_date, row)[1:] != row[1:]:
            raise _refused(f"{row.as_of} twice with different figures")
    if not bounds.are_in_order([_day(row.as_of) for row in rows]):
        raise _refused("days that run neither up nor down")
    _check_fund(resource, rows[0].fund, days)
    cells: list[tuple[str, str, date, str, str | None, float | None]] = []
    for value_date, row in days.items():
        key = (ASSETS[resource], resource, value_date)
        cells.append((*key, "nav_usd", *_cell(row.nav_per_share, row.as_of, _is_nav, "a NAV above zero")))
        cells.append(
            (*key, "shares_outstanding", *_cell(row.shares_outstanding, row.as_of, _is_count, "a whole share count"))
        )
    return pl.DataFrame(cells, schema=cell_schema(fund_days.KEY), orient="row")


def _check_fund(resource: str, fund: str, days: Mapping[date, FundDay]) -> None:
    """Refuses another fund's workbook: by its name, or by three days or more before the fund had any."""
    if fund and not fund.startswith(NAMES[resource]):
        raise _refused(f"a workbook of {bounds.shown(fund)} as that of {resource}")
    early = [day for day, row in days.items() if day < INCEPTIONS[resource] and row.shares_outstanding not in BLANKS]
    if len(early) >= 3:
        raise _refused(
            f"{len(early)} days before {resource} began on {INCEPTIONS[resource]}, so another fund's workbook"
        )


def _title(workbook: Element) -> str:
    """The name of a fund outside the sheet of days, one of ours before any other; empty where there is none."""
    sheets = (sheet for sheet in workbook.iter(f"{SS}Worksheet") if sheet.get(f"{SS}Name") != SHEET)
    texts = (" ".join("".join(data.itertext()).split()) for sheet in sheets for data in sheet.iter(f"{SS}Data"))
    titles = [text for text in texts if TITLE.fullmatch(text)]
    return next((title for title in titles if title.startswith((*NAMES.values(),))), (*titles, "")[0])


def _workbook(content: bytes) -> Element:
    """The workbook's root, from bytes that are not quite XML.

    Ampersands are repaired first and the rest is parsed strictly: lxml's recover=True would accept a workbook that is
    cut off inside a number, and did (45540 for 455400000). Named entities count as bare ampersands, so there is nothing
    to expand. Styles are dropped, since they are not read and iShares has closed <ss:Style> with </Style>.
    """
    if bounds.is_too_large(content):
        raise _refused(f"{len(content):,} bytes, which no workbook of one fund has")
    if bounds.is_html(content):
        raise PageRefused(
            "iShares answered HTML, expected a workbook: look at the archived page, and find the workbook's"
            " present address on the product page."
        )
    content = BARE_AMPERSAND.sub(b"&amp;", _without_styles(content))
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise _refused(f"bytes that are not a whole workbook ({(error.msg or '')[:200]})") from None
    if root.getroottree().docinfo.doctype:
        raise _refused("a document type, which no workbook has")
    return root


def _without_styles(content: bytes) -> bytes:
    begin, end = STYLES
    before, _, rest = content.partition(begin)
    _, found, after = rest.partition(end)
    return before + after if found else content


def _sheet(workbook: Element) -> Element:
    sheets = [sheet for sheet in workbook.iter(f"{SS}Worksheet") if sheet.get(f"{SS}Name") == SHEET]
    if len(sheets) != 1:
        raise _refused(f'{len(sheets)} sheets "{SHEET}", expected one')
    return sheets[0]


def _cells(row: Element) -> dict[int, str]:
    """Text by column, from 1: ss:Index skips absent cells, ss:MergeAcross covers those that follow."""
    cells: dict[int, str] = {}
    column = 0
    for cell in row.iterchildren(f"{SS}Cell"):
        column = _whole(cell.get(f"{SS}Index", str(column + 1)))
        data = cell.find(f"{SS}Data")
        cells[column] = "" if data is None else " ".join("".join(data.itertext()).split())
        column += _whole(cell.get(f"{SS}MergeAcross", "0"))
    return cells


def _whole(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text):
        raise _refused(f"a cell placed at {bounds.shown(text)}")
    return int(text)


def _column(header: dict[int, str], name: str) -> int:
    found = [place for place, text in header.items() if text == name]
    if len(found) != 1:
        raise _refused(f'{len(found)} columns "{name}" in sheet "{SHEET}", expected one')
    return found[0]


def _day(text: str) -> date:
    """Month names are English in any locale, which strptime does not support."""
    match = DAY.fullmatch(text)
    with suppress(ValueError):  # no such month, or no such day
        if match:
            return date(int(match[3]), MONTHS.index(match[1]) + 1, int(match[2]))
    raise _refused(f"{bounds.shown(text)}, expected a day like 'Dec 31, 2025'")


def _cell(text: str, as_of: str, is_sound: Callable[[Decimal], bool], expected: str) -> tuple[str | None, float | None]:
    if text in BLANKS:
        return None, None
    is_number = len(text) <= bounds.MAX_NUMBER_LENGTH and NUMBER.fullmatch(text)
    number = Decimal(text.replace(",", "")) if is_number else None
    if number is None or not is_sound(number):
        raise _refused(f"{bounds.shown(text)} on {as_of}, expected {expected}")
    return text, float(number)


def _is_nav(number: Decimal) -> bool:
    return number > 0


def _is_count(number: Decimal) -> bool:
    return number >= 0 and number == number.to_integral_value()


def _refused(what: str) -> PageRefused:
    return PageRefused(f"iShares served {what}: look at the archived page, and fetch again once it is fixed.")


SOURCE = PublisherSource(
    name="ishares",
    table=fund_days.TABLE,
    description=__doc__,
    terms="No redistribution terms found; fetching is opt-in.",
    ext="xls",
    key=fund_days.KEY,
    newest="next_session",
    cadence=fund_days.CADENCE,
    resources=tuple(PORTFOLIO_IDS),
    fetch=fetch,
    parse=parse,
    frame=frame,
    vet=fund_days.vet,
    rules=fund_days.RULES,
)
