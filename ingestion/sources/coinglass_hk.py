"""Daily flows in US dollars of the Bitcoin funds listed in Hong Kong, as CoinGlass states them.

What: its interface v4, for those who have a key: the whole history in one answer, a day with the flow of each fund,
which it calls by the issuer's name.
Limits: a vendor's figures, of Bitcoin funds only and without coins; where it has no figure of a fund the flow is not
known. These flows are in no sum of US funds. The key goes into a header and nowhere else.
Exercised: on the two days of its documentation and on made answers; nothing live.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import bounds, coinglass, derivatives, foreign_flows
from ingestion.formats.derivatives import Text, refused
from ingestion.formats.foreign_flows import Flow
from ingestion.source import Cadence, Fetcher, PublisherSource

URL = f"{coinglass.HOST}/hk-etf/bitcoin/flow-history"
TICKERS = {"CHINAAMC": "3042", "HARVEST": "3439", "BOSERA&HASHKEY": "3008"}
"""Funds by the names that CoinGlass gives them."""
MILLISECONDS_OF_DAY = 86_400_000


class FundFlow(msgspec.Struct, gc=False):
    """The flow of one fund, as served: CoinGlass's name of it, and dollars."""

    etf_ticker: str
    flow_usd: Text = None


class Day(msgspec.Struct):
    """One day, as served: its start in milliseconds since 1970, and the flows of its funds."""

    timestamp: int
    etf_flows: list[FundFlow]


class Answer(msgspec.Struct):
    """An answer, as served: code "0", or what is wrong with status 200 all the same."""

    code: Text
    msg: str = ""
    data: list[Day] | None = None


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The whole history as it is now, from one address.

    Raises:
        FetchFailed: CoinGlass could not be reached or answered with an error.
    """
    yield http.get(URL)


def parse(content: bytes) -> list[Day]:
    """The days in the order served.

    Raises:
        PageRefused: the answer is no such history, or says that something is wrong.
    """
    answer: Answer = derivatives.read_json(content, Answer)
    coinglass.check_code(str(answer.code), answer.msg)
    return answer.data or []


def frame(rows: list[Day], resource: str) -> pl.DataFrame:
    """Cells `net_flow_usd` (US$) of each fund and day, and blank ones of coins.

    Raises:
        PageRefused: a time that begins no day, a fund that is not known, a figure that cannot be its flow, or a fund
            twice on a day with different figures.
    """
    flows: dict[tuple[str, date], Flow] = {}
    for row in rows:
        day = _day(row.timestamp)
        for served in row.etf_flows:
            ticker, flow = _flow(served, day)
            if flows.setdefault((ticker, day), flow) != flow:
                raise refused(f"{ticker} on {day} twice with different figures")
    return foreign_flows.cells("coinglass", flows)


def _day(timestamp: int) -> date:
    if not 0 <= timestamp < 10**13 or timestamp % MILLISECONDS_OF_DAY:
        raise refused(f"a time that begins no day ({timestamp})")
    return date(1970, 1, 1) + timedelta(timestamp // MILLISECONDS_OF_DAY)


def _flow(served: FundFlow, day: date) -> tuple[str, Flow]:
    if (ticker := TICKERS.get(served.etf_ticker)) is None:
        raise refused(f"the fund {bounds.shown(served.etf_ticker)} on {day}, which is none of {', '.join(TICKERS)}")
    if served.flow_usd in (None, ""):
        return ticker, Flow(("", ""), (None, None))
    try:
        return ticker, foreign_flows.flow(foreign_flows.HONG_KONG, ticker, day, "", str(served.flow_usd))
    except ValueError as error:
        raise refused(f"a flow that cannot be right, since {error}") from None


SOURCE = PublisherSource(
    name="coinglass_hk",
    table=foreign_flows.TABLE,
    description=__doc__,
    terms=coinglass.TERMS,
    ext="json",
    key=foreign_flows.KEY,
    newest="same_day",
    # There are no figures on holidays of Hong Kong, up to a week of them.
    cadence=Cadence(days="session", ask_after=timedelta(0), late_after=timedelta(days=8)),
    api_key=coinglass.KEY,
    resources=("BTC",),
    fetch=fetch,
    parse=parse,
    frame=frame,
    is_opt_in=True,
)
