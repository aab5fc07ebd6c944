import csv
from datetime import date, datetime
from pathlib import Path

import pytest

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.sources import hyperliquid_adl
from ingestion.sources.hyperliquid_adl import HEADER, SOURCE, URL

RECORDED = Path(__file__).parents[4] / "shared/market/archive/hyperliquid_fills/adl_net_volume_20251010"


def read(*lines, header=HEADER):
    return SOURCE.read("\n".join([header, *lines]).encode(), "adl_net_volume_20251010")


def test_auto_deleveraging_is_a_side_of_its_own_and_covers_twelve_minutes():
    start_at = datetime(2025, 10, 10, 21, 15)
    assert read("kPEPE,2.0,3.5,1.0,7,1.75").rows() == [
        ("PEPE", "hyperliquid", "vendor", "auto_deleveraged", start_at, start_at.date(), 3.5, 7, None, 720, 720)
    ]


@pytest.mark.parametrize(
    ("lines", "header", "reason"),
    [
        (("BTC,1,x,1,7,1",), HEADER, "no number"),
        (("BTC,1,1,1,7.5,1",), HEADER, "no number"),
        (("BTC,1,-1,1,7,1",), HEADER, "negative"),
        (("BTC,1,1,1,7,1", "BTC,1,2,1,7,1"), HEADER, "different figures"),
        (("BTC,1,1",), HEADER, "not a table"),
        (("BTC,1,1,1,7,1",), "<html>", "not a table"),
        ((), HEADER, "no figure"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused(lines, header, reason):
    with pytest.raises(PageRefused, match=reason):
        read(*lines, header=header)


def test_a_commit_is_fetched_once():
    class Publisher:
        def get(self, url):
            return Served(url, b"", datetime(2026, 1, 1))

    assert len([*hyperliquid_adl.fetch(Publisher(), "", {}, date(2026, 1, 1))]) == 1
    assert not [*hyperliquid_adl.fetch(Publisher(), "", {URL: ""}, date(2026, 1, 1))]


@pytest.mark.skipif(not RECORDED.is_dir(), reason="no recorded market beside the project (../shared)")
def test_recorded_coins_sum_to_those_of_the_file():
    (path,) = RECORDED.glob("*.csv")
    with path.open() as file:
        expected = [(float(row["net_notional_usd"]), int(row["num_adl_events"])) for row in csv.DictReader(file)]
    found = SOURCE.read(path.read_bytes(), "adl_net_volume_20251010")
    assert found["notional_usd"].sum() == pytest.approx(sum(usd for usd, _ in expected))
    assert found["events"].sum() == sum(count for _, count in expected)
