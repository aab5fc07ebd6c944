from datetime import date, datetime, timedelta

import pytest
from derivative_files import Publisher, zipped

from ingestion.errors import PageRefused
from ingestion.sources import okx_funding
from ingestion.sources.okx_funding import SOURCE

HEADER = "instrument_name,funding_rate,funding_time"
SWAP = "BTC-USDT-SWAP"


def line(*at, rate="0.0002955843024083", seconds=0, swap=SWAP):
    stamp = (datetime(*at) + timedelta(seconds=seconds) - datetime(1970, 1, 1)) // timedelta(milliseconds=1)
    return f"{swap},{rate},{stamp}"


def read(*lines, name=f"{SWAP}-fundingrates-2023-08.csv"):
    return SOURCE.read(zipped(name, *lines), SWAP)


def test_a_line_is_a_settlement_at_its_hour():
    assert read(HEADER, line(2023, 8, 1, 8, seconds=2)).to_dicts() == [
        {
            "asset": "BTC",
            "venue": "okx",
            "contract": SWAP,
            "kind": "settled",
            "settled_at": datetime(2023, 8, 1, 8),
            "value_date": date(2023, 8, 1),
            "rate": 0.0002955843024083,
            "interval_hours": None,
        }
    ]


def test_a_month_runs_in_utc_8_and_days_in_utc():
    rows = read(line(2023, 7, 31, 16, seconds=1), line(2023, 8, 31, 8, seconds=2))
    assert rows["value_date"].to_list() == [date(2023, 7, 31), date(2023, 8, 31)]
    with pytest.raises(PageRefused, match="a settlement at 2023-09-01 00:00:00 in BTC-USDT-SWAP-fundingrates-2023-08"):
        read(line(2023, 9, 1))


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([HEADER], "no line of figures"),
        ([line(2023, 8, 1, 8, swap="ETH-USDT-SWAP")], "rows of 'ETH-USDT-SWAP'"),
        ([line(2023, 8, 1, 8, seconds=120)], "expected a time at an hour"),
        ([line(2023, 8, 1, 8), line(2023, 8, 1, 8, rate="1")], "twice with different figures"),
        ([line(2023, 8, 1, 8, rate="n/a")], "expected a number"),
    ],
)
def test_what_cannot_be_trusted_is_refused(lines, reason):
    with pytest.raises(PageRefused, match=reason):
        read(*lines)


def test_the_file_of_another_month_at_an_address_is_refused():
    url = okx_funding.URL.format(month=date(2023, 9, 1), resource=SWAP)
    with pytest.raises(PageRefused, match=r"2023-08\.csv at the address of"):
        okx_funding.check_address(zipped(f"{SWAP}-fundingrates-2023-08.csv", line(2023, 8, 1, 8)), url)


def test_fetch_takes_the_closed_months_not_read_yet():
    january, february = (okx_funding.URL.format(month=date(2024, n, 1), resource=SWAP) for n in (1, 2))
    publisher = Publisher({february: b""})
    assert [each.url for each in okx_funding.fetch(publisher, SWAP, {january: ""}, date(2024, 3, 1))] == [february]
    assert february.endswith("monthly/202402/BTC-USDT-SWAP-fundingrates-2024-02.zip")
