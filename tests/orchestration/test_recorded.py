"""Figures that must come out of the recorded archive, where it is next to the project.

Expected values were found independently: printed by the publishers, filed with the SEC, or computed by hand here from
the recorded bytes without the project's code.
"""

import re
from collections import Counter
from datetime import date, datetime
from pathlib import Path

import pytest
from market_archive import RECORDED, convert

from orchestration.home import Home
from orchestration.publishing import published

ARCHIVE = Path(__file__).parents[3] / "shared" / "archive"

pytestmark = pytest.mark.skipif(
    not (ARCHIVE.is_dir() and RECORDED.is_dir()), reason="no recorded archive beside the project (../shared)"
)


@pytest.fixture(scope="module")
def home(flowhouse, tmp_path_factory) -> Home:
    """A home of the recorded archive and, in the same build, of the recorded market figures."""
    archive = tmp_path_factory.mktemp("archive")
    for resource in ARCHIVE.glob("*/*"):
        (archive / resource.parent.name).mkdir(exist_ok=True)
        (archive / resource.relative_to(ARCHIVE)).symlink_to(resource)
    root = tmp_path_factory.mktemp("recorded")
    result = flowhouse("build", "--replay", convert(archive), "--home", root)
    assert result.exit_code == 0, result.output
    return Home(root)


@pytest.fixture(scope="module")
def as_of(home, flowhouse) -> Home:
    past = Home(home.root, datetime(2025, 11, 20, 2, 15))
    assert flowhouse("build", "--as-of", "2025-11-20T02:15:00Z", "--home", home.root).exit_code == 0
    return past


@pytest.fixture
def ask(home, rows):
    return lambda sql: rows(published.latest(home), sql)


def test_the_market_and_ibit_in_the_week_of_27_october(ask):
    market = "select net_flow_usd, is_complete from marts.etf_market_flows_weekly where asset = 'BTC'"
    assert ask(f"{market} and week_start_date = '2025-10-27' and source = 'farside'") == [(-799_000_000, True)]
    ibit = "select net_flow_usd from marts.etf_flows_weekly where ticker = 'IBIT' and source = 'farside'"
    assert ask(f"{ibit} and week_start_date = '2025-10-27'") == [(-403_400_000,)]


@pytest.mark.parametrize(
    ("week", "by_trade_date", "by_as_of_date"),
    [("2025-10-13", -2_634, 522), ("2025-10-20", 2_929, 113), ("2025-10-27", -3_791, -2_134)],
)
def test_ibit_in_coins_by_both_conventions(ask, week, by_trade_date, by_as_of_date):
    coins = dict(
        ask(
            "select dating_convention, net_flow_native::double from marts.etf_flows_weekly"
            f" where ticker = 'IBIT' and source = 'issuer' and week_start_date = '{week}'"
        )
    )
    assert coins["trade_date"] == pytest.approx(by_trade_date, rel=0.005)
    assert coins["as_of_date"] == pytest.approx(by_as_of_date, rel=0.005)


def test_derived_ibit_flows_equal_the_printed_ones_on_every_session(ask):
    sessions, first, worst = ask(
        "select count(*), min(trade_date), max(abs(difference_usd)) from marts.etf_source_differences"
        " where ticker = 'IBIT' and trade_date >= '2024-04-02'"
    )[0]
    assert sessions == 439  # sessions from 2 Apr 2024 to 30 Dec 2025: the last one needs a count of the next
    assert first == date(2024, 4, 2)
    assert worst <= 60_000


def printed_totals(page: str) -> dict[date, int]:
    """The last figure of each day's row, in US$: read here by pattern, not by the project's parser."""
    totals = {}
    for day, cells in re.findall(r">(\d\d \w{3} \d{4})</span></td>(.*?)(?=<tr>|</tbody>)", page, re.S):
        text = re.sub(r"<[^>]*>", " ", cells).split()[-1]
        amount = round(float(text.strip("()").replace(",", "")) * 1e6)
        totals[datetime.strptime(day, "%d %b %Y").date()] = -amount if text.startswith("(") else amount
    return totals


def test_every_printed_total_of_the_newest_page_is_the_market_of_that_day(ask):
    printed = printed_totals((ARCHIVE / "farside/btc_all/20260101T120000Z.html").read_text())
    market = "select trade_date, net_flow_usd from marts.etf_market_flows_daily"
    derived = dict(ask(f"{market} where asset = 'BTC' and source = 'farside'"))
    assert len(derived) == 495
    assert {day: printed[day] for day in derived} == derived
    # holidays, which the page prints as 0.0, have no row
    assert {total for day, total in printed.items() if day not in derived} == {0}


def test_the_first_total_of_19_november_misled(home, as_of, rows, ask):
    past = published.latest(as_of)
    day = "where asset = 'BTC' and trade_date = '2025-11-19'"
    total = "select value from marts.etf_observations where asset = 'BTC' and ticker = 'TOTAL'"
    newest = "and value_date = '2025-11-19' order by observed_at desc limit 1"
    assert rows(past, f"{total} {newest}") == [(32_400_000,)]
    assert ask(f"{total} {newest}") == [(75_400_000,)]
    assert rows(past, f"select is_complete, funds_reported from marts.etf_market_flows_daily {day}") == [(False, 9)]
    ibit = (
        f"select is_reported, net_flow_usd from marts.etf_flows_daily {day} and source = 'farside' and ticker = 'IBIT'"
    )
    assert rows(past, ibit) == [(False, None)]
    assert ask(ibit) == [(True, 60_600_000)]


def test_nothing_published_later_is_in_a_build_as_of_a_time(as_of, rows):
    past = published.latest(as_of)
    for mart in ("etf_observations", "market_observations"):
        (newest,) = rows(past, f"select max(observed_at) from marts.{mart}")[0]
        assert newest <= as_of.as_of
    (newest,) = rows(past, "select max(filed_date) from marts.etf_filings")[0]
    assert newest <= as_of.as_of.date()
    assert rows(past, "select count(*) from marts.etf_holdings_daily") == [(0,)]
    assert rows(past, "select max(price_date) from marts.market_prices_daily where asset = 'BTC'") == [
        (date(2025, 10, 31),)
    ]


def test_the_as_of_macro_equals_the_build_as_of_that_time(home, as_of, rows, ask):
    reported = "where is_reported order by all"
    past = rows(published.latest(as_of), f"select * from marts.etf_flows_daily {reported}")
    assert ask(f"select * from marts.etf_flows_daily_as_of(timestamp '2025-11-20 02:15:00') {reported}") == past
    assert len(past) > 4_900


def test_the_spin_off_explains_gbtc_in_the_third_quarter_of_2024(ask):
    ((explained_by, difference),) = ask(
        "select explained_by, difference_native::double from marts.etf_filing_reconciliation"
        " where ticker = 'GBTC' and quarter_end_date = '2024-09-30'"
    )
    moved = 26_935.83753443
    assert explained_by == "spin_off"
    assert abs(difference) < 600  # of 221,191; without the spin-off it would be
    assert abs(difference - moved) > 26_000


def test_ibit_filings_are_within_two_basis_points_of_its_flows(ask):
    offs = ask(
        "select difference_bps from marts.etf_filing_reconciliation"
        " where ticker = 'IBIT' and source = 'farside' and quarter_end_date > '2024-03-31'"
    )
    assert len(offs) == 7
    assert max(abs(off) for (off,) in offs) < 2


def test_lateness_of_the_seventeen_recorded_mornings(ask):
    counts = Counter(
        ask(
            "select asset, is_censored, completed_at is not null from marts.etf_reporting_latency"
            " where trade_date >= '2024-01-11'"
        )
    )
    # complete when first captured; seen to become complete; never complete (2024-11-20, the reverse splits)
    assert counts == {
        ("BTC", True, False): 480,
        ("BTC", False, True): 14,
        ("BTC", False, False): 1,
        ("ETH", True, False): 362,
        ("ETH", False, False): 1,
    }


def test_the_200_day_mean_before_the_crash(ask):
    (mean,) = ask(
        "select sma_200d_usd from marts.market_price_trend_daily where asset = 'BTC' and price_date = '2025-11-02'"
    )[0]
    assert round(mean) == 109_726


VERDICTS = {
    "supported": (
        "A03b A06 A12 A12b A15 A16 A35b A37 A38 A39a A39b A39c A40 A41 A45 A47 B02 B03 B05 B06 B10 B14 B16 B22"
    ),
    "contradicted": "A11 A13 A19 A34 B04 B12 B15 B23",
    "depends_on_definition": "A03 A04 A05 A10 A14 A35 A36 A46 A46b B01 B11",
    "not_a_data_claim": "A30 A42 A43 B13 B20 B21",
    "no_public_data": "A02 A08 A17 A18 A20 A21 A22 A23 A24 A25 A26 A29 B07",
}
"""The verdicts of the recorded bytes on the claims that they can answer, and the claims that no data can."""


def test_verdicts_of_the_claims_that_recorded_data_decide(ask):
    decided = ask("select verdict, claim_id from marts.claims where verdict <> 'insufficient_data'")
    assert set(decided) == {(verdict, claim) for verdict, claims in VERDICTS.items() for claim in claims.split()}


def test_no_verdict_changed(home):
    findings = (published.manifest(home) or {})["findings"]
    assert "claim_verdict_changed" not in {finding["kind"] for finding in findings}


@pytest.mark.parametrize(
    ("claim", "check", "observed", "needed"),
    [
        ("A03", "utc8_perpetual", 102_870, 48),
        ("A03", "to_writing_perpetual", 105_300, 33),
        ("A04", "open_to_low", -5_234.13, 1),
        ("A04", "utc8_perpetual", -4_566.2, 24),
        ("A05", "open_to_low", -8.9019, 1),
        ("A10", "high_to_low", -4.9151, 1),
        ("A11", "60_days", 102_000, 60),
        ("A12", "writing_perpetual", -3.5756, 25),
        ("A13", "first_high", -26.2657, 74),
        ("A14", "xrp_utc", -8.5922, 1),
        ("A14", "xrp_utc_perpetual", -8.6085, 24),
        ("A14", "xrp_writing_perpetual", -7.5, 25),  # it crossed from -8.6085 to -6.6299
        ("A15", "bnb_utc_perpetual", -8.2947, 24),
        ("A15", "ada_utc_perpetual", -9.4544, 24),
        ("A15", "doge_utc_perpetual", -10.1938, 24),
        ("A16", "sol_utc", -11.5337, 1),
        ("A19", "ton_utc_perpetual", -12.7702, 24),
        ("A19", "ton_writing_perpetual", -11.6130, 25),
        ("A34", "us_funds", -799_000_000, 55),
        ("A35", "printed", -403_400_000, 5),
        ("A35b", "printed", 1, 55),
        ("A36", "as_of_date_to_thursday", 590.28, 14),
        ("A36", "trade_date", 2_928.73, 15),
        ("A38", "reported", -360_000_000, 1),
        ("A39a", "close_to_close", -7.1823, 2),
        ("A39b", "close_to_close", -3.8862, 2),
        ("A39c", "close_to_close", -1.7958, 2),
        ("A40", "to_2_nov", 109_725.9716, 200),
        ("A41", "to_3_nov", -2.96, 200),
        ("A45", "14_days", 105_306.56, 14),
        ("A46", "2_days", -47_572.73, 2),
        ("A46", "5_days", -36_585.32, 5),
        ("A46b", "3_days", 55_289.26, 6),
        ("A46b", "7_days", -105_126.77, 14),
        ("B01", "open_to_low", -7.1669, 1),
        ("B01", "new_york_perpetual", -7.3231, 24),
        ("B02", "new_york_perpetual", 98_888.8, 24),
        ("B03", "since_june", 6, 157),
        ("B04", "new_york_perpetual", -15.6976, 24),
        ("B04", "utc8_perpetual", -12.8634, 24),
        ("B06", "from_august", -38.3269, 96),
        ("B10", "calendar", 35, 1),
        ("B11", "dollar_week", 0.9680, 2),
        ("B11", "oil_sanctions", 4.6369, 2),
        ("B11", "oil_day", -0.6635, 2),
        ("B12", "since_june", 96_008_330_361, 157),
        ("B14", "10_oct", 6.6114, 1),
        ("B15", "from_30_sep", -369_536.41, 35),
        ("B15", "from_1_oct", -334_035.71, 34),
        ("B16", "btc_funds", -2_091_950_000, 275),
        ("B16", "eth_funds", -291_000_000, 225),
        ("B22", "4_and_5_nov", 23, 2),
        ("B23", "binance", 0.00012779, 8),
    ],
)
def test_what_checks_of_claims_observe(ask, claim, check, observed, needed):
    ledger = "select observed_value, rows_used, rows_expected from marts.claim_checks"
    ((value, used, expected),) = ask(f"{ledger} where claim_id = '{claim}' and check_id = '{check}'")
    assert value == pytest.approx(observed, rel=1e-4)
    assert used == expected == needed


def test_what_binance_shows_of_liquidations_is_a_floor_that_refutes_nothing(ask):
    """CoinGlass's recorded rows are of Binance alone: 87.9 million of four coins, where 1,279 are said."""
    ledger = "select observed_value, rows_used, rows_expected, verdict from marts.claim_checks"
    ((value, used, expected, verdict),) = ask(f"{ledger} where claim_id = 'A07' and check_id = 'binance'")
    assert value == pytest.approx(87_909_247, rel=1e-4)
    assert (used, expected, verdict) == (24, 24, "insufficient_data")


def test_a_second_replay_adds_nothing(home, flowhouse):
    result = flowhouse("build", "--replay", ARCHIVE, "--home", home.root)
    assert result.exit_code == 0
    assert "Nothing new" in result.output
