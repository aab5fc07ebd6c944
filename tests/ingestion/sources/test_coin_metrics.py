from datetime import date, datetime

import pytest

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.sources import coin_metrics, prices

HEADER = "time,AdrActCnt,PriceUSD,TxCnt"


def page(*lines, header=HEADER):
    return "".join(f"{line}\n" for line in (header, *lines)).encode()


def test_days_with_a_price_become_closes_from_whatever_column_it_is_in():
    lines = ["2010-07-17,17,,2", "2010-07-18,17,0.0858400000000000,2", "2010-07-19,17,0.0808,2"]
    found = coin_metrics.SOURCE.read(page(*lines), "btc")
    assert found.rows() == [
        ("BTC", "coin_metrics", date(2010, 7, 18), "close_usd", "0.0858400000000000", 0.08584),
        ("BTC", "coin_metrics", date(2010, 7, 19), "close_usd", "0.0808", 0.0808),
    ]
    assert coin_metrics.SOURCE.read(page("1,2010-07-18", header="PriceUSD,time"), "btc")["value"].to_list() == [1.0]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "its first line begins with ''"),
        (b"<!DOCTYPE html>\n", "expected time and PriceUSD"),
        (page("2010-07-18,17,0.08,2", header="time,AdrActCnt,PriceEUR,TxCnt"), "expected time and PriceUSD"),
        (page("2010-07-17,17,,2"), "it has no price"),
        (page("2010-07-18,17,0.08,2", "2010-07-19,17,0.0"), "the line of '2010-07-19' has 3 of 4 fields"),
        (page("2010-07-18,17,0,2"), "close on 2010-07-18 is 0"),
        (page("2010-07-18,17,-1,2"), "PriceUSD on 2010-07-18 is '-1'"),
        (page("2010-07-18,17,1,2", "2010-07-18,17,2,2"), "2010-07-18 twice with different figures"),
        (page("2010-07-18,17,1,2", "2010-07-20,17,2,2", "2010-07-19,17,2,2"), "neither up nor down"),
        (page("18.07.2010,17,1,2"), "expected a day like"),
        (b"\xff\xfe", "it is not a CSV in UTF-8"),
    ],
)
def test_what_cannot_be_trusted_is_refused(content, sentence):
    with pytest.raises(PageRefused, match=sentence):
        coin_metrics.SOURCE.read(content, "btc")


def test_it_is_asked_only_where_the_settings_name_it_and_no_file_takes_its_name():
    assert not coin_metrics.SOURCE.is_chosen(None)
    assert "coin_metrics" in prices.SOURCE.reserved_names

    class Publisher:
        def get(self, url):
            return Served(url, b"", datetime(2025, 1, 2))

    (served,) = coin_metrics.fetch(Publisher(), "btc", {}, date(2025, 1, 2))
    assert served.url.endswith("/coinmetrics/data/master/csv/btc.csv")
