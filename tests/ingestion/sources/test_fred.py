from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.sources import fred
from ingestion.transport.errors import NotPublished

RECORDED = Path(__file__).parents[4] / "shared/market/archive/fred"
DAY = date(2025, 11, 3)


def page(*lines, header="observation_date,DGS10", end="\n"):
    return (end.join([header, *lines]) + end).encode()


def rows(content, resource="DGS10"):
    return fred.frame(fred.parse(content), resource)


def test_a_line_becomes_a_row_in_the_unit_of_its_series():
    found = rows(page("2025-11-03,4.13", "2025-11-04,4.1"))
    assert found.schema == fred.SOURCE.key | fred.SOURCE.values
    assert found.rows() == [
        ("DGS10", "latest", DAY, 4.13, "percent per year"),
        ("DGS10", "latest", date(2025, 11, 4), 4.1, "percent per year"),
    ]


@given(st.dates(fred.FIRST_DAY, date(2100, 1, 1)), st.decimals(-1000, 100_000, places=4))
def test_figures_come_back_exactly(day, value):
    assert rows(page(f"{day},{value:f}")).row(0)[2:4] == (day, float(value))


@pytest.mark.parametrize("blank", ["", ".", " "])
def test_a_holiday_is_null_and_never_zero(blank):
    assert rows(page(f"2025-11-11,{blank}", "2025-11-12,0.0"))["value"].to_list() == [None, 0.0]


def test_a_vintage_is_named_by_the_head_of_its_column():
    vintages = page("2025-11-03,4.13,4.14", header="observation_date,DGS10_20251103,DGS10_20251104")
    assert rows(vintages).select("vintage", "value").rows() == [("2025-11-03", 4.13), ("2025-11-04", 4.14)]


def test_a_vintage_knows_no_later_day():
    with pytest.raises(PageRefused, match="2025-11-04 in the vintage of 2025-11-03"):
        rows(page("2025-11-04,4.1", header="observation_date,DGS10_20251103"))


def test_quirks_of_the_file_change_nothing():
    plain = rows(page("2025-11-03,4.13", "2025-11-04,4.1"))
    for quirky in (
        page("2025-11-04,4.1", "2025-11-03,4.13"),
        page("2025-11-03,4.13", "2025-11-03,4.13", "2025-11-04,4.1"),
        page("2025-11-03,4.13", "2025-11-03,4.130", "", "2025-11-04,4.1", end="\r\n"),
        b"\xef\xbb\xbf" + page("2025-11-03,4.13", "2025-11-04,4.1", header="DATE,DGS10"),
    ):
        assert rows(quirky).equals(plain)


def test_days_before_the_first_are_left_out():
    assert rows(page("1980-01-02,10.5", "2023-12-29,3.9", "2024-01-02,3.95"))["value"].to_list() == [3.95]


@pytest.mark.parametrize("twice", ["4.2", ""])
def test_a_day_has_one_figure(twice):
    with pytest.raises(PageRefused, match="2025-11-03 twice with different figures"):
        rows(page("2025-11-03,4.13", f"2025-11-03,{twice}"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<!DOCTYPE html><html></html>",
        b"\xff\xfe",
        b'{"error": 1}',
        b"observation_date\n2025-11-03\n",
        b"a,b\n1,2\n",
    ],
)
def test_what_is_no_series_is_refused(content):
    with pytest.raises(PageRefused, match="FRED served"):
        fred.parse(content)


@pytest.mark.parametrize("line", ["2025-11-03", "2025-11-03,4,1"])
def test_a_line_has_a_figure_for_each_column(line):
    with pytest.raises(PageRefused, match="expected 2 fields"):
        fred.parse(page(line))


@pytest.mark.parametrize("value", ["4,1", "many", "1e3", "NaN", "inf", "٤", "4.", "9" * 41])
def test_a_value_is_a_plain_number(value):
    with pytest.raises(PageRefused, match=r"fields|expected a number"):
        rows(page(f"2025-11-03,{value}"))


@pytest.mark.parametrize("day", ["11/03/2025", "2025-02-30", "20251103", "2025-11-3"])
def test_a_day_is_an_iso_day(day):
    with pytest.raises(PageRefused, match="expected a day like 2025-11-04"):
        rows(page(f"{day},4.1"))


@pytest.mark.parametrize("header", ["DGS2", "DGS10_2025", "DGS10_20251340", "dgs10", "DGS10X"])
def test_another_series_is_refused(header):
    with pytest.raises(PageRefused, match=r"expected DGS10|expected a day"):
        rows(page("2025-11-03,4.1", header=f"observation_date,{header}"))


def test_a_page_is_of_the_vintage_that_its_address_asks_for():
    latest, vintage = page("2025-11-03,4.1"), page("2025-11-03,4.1", header="observation_date,DGS10_20251104")
    now = fred.FRED.format(series="DGS10", first=fred.FIRST_DAY)
    then = fred.ALFRED.format(series="DGS10", first=fred.FIRST_DAY, vintage=date(2025, 11, 4))
    fred.check_address(latest, now)
    fred.check_address(vintage, then)
    for content, url in ((latest, then), (vintage, now), (vintage, then.replace("11-04", "11-05"))):
        with pytest.raises(PageRefused, match=r"the vintage .* at the address of"):
            fred.check_address(content, url)


class Publisher:
    def __init__(self, lacks=()):
        self.asked, self._lacks = [], lacks

    def get(self, url):
        self.asked.append(url)
        if any(lack in url for lack in self._lacks):
            raise NotPublished(url)
        return Served(url, b"", datetime(2025, 11, 6))


def test_fetch_asks_for_the_series_each_time_and_for_a_vintage_once():
    publisher = Publisher()
    served = list(fred.fetch(publisher, "DGS10", {}, date(2025, 11, 6)))
    assert [each.url for each in served] == publisher.asked
    assert publisher.asked == [
        "https://fred.stlouisfed.org/graph/fredgraph.csv?id=DGS10&cosd=2024-01-01",
        *(
            f"https://alfred.stlouisfed.org/graph/alfredgraph.csv?id=DGS10&cosd=2024-01-01&vintage_date={day}"
            for day in fred.VINTAGES
        ),
    ]
    again = Publisher()
    list(fred.fetch(again, "DGS10", dict.fromkeys(publisher.asked, ""), date(2025, 11, 7)))
    assert again.asked == publisher.asked[:1]


def test_a_vintage_of_a_day_that_is_not_over_is_not_asked_for():
    publisher = Publisher()
    list(fred.fetch(publisher, "DGS10", {}, date(2025, 11, 4)))
    assert not [url for url in publisher.asked if "2025-11-04" in url or "2025-11-05" in url]


def test_a_series_without_vintages_is_read_all_the_same():
    assert len(list(fred.fetch(Publisher(lacks=["alfredgraph"]), "SP500", {}, date(2025, 11, 6)))) == 1


@pytest.mark.skipif(not RECORDED.exists(), reason="needs the recorded figures")
@pytest.mark.parametrize("series", sorted(fred.UNITS.keys() - {"DFF"}))
def test_recorded_figures_are_those_of_a_plain_reading(series):
    (path,) = (RECORDED / series).glob("*.csv")
    found = fred.SOURCE.read(path.read_bytes(), series)
    plain = dict(line.split(",") for line in path.read_text().splitlines()[1:])
    assert {str(day): value for day, value in found.select("value_date", "value").iter_rows()} == {
        day: float(text) if text else None for day, text in plain.items() if day >= "2024-01-01"
    }
