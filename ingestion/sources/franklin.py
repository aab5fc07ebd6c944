"""NAV and net assets per day of Franklin Templeton's crypto funds, as Franklin publishes them.

What: the price history behind a product page, by a question in GraphQL; one entry per day, newest first.
Limits: no count is printed: it follows in the marts from net assets and NAV, which has two decimals, as whole creation
units. It is settlement-dated (T+1). EZET and XRPZ are asked for by analogy.
Exercised: on an answer of EZBC rebuilt around recorded figures, and on made ones; never live.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date

import msgspec

from ingestion.archive import Served
from ingestion.formats import derivatives, fund_days
from ingestion.formats.derivatives import Text
from ingestion.formats.fund_days import FundDay
from ingestion.source import Fetcher, PublisherSource

URL = "https://www.franklintempleton.com/api/pds/price-and-performance?op=PricingDetails&id=4"
PRODUCTS = {"EZBC": "39639", "EZET": "40521", "XRPZ": "47318"}
QUESTION = """
query PricingDetails($productId: String!, $countryCode: String!, $languageCode: String!, $shareClassCode: String!) {
  PricesHistory(
    fundid: $productId, shareclasscode: $shareClassCode, countrycode: $countryCode, languagecode: $languageCode
  ) { prices { asofdatestd navstd totalnetassets } }
}
"""


class Price(msgspec.Struct):
    """One day, as served."""

    asofdatestd: str
    navstd: Text = None
    totalnetassets: Text = None


class History(msgspec.Struct):
    """A fund's days."""

    prices: list[Price]


class Histories(msgspec.Struct):
    """What was asked for: of one fund, in a list or by itself."""

    PricesHistory: list[History] | History


class Answer(msgspec.Struct):
    """An answer, as served."""

    data: Histories


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The fund's history as it is now.

    Raises:
        FetchFailed: the publisher could not be reached or answered with an error.
    """
    variables = {"countryCode": "US", "languageCode": "en_US", "shareClassCode": "SINGLCLASS"}
    question = {
        "operationName": "PricingDetails",
        "query": " ".join(QUESTION.split()),
        "variables": {"productId": PRODUCTS[resource], **variables},
    }
    yield http.post(f"{URL}#{resource}", json.dumps(question).encode())


def parse(content: bytes) -> list[FundDay]:
    """The days in the order served.

    Raises:
        PageRefused: the answer is no such history, or has no day or those of several funds.
    """
    answer: Answer = derivatives.read_json(content, Answer)
    found = answer.data.PricesHistory
    histories = found if isinstance(found, list) else [found]
    if len(histories) != 1 or not histories[0].prices:
        raise fund_days.refused(f"{len(histories)} histories or no day, expected the days of one fund")
    return [
        FundDay(
            each.asofdatestd,
            {"nav_usd": fund_days.text(each.navstd), "net_assets_usd": fund_days.text(each.totalnetassets)},
        )
        for each in histories[0].prices
    ]


SOURCE = PublisherSource(
    name="franklin",
    table=fund_days.TABLE,
    description=__doc__,
    terms="No redistribution terms found; fetching is opt-in.",
    ext="json",
    key=fund_days.KEY,
    newest="next_session",
    cadence=fund_days.CADENCE,
    is_opt_in=True,
    resources=tuple(PRODUCTS),
    fetch=fetch,
    parse=parse,
    frame=fund_days.frame,
    vet=fund_days.vet,
    rules=fund_days.RULES,
)
