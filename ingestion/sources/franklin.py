"""NAV and net assets per day of Franklin Templeton's crypto funds, as Franklin publishes them.

What: the price history behind a product page, by a question in GraphQL; one entry per day, newest first.
Limits: no count is printed: it follows in the marts from net assets and NAV, which has two decimals, as whole creation
units. It is settlement-dated (T+1). EZET and XRPZ are asked for by analogy. `EZBC_facts` are the page's: count and
coins of one day; coins move a day before the count.
Exercised: on answers of EZBC rebuilt around recorded figures, and on made ones; never live.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import fund_days, fund_page
from ingestion.formats.fund_days import FundDay, IssuerSource
from ingestion.formats.fund_page import Figure, Metric, Text
from ingestion.source import Fetcher

URL = "https://www.franklintempleton.com/api/pds/price-and-performance"
PRODUCTS = {"EZBC": "39639", "EZET": "40521", "XRPZ": "47318"}
QUESTION = """
query PricingDetails($productId: String!, $countryCode: String!, $languageCode: String!, $shareClassCode: String!) {
  PricesHistory(
    fundid: $productId, shareclasscode: $shareClassCode, countrycode: $countryCode, languagecode: $languageCode
  ) { prices { asofdatestd navstd totalnetassets } }
}
"""
FACTS_QUESTION = """
query FundFact($productId: String!, $countryCode: String!, $languageCode: String!, $shareClassCode: String!) {
  FundFact(
    fundid: $productId, shareclasscode: $shareClassCode, countrycode: $countryCode, languagecode: $languageCode
  ) { elemnamestd elemvalue asofdatestd }
}
"""
FACTS: dict[str, Metric] = {"SHARES_OUTSTANDING": "shares_outstanding", "BITCOIN_IN_FUND": "native_held"}


class Price(msgspec.Struct):
    """One day, as served."""

    asofdatestd: str
    navstd: Text = None
    totalnetassets: Text = None


class History(msgspec.Struct):
    """A fund's days."""

    prices: list[Price]


class Fact(msgspec.Struct):
    """One fact of a fund, as served, with its day."""

    elemnamestd: str
    elemvalue: Text = None
    asofdatestd: str | None = None


class Found(msgspec.Struct):
    """What was asked for: the days of one fund, in a list or by themselves, or its facts."""

    PricesHistory: list[History] | History | None = None
    FundFact: list[Fact] | None = None


class Answer(msgspec.Struct):
    """An answer, as served."""

    data: Found


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The fund's history, or its facts, as they are now.

    Raises:
        FetchFailed: the publisher could not be reached or answered with an error.
    """
    ticker, _, is_facts = resource.partition("_")
    name, number, query = ("FundFact", 2, FACTS_QUESTION) if is_facts else ("PricingDetails", 4, QUESTION)
    variables = {"countryCode": "US", "languageCode": "en_US", "shareClassCode": "SINGLCLASS"}
    question = {
        "operationName": name,
        "query": " ".join(query.split()),
        "variables": {"productId": PRODUCTS[ticker], **variables},
    }
    yield http.post(f"{URL}?op={name}&id={number}#{resource}", json.dumps(question).encode())


def parse(content: bytes) -> list[FundDay]:
    """The days in the order served, or those of count and coins among the facts.

    Raises:
        PageRefused: the answer is neither, or has no day, those of several funds, or not each of both facts once.
    """
    answer = fund_page.decode(content, Answer)
    found = answer.data.PricesHistory
    if answer.data.FundFact is not None:
        return _of_facts(answer.data.FundFact)
    histories = found if isinstance(found, list) else [found] if found else []
    if len(histories) != 1 or not histories[0].prices:
        raise fund_days.refused(f"{len(histories)} histories or no day, expected the days of one fund")
    return [
        FundDay(
            each.asofdatestd,
            {"nav_usd": fund_days.text(each.navstd), "net_assets_usd": fund_days.text(each.totalnetassets)},
        )
        for each in histories[0].prices
    ]


def frame(rows: list[FundDay], resource: str) -> pl.DataFrame:
    """Cells `nav_usd` and `net_assets_usd` of each day, or `shares_outstanding` and `native_held` of the facts.

    Raises:
        PageRefused: a history in place of facts or the reverse, or as `fund_days.frame` says.
    """
    ticker, _, is_facts = resource.partition("_")
    if bool(is_facts) == ("nav_usd" in rows[0].figures):
        raise fund_days.refused(f"a history in place of facts, or the reverse, as {resource}")
    return fund_days.frame(rows, ticker)


def _of_facts(facts: list[Fact]) -> list[FundDay]:
    named = {name: [each for each in facts if each.elemnamestd == name] for name in FACTS}
    for name, found in named.items():
        if len(found) != 1:
            raise fund_days.refused(f"{len(found) or 'no'} facts {name}, expected one")
    return fund_page.days(
        [Figure(each.asofdatestd or "", FACTS[name], each.elemvalue) for name, (each,) in named.items()]
    )


SOURCE = IssuerSource(
    name="franklin",
    description=__doc__,
    ext="json",
    newest="next_session",
    resources=(*PRODUCTS, "EZBC_facts"),
    fetch=fetch,
    parse=parse,
    frame=frame,
)
