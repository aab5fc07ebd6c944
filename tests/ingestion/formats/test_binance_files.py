import hashlib
import zipfile
from datetime import date, datetime
from io import BytesIO

import pytest

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.formats import binance_files
from ingestion.formats.binance_files import Files
from ingestion.transport.errors import NotPublished

FOLDER = "https://data.binance.vision/data/futures/um"


def metrics(**changes):
    """A resource with daily files alone."""
    given = {"folder": "futures/um/{period}/metrics/BTCUSDT", "stem": "BTCUSDT-metrics", "max_bytes": 1000}
    return Files(**{**given, "first_day": date(2025, 10, 1), "is_monthly": False, **changes})


def daily(day):
    return f"{FOLDER}/daily/metrics/BTCUSDT/BTCUSDT-metrics-{day}.zip"


def monthly(month):
    return f"{FOLDER}/monthly/metrics/BTCUSDT/BTCUSDT-metrics-{month}.zip"


def zipped(name, text="1,2\n"):
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), text)
    return buffer.getvalue()


class Publisher:
    """Serves what it has, 404 for the rest."""

    def __init__(self, contents):
        self.contents = contents
        self.asked = []

    def get(self, url):
        self.asked.append(url)
        if url not in self.contents:
            raise NotPublished(f"{url} answered 404.")
        return Served(url, self.contents[url], datetime(2025, 12, 5))

    def fetched(self, files, day, held=()):
        held = held if isinstance(held, dict) else dict.fromkeys(held, "")
        return [served.url for served in binance_files.fetch(self, files, held, day)]


def test_files_by_day_alone_are_asked_for_until_yesterday_without_those_read_before():
    publisher = Publisher(dict.fromkeys([daily("2025-10-01"), daily("2025-10-03"), daily("2025-10-04")], b""))
    assert publisher.fetched(metrics(), date(2025, 10, 4), [daily("2025-10-01")]) == [daily("2025-10-03")]
    assert not [url for url in publisher.asked if "monthly" in url or "10-04" in url]


def test_of_chosen_days_the_ones_that_are_over_are_asked_for():
    files = metrics(only_days=(date(2025, 10, 10), date(2025, 11, 3), date(2025, 11, 4)))
    publisher = Publisher({daily("2025-10-10"): b"", daily("2025-11-03"): b""})
    assert publisher.fetched(files, date(2025, 11, 4)) == [daily("2025-10-10"), daily("2025-11-03")]
    assert len([url for url in publisher.asked if url.endswith(".zip")]) == 2


def test_files_by_month_alone_are_never_asked_for_by_day():
    files = metrics(is_monthly=True, is_daily=False)
    publisher = Publisher({monthly("2025-10"): zipped("BTCUSDT-metrics-2025-10.csv")})
    assert publisher.fetched(files, date(2025, 12, 5)) == [monthly("2025-10")]
    assert not [url for url in publisher.asked if "/daily/" in url]


def test_months_before_the_first_published_one_are_not_asked_for_by_day():
    """A pair listed later than the first day wanted: 404 for a month, and none for each of its days."""
    files = metrics(first_day=date(2025, 1, 1), is_monthly=True)
    publisher = Publisher({monthly("2025-05"): b"", monthly("2025-07"): b""})
    publisher.fetched(files, date(2025, 8, 2))
    days = {url[-14:-7] for url in publisher.asked if "/daily/" in url and url.endswith(".zip")}
    assert days == {"2025-06", "2025-08"}


def test_a_pair_listed_this_month_is_asked_for_by_day():
    files = metrics(first_day=date(2025, 1, 1), is_monthly=True)
    assert Publisher({daily("2025-08-01"): b""}).fetched(files, date(2025, 8, 2)) == [daily("2025-08-01")]


def test_a_day_that_was_replaced_is_fetched_again():
    old, new = zipped("BTCUSDT-metrics-2025-10-02.csv"), zipped("BTCUSDT-metrics-2025-10-02.csv", "3,4\n")
    held = {daily(f"2025-10-0{n}"): hashlib.sha256(old).hexdigest() for n in (1, 2, 3)}
    checksum = f"{hashlib.sha256(new).hexdigest()}  BTCUSDT-metrics-2025-10-02.zip".encode()
    served = {daily("2025-10-02"): new, f"{daily('2025-10-02')}.CHECKSUM": checksum}
    assert Publisher(served).fetched(metrics(), date(2025, 10, 4), held) == [daily("2025-10-02")]


def test_a_file_at_the_address_of_another_kind_is_refused():
    content = zipped("BTCUSDT-metrics-2025-10-02.csv")
    binance_files.check_address(content, daily("2025-10-02"), 1000)
    with pytest.raises(PageRefused, match="at the address of BTCUSDT-bookDepth"):
        binance_files.check_address(content, daily("2025-10-02").replace("metrics", "bookDepth"), 1000)


def test_rows_outside_the_period_of_the_name_are_refused():
    binance_files.check_name("BTCUSDT-metrics-2025-10.csv", "BTCUSDT-metrics", [date(2025, 10, 31)])
    binance_files.check_name("data.csv", "BTCUSDT-metrics", [date(2025, 11, 1)])
    with pytest.raises(PageRefused, match="with a row of 2025-11-01"):
        binance_files.check_name("BTCUSDT-metrics-2025-10.csv", "BTCUSDT-metrics", [date(2025, 11, 1)])
    with pytest.raises(PageRefused, match="as a file of ETHUSDT-metrics"):
        binance_files.check_name("BTCUSDT-metrics-2025-10.csv", "ETHUSDT-metrics", [])


def test_a_pair_listed_last_month_is_asked_for_by_day_while_its_month_is_not_published():
    files = metrics(first_day=date(2025, 1, 1), is_monthly=True)
    publisher = Publisher({daily("2025-08-20"): b""})
    assert publisher.fetched(files, date(2025, 9, 2)) == [daily("2025-08-20")]
    assert not [url for url in publisher.asked if "2025-06-" in url]
