"""Open interest, funding and depth of the recorded figures, against a computation of their own from the same bytes."""

import csv
import io
import json
import statistics
import zipfile
from collections import defaultdict
from datetime import UTC, datetime

import in_memory
import market_archive
import polars as pl
import pytest

from ingestion import registry
from ingestion.archive import Archive
from ingestion.refresh import refresh
from orchestration.home import Home

SOURCES = [
    source
    for source in registry.publishers()
    if source.table in ("open_interest", "funding", "depth") and source.is_opt_in
]
MARTS = (
    "derivatives_open_interest_daily",
    "derivatives_open_interest_hourly",
    "derivatives_funding_daily",
    "market_depth_daily",
    "market_depth_hourly",
)

pytestmark = pytest.mark.skipif(not market_archive.RECORDED.is_dir(), reason="no recorded figures of the market")


@pytest.fixture(scope="module")
def marts(tmp_path_factory):
    """The marts of the recorded figures, read into a lake as a replay reads them."""
    archive = Archive(market_archive.convert(tmp_path_factory.mktemp("archive")))
    home = Home(tmp_path_factory.mktemp("lake"))
    home.write_control(home.lake.root)
    for source in SOURCES:
        assert refresh(source, archive, home.lake, "replay", datetime(2026, 11, 26)).failures == ()
    tables = [*((source.name, source.table) for source in SOURCES), ("flowhouse", "control")]
    raw = {f"{name}/{table}": pl.read_parquet(home.lake.root / name / table) for name, table in tables}
    with in_memory.build(in_memory.compiled(*MARTS), raw, {}) as con:
        yield con


def recorded_csv(folder):
    """The lines of all recorded zips of a folder."""
    for path in sorted((market_archive.RECORDED / folder).glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            yield from csv.DictReader(io.TextIOWrapper(archive.open(archive.namelist()[0])))


def rows(marts, sql):
    return marts.sql(sql).fetchall()


def test_open_interest_fell_in_coins_and_dollars_on_10_october(marts):
    of_day = [line for line in recorded_csv("binance_vision_um/BTCUSDT_metrics") if line["create_time"] < "2025-10-11"]
    last = max(of_day, key=lambda line: line["create_time"])
    dollars = [float(line["sum_open_interest_value"]) for line in of_day]
    (found,) = rows(
        marts,
        """
        select cast(open_interest_native as double), open_interest_usd, high_usd, low_usd, observations,
            expected_observations, margin_kind, last_snapshot_at
        from marts.derivatives_open_interest_daily where contract = 'BTCUSDT' and value_date = '2025-10-10'
        """,
    )
    at = datetime.fromisoformat(last["create_time"])
    assert found == (
        float(last["sum_open_interest"]), float(last["sum_open_interest_value"]), max(dollars), min(dollars),
        len(of_day), 288, "linear", at,
    )  # fmt: skip
    assert found[:2] == (74_799.223, 8_500_714_800)


def test_open_interest_by_the_hour_has_noon_and_the_hour_of_the_crash(marts):
    found = rows(
        marts,
        """
        select hour(open_at), round(open_interest_native), round(open_interest_usd / 1e9, 2)
        from marts.derivatives_open_interest_hourly
        where contract = 'BTCUSDT' and open_at in ('2025-10-10 11:00:00', '2025-10-10 22:00:00') order by open_at
        """,
    )
    assert found == [(11, 96_500, 11.74), (22, 74_799, 8.50)]


def test_the_interface_has_six_snapshots_a_day_and_the_last_at_midnight(marts):
    (path,) = (market_archive.RECORDED / "binance_futures/SOLUSDT_openInterestHist_4h").glob("*Z.json")
    served = {entry["timestamp"]: float(entry["sumOpenInterestValue"]) for entry in json.loads(path.read_bytes())}
    found = rows(
        marts,
        """
        select epoch_ms(last_snapshot_at), open_interest_usd, observations
        from marts.derivatives_open_interest_daily
        where venue = 'binance' and asset = 'SOL' and expected_observations = 6
        """,
    )
    assert len(found) == 28
    assert all(served[at] == dollars for at, dollars, _ in found)
    assert [observations for *_, observations in found] == [6] * 28


def test_funding_was_positive_at_every_settlement_from_1_to_8_november(marts):
    by_day = defaultdict(list)
    for line in recorded_csv("binance_vision_um/BTCUSDT_fundingRate"):
        day = datetime.fromtimestamp(int(line["calc_time"]) / 1000, UTC).date()
        by_day[day].append(float(line["last_funding_rate"]))
    found = rows(
        marts,
        """
        select value_date, sum_rate, settlements, lowest_rate, annualised_rate, is_complete
        from marts.derivatives_funding_daily
        where contract = 'BTCUSDT' and kind = 'settled' and value_date < '2026-01-01'
        """,
    )
    assert {day: (count, lowest) for day, _, count, lowest, *_ in found} == {
        day: (len(rates), min(rates)) for day, rates in by_day.items()
    }
    for day, sum_rate, count, lowest, annualised, is_complete in found:
        assert sum_rate == pytest.approx(sum(by_day[day]), abs=1e-15)
        assert annualised == sum_rate * 365
        assert is_complete == (count == 3)  # 11 October is recorded from 08:00 on
        assert lowest > 0 or not datetime(2025, 11, 1).date() <= day <= datetime(2025, 11, 8).date()


def test_depth_was_emptied_on_10_october(marts):
    """One line of the file has a space before its time."""
    by_moment = defaultdict(dict)
    for line in recorded_csv("binance_vision_um/BTCUSDT_bookDepth"):
        by_moment[line["timestamp"].strip()][float(line["percentage"])] = float(line["notional"])
    both = {at: bands[-4] + bands[4] for at, bands in by_moment.items()}
    bids = {at: bands[-4] for at, bands in by_moment.items()}
    found = rows(
        marts,
        """
        select side, median_notional_usd, min_notional_usd, cast(min_at as varchar), snapshots, expected_snapshots,
            is_frozen, median_30d_before_usd
        from marts.market_depth_daily where band_pct = 4 and side in ('bid', 'both') order by side
        """,
    )
    for row, values in zip(found, (bids, both), strict=True):
        lowest = min(values, key=lambda at: (values[at], at))
        expected = (statistics.median(values.values()), values[lowest], lowest, len(values), 2880, False, None)
        assert row[1:] == pytest.approx(expected)
    assert found[1][2:4] == (pytest.approx(106.8e6, abs=5e4), "2025-10-10 21:23:04")
    before_noon = statistics.median(value for at, value in both.items() if at < "2025-10-10 12")
    (hourly,) = rows(
        marts,
        """
        select median(median_notional_usd), min(min_notional_usd) from marts.market_depth_hourly
        where band_pct = 4 and side = 'both' and open_at < '2025-10-10 12:00:00'
        """,
    )
    assert before_noon == pytest.approx(1713e6, abs=5e5)
    assert hourly[0] == pytest.approx(before_noon, rel=0.01)
    assert found[1][2] < before_noon / 10


def test_a_vendors_total_stood_at_96_billion_on_6_october_and_at_70_on_3_november(marts):
    (path,) = (market_archive.RECORDED / "coinglass/BTC_open_interest_4h").glob("*Z.json")
    high, last = defaultdict(float), {}
    for period in json.loads(path.read_bytes())["data"][:-1]:
        day = datetime.fromtimestamp(period["time"] / 1000, UTC).date()  # a period of four hours ends on its day
        high[day], last[day] = max(high[day], period["high"]), period["close"]
    found = rows(
        marts,
        """
        select value_date, high_usd, open_interest_usd, margin_kind
        from marts.derivatives_open_interest_daily where venue = 'coinglass:all' and asset = 'BTC'
        """,
    )
    assert {day: values for day, *values in found} == {day: [high[day], last[day], None] for day in high}
    by_text = {str(day): values for day, *values in found}
    assert by_text["2025-10-06"][0] == pytest.approx(96.0e9, abs=5e7)
    assert by_text["2025-11-03"][1] == pytest.approx(69.6e9, abs=5e7)


def test_the_mean_indicated_rate_never_closed_below_zero_from_3_to_6_november(marts):
    found = rows(
        marts,
        """
        select min(lowest_rate), count(*), min(settlements) from marts.derivatives_funding_daily
        where venue = 'coinglass:all' and asset = 'BTC' and kind = 'indicative'
            and value_date between '2025-11-03' and '2025-11-06'
        """,
    )
    assert found == [(pytest.approx(0.00001951), 4, 6)]
