import json
from datetime import date, datetime

import fund_pages
import pytest

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.sources.franklin import SOURCE

DAYS = [
    {"asofdatestd": "2025-11-06", "navstd": "58.50", "totalnetassets": "585038968.02"},
    {"asofdatestd": "2025-11-05", "navstd": "60.21", "totalnetassets": "602063340.48"},
]


def answer(history):
    return json.dumps({"data": {"PricesHistory": history}}).encode()


def test_a_day_becomes_two_cells():
    assert SOURCE.read(answer({"prices": DAYS}), "EZBC").rows()[:2] == [
        ("BTC", "EZBC", date(2025, 11, 6), "nav_usd", "58.50", 58.5),
        ("BTC", "EZBC", date(2025, 11, 6), "net_assets_usd", "585038968.02", 585038968.02),
    ]


def test_a_history_may_stand_in_a_list():
    assert SOURCE.parse(answer([{"prices": DAYS}])) == SOURCE.parse(answer({"prices": DAYS}))


def test_a_figure_that_is_null_is_blank():
    cells = SOURCE.read(answer({"prices": [{**DAYS[0], "navstd": None}]}), "EZBC")
    assert cells["value"].to_list() == [None, 585038968.02]


@pytest.mark.parametrize(
    "content",
    [
        answer({"prices": []}),
        answer([]),
        answer([{"prices": DAYS}, {"prices": DAYS}]),
        answer(None),
        b'{"errors": [{"message": "no such product"}]}',
        b"<html><body>Access denied",
    ],
)
def test_an_answer_without_the_days_of_one_fund_is_refused(content):
    with pytest.raises(PageRefused):
        SOURCE.read(content, "EZBC")


def test_the_question_names_the_fund():
    asked = []

    class Publisher:
        def post(self, url, body):
            asked.append(json.loads(body))
            return Served(url, b"", datetime(2025, 11, 7))

    (served,) = SOURCE.fetch(Publisher(), "XRPZ", {}, date(2025, 11, 7))
    assert served.url.endswith("?op=PricingDetails&id=4#XRPZ")
    assert asked[0]["operationName"] == "PricingDetails"
    assert asked[0]["variables"] == {
        "productId": "47318",
        "countryCode": "US",
        "languageCode": "en_US",
        "shareClassCode": "SINGLCLASS",
    }


def test_facts_are_count_and_coins_each_of_its_day():
    content = fund_pages.franklin(held_day="2026-10-08")
    assert SOURCE.read(content, "EZBC_facts").rows() == [
        ("BTC", "EZBC", date(2026, 10, 7), "shares_outstanding", "9,700,000", 9_700_000.0),
        ("BTC", "EZBC", date(2026, 10, 8), "native_held", "5,603.61", 5_603.61),
    ]


def test_a_history_is_no_facts():
    with pytest.raises(PageRefused, match="in place of facts"):
        SOURCE.read(answer({"prices": DAYS}), "EZBC_facts")


def test_facts_are_another_question():
    class Publisher:
        def post(self, url, body):
            assert json.loads(body)["operationName"] == "FundFact"
            assert "FundFact(" in json.loads(body)["query"]
            return Served(url, b"", datetime(2025, 11, 7))

    (served,) = SOURCE.fetch(Publisher(), "EZBC_facts", {}, date(2025, 11, 7))
    assert served.url.endswith("?op=FundFact&id=2#EZBC_facts")
