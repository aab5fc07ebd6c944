import json
import tracemalloc
from collections import Counter
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.sources import hyperliquid_liquidations
from ingestion.sources.hyperliquid_liquidations import SOURCE, URL

RECORDED = Path(__file__).parents[4] / "shared/market/archive/hyperliquid_stats/daily_notional_liquidated_by_coin"


def page(*days):
    """A file of days such as ("2025-05-01", "BTC", 1.5)."""
    rows = [{"time": f"{day}T00:00:00", "coin": coin, "daily_notional_liquidated": usd} for day, coin, usd in days]
    return json.dumps({"chart_data": rows}).encode()


def read(*days):
    return SOURCE.read(page(*days), "daily_notional_liquidated_by_coin")


def test_days_of_coins_become_sums_of_both_sides():
    found = read(("2025-05-01", "BTC", 1.5), ("2025-05-01", "kPEPE", 2), ("2025-05-02", "BTC", 9.0))
    day = (datetime(2025, 5, 1), date(2025, 5, 1))
    assert found.rows() == [
        ("BTC", "hyperliquid", "venue_aggregate", "both", *day, 1.5, None, None, 86400, 86400),
        ("PEPE", "hyperliquid", "venue_aggregate", "both", *day, 2.0, None, None, 86400, 86400),
    ]


@pytest.mark.parametrize("last", [0.0, 5.0, None])
def test_the_newest_day_may_not_be_over_and_is_left_out(last):
    found = read(("2025-05-02", "BTC", last), ("2025-05-02", "ETH", last), ("2025-05-01", "BTC", 0.0))
    assert found.select("asset", "value_date", "notional_usd").rows() == [("BTC", date(2025, 5, 1), 0.0)]


def test_a_day_without_a_figure_stays_blank():
    found = read(("2025-05-01", "BTC", None), ("2025-05-02", "BTC", 1))
    assert found.select("notional_usd", "covered_seconds").rows() == [(None, 0)]


def test_days_in_any_order_and_doubled_are_one():
    days = [("2025-05-03", "BTC", 3.0), ("2025-05-01", "BTC", 1.0), ("2025-05-02", "ETH", 2.0)]
    assert read(*days, *days).equals(read(*reversed(days)))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (page(("2025-05-01", "BTC", 1), ("2025-05-01", "BTC", 2), ("2025-05-02", "BTC", 1)), "different figures"),
        (page(("2025-05-01", "BTC", -1), ("2025-05-02", "BTC", 1)), "negative"),
        (page(("2025-05-01", "BTC", 1), ("2025-05-02", "BTC", 1)).replace(b"01T00:00", b"01T01:00"), "does not begin"),
        (page(("1. 5. 2025", "BTC", 1)), "the time"),
        (page(), "no figure"),
        (b"<html>", "a web page"),
        (b'{"chart_data": [{"time": "2025-05-01T00:00:00", "coin": "BTC"}]}', "another shape"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused(content, reason):
    with pytest.raises(PageRefused, match=reason):
        SOURCE.read(content, "daily_notional_liquidated_by_coin")


def test_the_file_is_asked_for_on_mondays_and_where_there_is_none():
    class Publisher:
        def get(self, url):
            return Served(url, b"", datetime(2025, 5, 5))

    monday, tuesday = date(2025, 5, 5), date(2025, 5, 6)
    for day, archived, count in ((monday, {URL: ""}, 1), (tuesday, {URL: ""}, 0), (tuesday, {}, 1)):
        assert len([*hyperliquid_liquidations.fetch(Publisher(), "", archived, day)]) == count


def test_memory_is_bounded_by_a_few_times_the_file():
    rows = [
        (f"2025-{month:02}-{day:02}", f"C{n}", n / 7) for month in (1, 3) for day in range(1, 31) for n in range(400)
    ]
    content = page(*rows)
    tracemalloc.start()
    hyperliquid_liquidations.parse(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * len(content)


@pytest.mark.skipif(not RECORDED.is_dir(), reason="no recorded market beside the project (../shared)")
def test_recorded_days_sum_to_those_of_the_file():
    (path,) = RECORDED.glob("*Z.json")
    content = path.read_bytes()
    expected = Counter()
    for row in json.loads(content)["chart_data"]:
        expected[date.fromisoformat(row["time"][:10])] += row["daily_notional_liquidated"]
    del expected[max(expected)]
    found = SOURCE.read(content, "daily_notional_liquidated_by_coin")
    sums = dict(found.group_by("value_date").agg(pl.col("notional_usd").sum()).rows())
    assert sums == pytest.approx(expected)
