"""Farside Investors: net flows of US spot crypto ETFs per fund and trade date, in US$ m.

Publisher: https://farside.co.uk, collected by hand from the issuers; a fund's cell is '-' until it reports.
Limits: Cloudflare often answers 403; that is an error, never an empty table. One request a second at most.
Exercised on recorded pages of btc, btc_all and eth_all; not on eth, sol, hype or any live answer.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

import polars as pl
from lxml import html

from ingestion import fund_facts
from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.formats import bounds, flow_table
from ingestion.lake.observations import TOTAL
from ingestion.source import AFTER_CLOSE, Cadence, Fetcher, PublisherSource, Rules, cell_schema

# The short pages come last: if a long one lags behind, the short one's figures stay the newest state.
URLS = {
    "btc_all": "https://farside.co.uk/bitcoin-etf-flow-all-data/",
    "eth_all": "https://farside.co.uk/ethereum-etf-flow-all-data/",
    "btc": "https://farside.co.uk/btc/",
    "eth": "https://farside.co.uk/eth/",
    "sol": "https://farside.co.uk/sol/",
    "hype": "https://farside.co.uk/hyp/",
}
KEY = {"asset": pl.String(), "ticker": pl.String(), "value_date": pl.Date(), "metric": pl.String()}

NOT_DAYS = {"seed", "total", "average", "maximum", "minimum", "fee", "date"}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAY = re.compile(r"(\d{1,2}) ([A-Za-z]{3}) (\d{4})")
# Three to six characters; a header with a shorter name is refused, since it could be any word.
TICKER = re.compile(r"[A-Z][A-Z0-9]{2,5}")
# Bounded, so that no text makes an infinite number.
NUMBER = re.compile(r"-?(\d{1,3}(,\d{3}){1,6}|\d{1,18})(\.\d{1,18})?", re.ASCII)
MILLION = 1_000_000


class Cell(NamedTuple):
    """One printed figure: ticker (or TOTAL), day and text as served."""

    day: date
    ticker: str
    text: str


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The page as it is now; it changes through the day, so it is fetched every time.

    There is none before the first fund of its asset: it would fail, and the source be asked again, until then.

    Raises:
        FetchFailed: no answer, or not with status 200.
    """
    asset = _asset(resource)
    firsts = [fund.first_flow_date for fund in fund_facts.funds().values() if fund.asset == asset]
    if any(first and first <= day for first in firsts):
        yield http.get(URLS[resource])


def _asset(resource: str) -> str:
    return resource.split("_")[0].upper()


def parse(content: bytes) -> list[Cell]:
    """The cells of a page's table, by day and column name.

    Raises:
        PageRefused: not one table, no day, unknown header or row, a row that does not fit the header, or one day twice
            with different figures.
    """
    rows = _table(content)
    first_day = next((n for n, row in enumerate(rows) if _day(row[0])), None)
    if first_day is None:
        raise PageRefused("the table has no day: look at the page, it may be empty or have dates in a new format.")
    columns = _columns(_headers(rows[:first_day]))
    days: dict[date, list[str]] = {}
    for label, *texts in rows[first_day:]:
        day = _day(label)
        if day is None:
            if not _is_no_day(label, texts):
                raise PageRefused(
                    f"the row '{label}' is neither a day nor a known summary: add its name to the parser."
                )
            continue
        if len(texts) != len(columns):
            raise PageRefused(
                f"{day} has {len(texts)} figures under {len(columns)} column names: the row is misaligned, wait for a"
                " corrected page."
            )
        if days.setdefault(day, texts) != texts:
            raise PageRefused(f"{day} is on the page twice with different figures: wait for a corrected page.")
    return [Cell(day, ticker, text) for day, texts in days.items() for ticker, text in zip(columns, texts, strict=True)]


def frame(rows: list[Cell], resource: str) -> pl.DataFrame:
    """One row per cell: asset, ticker (TOTAL for the printed total), value_date, metric net_flow_usd in US$.

    The asset is the page's, for every fund on it. A fund that was renamed has its present ticker on every day.

    Raises:
        PageRefused: a figure is not a number, or a fund is there under its present and a former ticker.
    """
    asset = _asset(resource)
    amounts = [usd_m(cell.text) for cell in rows]
    names = {ticker: fund_facts.former_tickers().get((asset, ticker), ticker) for _, ticker, _ in rows}
    if len(set(names.values())) < len(names):
        both = next(ticker for ticker, name in names.items() if ticker != name and name in names)
        raise PageRefused(f"it has both {both} and {names[both]}, which are one fund: wait for a corrected page.")
    return pl.DataFrame(
        {
            "asset": [asset] * len(rows),
            "ticker": [names[cell.ticker] for cell in rows],
            "value_date": [cell.day for cell in rows],
            "metric": ["net_flow_usd"] * len(rows),
            "raw_text": [None if amount is None else cell.text for cell, amount in zip(rows, amounts, strict=True)],
            "value": [None if amount is None else float(amount * MILLION) for amount in amounts],
        },
        schema=cell_schema(KEY),
    )


def usd_m(text: str) -> Decimal | None:
    """US$ m as printed: '1,119.9', '(95.1)', '0.0'; None for a blank cell ('-' or nothing).

    Raises:
        PageRefused: the text is not a number.
    """
    if text in ("", "-"):
        return None
    in_parentheses = text.startswith("(") and text.endswith(")")
    number = f"-{text[1:-1].strip()}" if in_parentheses else text
    if not NUMBER.fullmatch(number):
        raise PageRefused(f"'{text}' is not a figure in US$ m: look at the page, then read it again.")
    return +Decimal(number.replace(",", ""))  # the plus turns the negative zero of '(0.0)' into zero


def _table(content: bytes) -> list[list[str]]:
    """Texts of the cells of the page's one flow table, header rows included."""
    if bounds.is_too_large(content):
        raise PageRefused(f"the page has {len(content):,} bytes, far more than any before: look at it in a browser.")
    page = html.fromstring(b"<html>" + content)
    tables = page.xpath("//table[contains(concat(' ', @class, ' '), ' etf ')]")
    if not tables:
        raise PageRefused("the page has no flow table (a challenge page, or a new layout): look at it in a browser.")
    if len(tables) > 1 or tables[0].xpath(".//table"):
        raise PageRefused("the page has more than one flow table: the layout changed, look at it in a browser.")
    rows = tables[0].xpath(".//tr[th or td]")
    return [[_text(cell) for cell in row.xpath("./th|./td")] for row in rows]


def _text(cell: html.HtmlElement) -> str:
    return " ".join(cell.text_content().split())


def _day(label: str) -> date | None:
    match = DAY.fullmatch(label)
    if not match or match[2].lower() not in MONTHS:
        return None
    try:
        return date(int(match[3]), MONTHS.index(match[2].lower()) + 1, int(match[1]))
    except ValueError:
        raise PageRefused(f"'{label}' is not a day of the calendar: wait for a corrected page.") from None


def _headers(rows: list[list[str]]) -> list[list[str]]:
    """The rows above the first day: names only, for a day whose date is garbled has figures.

    Raises:
        PageRefused: one has figures under a label that is not known.
    """
    for label, *texts in rows:
        if not _is_no_day(label, texts) and any(_is_figure(text) for text in texts):
            raise PageRefused(f"the row '{label}' above the first day has figures: its date is wrong, or add its name.")
    return rows


def _is_no_day(label: str, texts: list[str]) -> bool:
    """Whether a row is a summary, or a spacer: one without a name that has figures is a day that lost its date."""
    name = label.rstrip("*").strip().lower()
    return name in NOT_DAYS or (not name and not any(_is_figure(text) for text in texts))


def _is_figure(text: str) -> bool:
    return text == "-" or NUMBER.fullmatch(text.strip("()")) is not None


def _columns(headers: list[list[str]]) -> list[str]:
    """Tickers by position, TOTAL last: the short page has a row each for issuer, ticker and fee."""
    tickers = [
        names[1:-1] for names in headers if len(names) > 2 and all(TICKER.fullmatch(name) for name in names[1:-1])
    ]
    if len(tickers) != 1:
        raise PageRefused("the header has no single row of tickers: the layout changed, update the parser.")
    if not all(names[0] in ("", "Date") for names in headers if names[1:-1] == tickers[0]):
        raise PageRefused("the first column is not named 'Date': the layout changed, update the parser.")
    if not any(names[-1] == "Total" for names in headers):
        raise PageRefused("the last column is not named 'Total': the layout changed, update the parser.")
    if len(set(tickers[0])) != len(tickers[0]):
        raise PageRefused("two columns have the same ticker: wait for a corrected page.")
    return [*tickers[0], TOTAL]


SOURCE = PublisherSource(
    name="farside",
    table="flows",
    description=__doc__,
    terms="No redistribution terms found, so fetching is opt-in and no page of theirs is part of this project.",
    ext="html",
    key=KEY,
    newest="next_session",
    cadence=Cadence(days="session", ask_after=timedelta(0), late_after=AFTER_CLOSE, funds="asset"),
    resources=tuple(URLS),
    fetch=fetch,
    parse=parse,
    frame=frame,
    vet=flow_table.vet,
    rules=Rules(reports_after_close=True),
)
