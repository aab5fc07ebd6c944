"""Every source of liquidations, from an answer to the lake: what is no answer changes nothing that is stored."""

import json
from datetime import datetime, timedelta

import polars as pl
import pytest

from ingestion import registry
from ingestion.archive import Archive, Served
from ingestion.formats import liquidations
from ingestion.formats.liquidations import epoch
from ingestion.lake import parts
from ingestion.lake.tables import Lake
from ingestion.refresh import fetch_live, refresh

AT, NOW = datetime(2025, 10, 10), datetime(2025, 10, 20)
DAY, HOURS = timedelta(days=1), timedelta(hours=4)


def span(at):
    return {
        "time": epoch(at) * 1000,
        "aggregated_long_liquidation_usd": 2.0,
        "aggregated_short_liquidation_usd": 1.0,
    }


def event(number):
    """A long of one coin, closed at two dollars."""
    return [["pos", number, epoch(AT + number * timedelta(hours=1)) * 1000, None, "tBTCUSD", 1, 1, None, 1, 1, None, 2]]


ANSWERS = {
    "bitfinex_liquidations": [event(number) for number in range(24)],
    "coinalyze_liquidations": [
        {"symbol": "BTCUSDT_PERP.A", "history": [{"t": epoch(at), "l": 48, "s": 1} for at in (AT, AT + DAY)]}
    ],
    "coinglass_liquidations": {"code": "0", "data": [span(AT + number * HOURS) for number in range(7)]},
    "gate_liquidations": [
        {"time": epoch(AT) + 3600 * number, "long_liq_usd": 2, "short_liq_usd": 1} for number in range(24)
    ],
    "hyperliquid_liquidations": {
        "chart_data": [
            {"time": at.isoformat(), "coin": "BTC", "daily_notional_liquidated": 48} for at in (AT, AT + DAY)
        ]
    },
    "kraken_liquidations": {
        "result": {"timestamp": [epoch(AT) + 3600 * number for number in range(24)], "data": [2] * 24},
        "errors": [],
    },
}
"""Of each source whose answers are JSON, a whole day of BTC."""

LIARS = {
    "a page with status 200": (b"<!DOCTYPE html><title>Just a moment...</title>", "a web page in place of figures"),
    "an error with status 200": (b'{"message": "rate limit"}', "an answer of another shape"),
    "half an answer": (b'[{"time": 176', "an answer of another shape"),
}


def rows(lake, name):
    """What the lake holds of a source."""
    names = parts.counted_parts(lake, name, "liquidations")
    return pl.concat([lake.scan(name, "liquidations", part).collect() for part in names])


@pytest.fixture(params=ANSWERS)
def source(request):
    return registry.source(request.param)


@pytest.fixture
def archive(source, tmp_path):
    """With one good answer."""
    archive = Archive(tmp_path / "archive")
    served = Served("https://made/", json.dumps(ANSWERS[source.name]).encode(), NOW - DAY)
    archive.put(source.name, source.resources[0], served, source.ext)
    return archive


def test_a_whole_day_is_covered_to_its_last_second(source, archive, tmp_path):
    lake = Lake(tmp_path / "lake")
    assert refresh(source, archive, lake, "live", NOW).failures == ()
    found = rows(lake, source.name).filter(asset="BTC", value_date=AT.date())
    for side in set(found["side"]):
        assert found.filter(side=side)["covered_seconds"].sum() == 86_400
    assert found.filter(pl.col("side") != "short")["notional_usd"].sum() in (12, 48)  # six spans, or a day
    assert found.columns == [*liquidations.KEY, "observed_at", *liquidations.VALUES, "archive_sha256"]


@pytest.mark.parametrize("liar", LIARS)
def test_what_is_no_answer_is_a_failure_and_changes_nothing(source, archive, tmp_path, liar):
    content, reason = LIARS[liar]
    lake = Lake(tmp_path / "lake")
    refresh(source, archive, lake, "live", NOW)
    before = rows(lake, source.name)

    class Publisher:
        def get(self, url):
            return Served(url, content, NOW)

    failures = fetch_live(source, archive, lake, Publisher(), NOW.date())
    result = refresh(source, archive, lake, "live", NOW, failures)
    assert result.failures
    assert all(reason in failure and "\n" not in failure for failure in result.failures)
    assert rows(lake, source.name).equals(before)
