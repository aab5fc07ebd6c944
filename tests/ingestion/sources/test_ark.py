from datetime import date

import fund_pages
import pytest

from ingestion.errors import PageRefused
from ingestion.sources import ark


@pytest.mark.parametrize(
    ("stamp", "day"),
    [
        ("10/08/2026", date(2026, 10, 7)),
        ("10/12/2026", date(2026, 10, 9)),  # a Monday
        ("07/06/2026", date(2026, 7, 2)),  # Friday the 3rd was a holiday
    ],
)
def test_coins_are_of_the_session_before_the_stamp(stamp, day):
    assert ark.SOURCE.read(fund_pages.ark(stamp), "ARKB_holdings").rows() == [
        ("BTC", "ARKB", day, "native_held", "32,273", 32_273.0)
    ]


def test_coins_with_decimals_are_refused():
    with pytest.raises(PageRefused, match=r"'32\.273', expected whole coins"):
        ark.SOURCE.read(fund_pages.ark(held="32.273"), "ARKB_holdings")


def test_a_line_of_cash_is_no_coin_and_a_second_line_of_coins_is_refused():
    lines = fund_pages.ark().splitlines(keepends=True)
    cash = lines[1].replace(b"BITCOIN,BTC", b"US DOLLAR,USD").replace(b'"32,273"', b'"1,000"')
    content = b"".join([lines[0], cash, *lines[1:]])
    assert ark.SOURCE.read(content, "ARKB_holdings")["value"].to_list() == [32_273.0]
    with pytest.raises(PageRefused, match="2 holdings of Bitcoin"):
        ark.SOURCE.read(b"".join([*lines[:2], lines[1]]), "ARKB_holdings")
