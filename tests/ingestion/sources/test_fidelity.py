import json
from datetime import date, datetime

import fund_pages
import pytest

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.sources import fidelity

DAY = date(2026, 10, 7)


class Fidelity:
    """Gives a token to those who were on the page, and the quote to those who have it; notes what is asked."""

    def __init__(self, tokens=b'{"csrfToken": "abc"}'):
        self.asked, self.tokens = [], tokens

    def get(self, url, headers=None):
        self.asked.append((url.rpartition("/research/")[2], headers))
        return Served(url, self.tokens if url.endswith("/tokens") else b"<html>", datetime(2026, 10, 8))

    def post(self, url, body, headers):
        self.asked.append((url.rpartition("/research/")[2], json.loads(body), headers["X-CSRF-TOKEN"]))
        return Served(url, fund_pages.fidelity(), datetime(2026, 10, 8))


def test_coins_are_of_one_day_and_the_nav_is_of_another():
    assert fidelity.SOURCE.read(fund_pages.fidelity(), "FBTC").rows() == [
        ("BTC", "FBTC", date(2026, 10, 6), "nav_usd", "73.4", 73.4),
        ("BTC", "FBTC", DAY, "native_held", "183166.9836", 183_166.9836),
        ("BTC", "FBTC", DAY, "native_per_share", "0.00087456", 0.00087456),
    ]


@pytest.mark.parametrize(
    ("per_share", "metrics"),
    [("0.00087456", 2), ("0.0008746", 1), (0.000875, 1), ("8.7456123E-4", 2)],
)
def test_coins_per_share_of_few_digits_are_left_out(per_share, metrics):
    cells = fidelity.SOURCE.read(fund_pages.fidelity(per_share=per_share), "FBTC")
    assert cells.filter(value_date=DAY).height == metrics


def test_the_page_comes_first_then_a_token_then_the_quote():
    site = Fidelity()
    (served,) = fidelity.fetch(site, "FBTC", {}, DAY)
    page = "quote/dashboard/summary?symbol=FBTC"
    assert site.asked == [
        (page, None),
        ("api/tokens", {"Referer": f"{fidelity.SITE}/{page}"}),
        ("api/quote#FBTC", {"symbol": "FBTC"}, "abc"),
    ]
    assert served.url.endswith("#FBTC")
    assert "abc" not in served.url


@pytest.mark.parametrize("tokens", [b"<html>Access denied</html>", b"{}"])
def test_without_a_token_nothing_is_asked(tokens):
    site = Fidelity(tokens)
    with pytest.raises(PageRefused):
        [*fidelity.fetch(site, "FBTC", {}, DAY)]
    assert len(site.asked) == 2
