import csv
import random
import time
import zipfile
from datetime import UTC, date, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.archive import Capture, Served
from ingestion.errors import PageRefused
from ingestion.sources import binance_bars
from ingestion.transport.errors import NotPublished

DATA = "https://data.binance.vision/data"
HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
HOUR = datetime(2025, 10, 10, 21)
RECORDED = Path(__file__).parents[4] / "shared/market/archive/binance_vision_um"
KEY, VALUES = [*binance_bars.KEY], [*binance_bars.VALUES]


def bar(at=HOUR, prices="20.5,30.25,10.125,25", volume="7.5", quote="150.25", count="3", minutes=60, per_second=1000):
    """A line of the CSV; `prices` are open, high, low, close."""
    opened = int(at.replace(tzinfo=UTC).timestamp()) * per_second
    closed = opened + minutes * 60 * per_second - 1
    return f"{opened},{prices},{volume},{closed},{quote},{count},1.0,20.0,0"


def zipped(*lines, name="made.csv"):
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), "".join(f"{line}\n" for line in lines), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def framed(*lines, resource="spot_BTCUSDT_1h", name="made.csv"):
    return binance_bars.frame(binance_bars.parse(zipped(*lines, name=name)), resource)


def test_a_bar_becomes_a_row():
    found = framed(bar())
    assert found.schema == binance_bars.KEY | binance_bars.VALUES
    key = ("BTC", "binance", "spot", "USDT", 60, HOUR, HOUR.date())
    assert found.rows() == [(*key, 20.5, 30.25, 10.125, 25.0, 7.5, 150.25, 3)]


@given(
    st.lists(st.integers(0, 200), min_size=1, max_size=20),
    st.randoms(use_true_random=False),
    st.booleans(),
    st.integers(0, 3),
)
def test_order_units_header_and_doubles_change_nothing(hours, draw, has_header, doubled):
    """Milliseconds and microseconds may even stand in one file."""
    hours = sorted(set(hours))
    times = [HOUR + timedelta(hours=n) for n in hours]
    plain = framed(*(bar(at, volume=str(n)) for n, at in enumerate(times, start=1)))
    lines = [bar(at, volume=str(n), per_second=draw.choice([1000, 1_000_000])) for n, at in enumerate(times, start=1)]
    lines += [draw.choice(lines) for _ in range(doubled)]
    draw.shuffle(lines)
    assert framed(*([HEADER] if has_header else []), *lines).equals(plain)
    assert plain["open_at"].to_list() == times


def test_a_contract_on_a_thousand_coins_is_given_per_coin():
    found = framed(bar(prices="0.0100,0.0110,0.0090,0.0105"), resource="perpetual_1000SHIBUSDT_1h")
    assert found.select("asset", "open_usd", "close_usd", "volume_native", "volume_quote").rows() == [
        ("SHIB", pytest.approx(0.00001), pytest.approx(0.0000105), 7500, 150.25)
    ]


@pytest.mark.parametrize(
    ("resource", "asset", "quote", "coins", "minutes"),
    [
        ("spot_USDEUSDC_1m", "USDe", "USDC", 1, 1),
        ("spot_USDCUSDT_1m", "USDC", "USDT", 1, 1),
        ("perpetual_1000PEPEUSDT_1h", "PEPE", "USDT", 1000, 60),
        ("spot_PEPEUSDT_1h", "PEPE", "USDT", 1, 60),
        ("mark_BTCUSDT_5m", "BTC", "USDT", 1, 5),
    ],
)
def test_a_resource_says_asset_quote_and_interval(resource, asset, quote, coins, minutes):
    found = binance_bars.Instrument.of(resource)
    assert (found.asset, found.quote, found.coins, found.minutes) == (asset, quote, coins, minutes)


@pytest.mark.parametrize("resource", binance_bars.RESOURCES)
def test_every_resource_is_quoted_in_what_counts_as_a_dollar(resource):
    instrument = binance_bars.Instrument.of(resource)
    assert instrument.kind in binance_bars.FOLDERS
    assert instrument.asset
    assert instrument.quote in binance_bars.QUOTES


def test_no_bar_comes_from_two_resources():
    keys = [
        (each.kind, each.asset, each.quote, each.minutes)
        for each in map(binance_bars.Instrument.of, binance_bars.RESOURCES)
    ]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("kind", ["mark", "index"])
def test_prices_without_trades_have_no_volume(kind):
    line = bar(volume="0", quote="0", count="300", minutes=5)
    found = framed(line, resource=f"{kind}_BTCUSDT_5m")
    assert found.select("instrument_kind", "close_usd", "volume_native", "volume_quote", "trades").rows() == [
        (kind, 25.0, None, None, None)
    ]


def test_a_bar_without_trades_has_a_volume_of_zero():
    found = framed(bar(prices="5,5,5,5", volume="0", quote="0", count="0"))
    assert found.select("close_usd", "volume_native", "trades").rows() == [(5.0, 0.0, 0)]


def test_blanks_are_null_and_never_zero():
    found = framed(bar(prices="20,30,10,", volume="", quote="", count=""))
    assert found.select(VALUES).rows() == [(20.0, 30.0, 10.0, None, None, None, None)]


def test_kinds_are_told_apart_by_volume_where_the_names_of_files_are_equal():
    moving, traded = bar(volume="0", quote="0"), bar()
    with pytest.raises(PageRefused, match="prices that move without volume"):
        framed(moving)
    with pytest.raises(PageRefused, match="bars of trades as mark or index prices"):
        framed(bar(minutes=5), resource="mark_BTCUSDT_5m")
    name = "BTCUSDT-1h-2025-10.csv"
    url = f"{DATA}/futures/um/monthly/{{}}/BTCUSDT/1h/BTCUSDT-1h-2025-10.zip"
    binance_bars.check_address(zipped(traded, name=name), url.format("klines"))
    for kind in ("markPriceKlines", "indexPriceKlines"):
        binance_bars.check_address(zipped(moving, name=name), url.format(kind))
        with pytest.raises(PageRefused, match="bars of trades as mark"):
            binance_bars.check_address(zipped(traded, name=name), url.format(kind))
    with pytest.raises(PageRefused, match="move without volume"):
        binance_bars.check_address(zipped(moving, name=name), url.format("klines"))
    with pytest.raises(PageRefused, match="the premium index, which is no price"):
        binance_bars.check_address(zipped(moving, name=name), url.format("premiumIndexKlines"))
    with pytest.raises(PageRefused, match="at the address of BTCUSDT-1h-2025-10"):
        binance_bars.check_address(zipped(traded, name="BTCUSDT-1h-2025-11.csv"), url.format("klines"))


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ((), "a file without bars"),
        ((HEADER,), "a file without bars"),
        ((HEADER.replace("high,low", "low,high"), bar()), "the header open_time"),
        (("<html>",), "a line without 12 fields"),
        ((bar(), bar(HOUR + timedelta(hours=1))[:-2]), "a line without 12 fields"),
        ((bar(), bar(HOUR + timedelta(hours=1)) + ",0"), "a line without 12 fields"),
        ((bar()[13:],), "a bar without an opening time"),
        (("1760130000" + bar()[13:],), "as open_time, expected a time"),
        ((bar(HOUR + timedelta(minutes=1)),), "opens at 2025-10-10 21:01:00 UTC, expected a multiple of 60 minutes"),
        ((bar(minutes=1440),), "expected 60 minutes"),
        ((bar(), bar(volume="8")), "21:00:00 UTC twice with different figures"),
        ((bar(volume="-8"),), "as volume, expected a number"),
        ((bar(volume="9" * 5000),), "as volume, expected a number"),
        ((bar(prices="NaN,30,10,20"),), "as open, expected a number"),
        ((bar(prices="20,1e3,10,20"),), "as high, expected a number"),
        ((bar(count="3.5"),), "as count, expected a number"),
        ((bar(prices="20,10,30,20"),), "lie outside the bar's range"),
        ((bar(prices="20,30,10,31"),), "lie outside the bar's range"),
        ((bar(prices="9,30,10,20"),), "lie outside the bar's range"),
        ((bar(prices="0,30,0,20"),), "not above zero"),
        ((bar(prices=",30,0,20"),), "not above zero"),
    ],
)
def test_what_is_no_file_of_bars_is_refused(lines, reason):
    with pytest.raises(PageRefused, match=reason) as refusal:
        framed(*lines)
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("content", [b"", b"<html>", zipped(bar())[:-30]])
def test_what_is_no_zip_is_refused(content):
    with pytest.raises(PageRefused):
        binance_bars.parse(content)


@pytest.mark.parametrize("text", ["1," * 5_000_000, "1\n" * 5_000_000, bar().replace("3", "3" * 3_000_000)])
def test_junk_of_10_mb_is_refused_in_seconds(text):
    """Polars takes 3 s and 1.8 GB for a line of five million fields."""
    content = zipped(text)

    def seconds() -> float:
        started = time.process_time()
        with pytest.raises(PageRefused):
            binance_bars.frame(binance_bars.parse(content), "spot_BTCUSDT_1h")
        return time.process_time() - started

    assert any(seconds() < 1.5 for _ in range(3))  # the machine may be busy with other tests


def test_a_bar_that_an_outage_cut_short_is_read():
    assert framed(bar(minutes=17)).height == 1


def test_a_file_of_another_symbol_or_period_is_refused_by_its_name():
    assert framed(bar(), name="BTCUSDT-1h-2025-10-10.csv").height == 1
    for name in ("ETHUSDT-1h-2025-10.csv", "BTCUSDT-1m-2025-10.csv", "BTCUSDT-1h-2025-11.csv"):
        with pytest.raises(PageRefused, match=name):
            framed(bar(), name=name)


def test_a_month_of_minutes_is_read_in_a_fraction_of_a_second():
    draw = random.Random(1)
    first = datetime(2025, 10, 1)
    lines = [
        bar(first + timedelta(minutes=n), volume=f"{draw.random() * 100:.5f}", minutes=1, per_second=1_000_000)
        for n in range(31 * 1440)
    ]
    content = zipped(*lines, name="BTCUSDT-1m-2025-10.csv")
    started = time.process_time()
    found = binance_bars.frame(binance_bars.parse(content), "spot_BTCUSDT_1m")
    seconds = time.process_time() - started
    print(f"{seconds:.2f} s of CPU for {found.height:,} bars, {sum(map(len, lines)):,} bytes")
    assert found.height == 44_640
    assert seconds < 2  # 0.1 s when written


class Publisher:
    """Serves what it has, 404 for the rest."""

    def __init__(self, *urls):
        self.urls = urls

    def get(self, url):
        if url not in self.urls:
            raise NotPublished(f"{url} answered 404.")
        return Served(url, b"", datetime(2025, 12, 5))

    def fetched(self, resource, day):
        return [served.url for served in binance_bars.fetch(self, resource, {}, day)]


def test_hours_come_by_month_and_then_by_day_of_the_folder_of_their_kind():
    folders = {"spot": "spot/{}/klines", "perpetual": "futures/um/{}/klines"}
    for kind, folder in folders.items():
        folder = f"{DATA}/{folder}/BTCUSDT/1h/BTCUSDT-1h-"
        urls = [f"{folder.format('monthly')}2020-01.zip", f"{folder.format('daily')}2020-02-01.zip"]
        assert Publisher(*urls).fetched(f"{kind}_BTCUSDT_1h", date(2020, 2, 2)) == urls


def test_minutes_come_for_the_chosen_days_alone():
    folder = f"{DATA}/spot/daily/klines/USDEUSDT/1m/USDEUSDT-1m-2025-"
    urls = [f"{folder}{day}.zip" for day in ("10-10", "10-11", "10-12", "11-03", "11-04", "11-05")]
    assert Publisher(*urls).fetched("spot_USDEUSDT_1m", date(2025, 11, 5)) == [
        url for url in urls if url[-9:-4] not in ("10-12", "11-05")
    ]
    mark = f"{DATA}/futures/um/daily/markPriceKlines/BTCUSDT/5m/BTCUSDT-5m-2025-10-10.zip"
    assert Publisher(mark).fetched("mark_BTCUSDT_5m", date(2026, 1, 1)) == [mark]


RECORDED_RESOURCES = [
    (path, "mark_BTCUSDT_5m" if "price" in path.parent.name else f"perpetual_{path.parent.name}")
    for path in sorted(RECORDED.glob("*/*.zip"))
    if path.parent.name.endswith(("_1h", "_price_5m"))
]


def plainly_read(content):
    """The bars of a zip by the standard library: opening -> prices as text, volume, quote volume and count."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        lines = csv.reader(StringIO(archive.read(archive.namelist()[0]).decode()))
    return {
        datetime.fromtimestamp(int(line[0]) / 1000, UTC).replace(tzinfo=None): (*line[1:6], line[7], line[8])
        for line in lines
        if line[0].isdigit()
    }


@pytest.mark.skipif(not RECORDED_RESOURCES, reason="the recorded archive is not here")
def test_recorded_files_are_read_bar_by_bar():
    for path, resource in RECORDED_RESOURCES:
        content = path.read_bytes()
        binance_bars.check_address(content, Capture.from_json(path.with_suffix(".meta.json").read_text()).url)
        found, plain = binance_bars.SOURCE.read(content, resource), plainly_read(content)
        coins = 1000 if "1000" in resource else 1
        assert found["open_at"].to_list() == sorted(plain)
        for at, *prices, volume, quote, count in found.select("open_at", *VALUES).iter_rows():
            served = [float(text) for text in plain[at]]
            assert prices == pytest.approx([price / coins for price in served[:4]], rel=1e-12)
            expected = (None, None, None) if resource.startswith("mark") else (served[4] * coins, served[5], served[6])
            assert (volume, quote, count) == expected


@pytest.mark.skipif(not RECORDED_RESOURCES, reason="the recorded archive is not here")
def test_bitcoin_fell_below_105000_at_five_on_4_november():
    path = next(
        path for path, resource in RECORDED_RESOURCES if resource == "perpetual_BTCUSDT_1h" and "1201" in path.name
    )
    hours = binance_bars.SOURCE.read(path.read_bytes(), "perpetual_BTCUSDT_1h")
    third = hours.filter(pl.col("value_date") == date(2025, 11, 3))
    fourth = hours.filter(pl.col("value_date") == date(2025, 11, 4), pl.col("low_usd") < 105_000)
    assert third["low_usd"].min() > 105_000
    assert fourth["open_at"].min() == datetime(2025, 11, 4, 5)
