"""Units outstanding, NAV and net assets per day of 21Shares' crypto funds, as 21Shares publishes them.

What: the valuation history of each fund in JSON, one entry per day, newest first, from either of two hosts.
Limits: counts are trade-dated; ARKB's are restated for its split here, not in filings. The days of the seed capital
have no index, and are read like others. TSOL, TOXR and TDOG are asked for by analogy.
Exercised: on an answer of ARKB rebuilt around recorded figures, and on made ones; never live.
"""

from collections.abc import Iterator, Mapping
from datetime import date

import msgspec

from ingestion.archive import Served
from ingestion.errors import FetchFailed
from ingestion.formats import derivatives, fund_days
from ingestion.formats.derivatives import Text
from ingestion.formats.fund_days import FundDay, IssuerSource
from ingestion.source import Fetcher

HOSTS = ("api.primary.21shares.com", "api.secondary.21shares.com")
URL = "https://{host}/api/product_valuation_history/{ticker}"
TICKERS = ("ARKB", "TETH", "THYP", "TDOT", "TSOL", "TOXR", "TDOG")


class Valuation(msgspec.Struct):
    """One day, as served."""

    valuation_date: str
    nav_per_share: Text = None
    total_units_outstanding: Text = None
    total_nav: Text = None


class Answer(msgspec.Struct):
    """An answer, as served."""

    success: bool
    data: list[Valuation]


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The fund's history as it is now, from the second host where the first does not answer.

    Raises:
        FetchFailed: neither could be reached, or both answered with an error.
    """
    first, second = (URL.format(host=host, ticker=resource) for host in HOSTS)
    try:
        yield http.get(first)
    except FetchFailed:
        yield http.get(second)


def parse(content: bytes) -> list[FundDay]:
    """The days in the order served.

    Raises:
        PageRefused: the answer is no such history, says that it failed, or has no day.
    """
    answer: Answer = derivatives.read_json(content, Answer)
    if not answer.success or not answer.data:
        raise fund_days.refused("an answer without a day")
    return [
        FundDay(
            each.valuation_date,
            {
                "shares_outstanding": fund_days.text(each.total_units_outstanding),
                "nav_usd": fund_days.text(each.nav_per_share),
                "net_assets_usd": fund_days.text(each.total_nav),
            },
        )
        for each in answer.data
    ]


SOURCE = IssuerSource(
    name="twentyone",
    description=__doc__,
    ext="json",
    newest="next_session",
    resources=TICKERS,
    fetch=fetch,
    parse=parse,
    frame=fund_days.frame,
)
