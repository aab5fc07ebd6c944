import json
from datetime import date, datetime

import pytest

from ingestion.archive import Served
from ingestion.errors import FetchFailed, PageRefused
from ingestion.sources.twentyone import SOURCE

FRIDAY = {"valuation_date": "2025-11-07", "nav_per_share": 34.34, "total_units_outstanding": 123110000}
FRIDAY |= {"total_nav": 4227597400.0, "index": 103404.04, "premium_discount": None}
SEED = {"valuation_date": "2024-01-10", "nav_per_share": 46.7, "total_units_outstanding": 225000}
SEED |= {"total_nav": 10507500.0, "index": None}


def answer(*days, **others):
    return json.dumps({"success": True, "data": days, **others}).encode()


def figures(content, resource="ARKB"):
    return {(day, metric): value for _, _, day, metric, _, value in SOURCE.read(content, resource).iter_rows()}


def test_a_day_becomes_three_cells():
    assert SOURCE.read(answer(FRIDAY), "THYP").rows() == [
        ("HYPE", "THYP", date(2025, 11, 7), "shares_outstanding", "123110000", 123110000.0),
        ("HYPE", "THYP", date(2025, 11, 7), "nav_usd", "34.34", 34.34),
        ("HYPE", "THYP", date(2025, 11, 7), "net_assets_usd", "4227597400.0", 4227597400.0),
    ]


def test_a_day_of_the_seed_capital_is_a_day_so_that_the_first_flow_has_one_before_it():
    assert figures(answer(FRIDAY, SEED))[date(2024, 1, 10), "shares_outstanding"] == 225000


def test_a_figure_that_is_null_is_blank():
    assert figures(answer({**FRIDAY, "total_units_outstanding": None}))[date(2025, 11, 7), "shares_outstanding"] is None


@pytest.mark.parametrize(
    "content",
    [
        answer(),
        answer(FRIDAY, success=False),
        json.dumps({"success": True}).encode(),
        b"<!DOCTYPE html><title>Just a moment...</title>",
        answer(FRIDAY)[:-9],
        answer({**FRIDAY, "nav_per_share": {"amount": 34}}),
    ],
)
def test_an_answer_without_days_as_documented_is_refused(content):
    with pytest.raises(PageRefused):
        SOURCE.read(content, "ARKB")


class Hosts:
    """Answers, unless the host is down."""

    def __init__(self, *down):
        self.down, self.asked = down, []

    def get(self, url):
        self.asked.append(url.split("/")[2])
        if self.asked[-1] in self.down:
            raise FetchFailed("no answer")
        return Served(url, answer(FRIDAY), datetime(2025, 11, 8))


def test_the_second_host_is_asked_where_the_first_is_down():
    first, second = "api.primary.21shares.com", "api.secondary.21shares.com"
    for hosts, asked in ((Hosts(), [first]), (Hosts(first), [first, second])):
        (served,) = SOURCE.fetch(hosts, "TETH", {}, date(2025, 11, 8))
        assert hosts.asked == asked
        assert served.url == f"https://{asked[-1]}/api/product_valuation_history/TETH"
    with pytest.raises(FetchFailed):
        list(SOURCE.fetch(Hosts(first, second), "TETH", {}, date(2025, 11, 8)))
