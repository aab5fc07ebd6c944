import json
from datetime import date, datetime

import pytest
from derivative_files import Publisher

from ingestion.errors import PageRefused
from ingestion.sources import hyperliquid_open_interest
from ingestion.sources.hyperliquid_open_interest import SOURCE


def entry(day, dollars=1.5e9, coin="BTC"):
    return {"time": f"{day}T00:00:00", "coin": coin, "open_interest": dollars}


def page(*entries):
    return json.dumps({"chart_data": entries}).encode()


def test_a_day_is_its_end_in_dollars_and_the_newest_is_left_out():
    rows = SOURCE.read(
        page(entry("2025-05-02"), entry("2025-05-01"), entry("2025-05-01", coin="RNDR")), "open_interest"
    )
    assert rows.drop("high_usd", "low_usd").rows() == [
        ("BTC", "hyperliquid", "BTC", 1440, datetime(2025, 5, 2), date(2025, 5, 1), "linear", None, 1.5e9)
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>", "no answer as documented"),
        (page(), "no figure"),
        (page(entry("2025-05-02")), "no figure"),
        (page(entry("2025-05-02"), entry("1. May")), "expected midnight"),
        (page(entry("2025-05-02"), {**entry("2025-05-01"), "time": "2025-05-01T12:00:00"}), "expected midnight"),
        (page(entry("2025-05-02"), entry("2025-05-01"), entry("2025-05-01", 1.0)), "twice with different figures"),
        (page(entry("2025-05-02"), entry("2025-05-01", -1.0)), "open interest below zero"),
    ],
)
def test_what_cannot_be_trusted_is_refused(content, reason):
    with pytest.raises(PageRefused, match=reason):
        SOURCE.read(content, "open_interest")


@pytest.mark.parametrize(("day", "is_asked"), [(date(2026, 7, 6), True), (date(2026, 7, 5), False)])
def test_the_whole_history_is_fetched_on_mondays(day, is_asked):
    url = "https://d2v1fiwobg9w6.cloudfront.net/open_interest"
    publisher = Publisher({url: page(entry("2025-05-02"))})
    fetched = [*hyperliquid_open_interest.fetch(publisher, "open_interest", {url: ""}, day)]
    assert [each.url for each in fetched] == [url] * is_asked
    assert len([*hyperliquid_open_interest.fetch(publisher, "open_interest", {}, day)]) == 1
