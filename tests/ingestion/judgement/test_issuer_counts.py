"""Which changed flows the issuers' counts confirm, and of which they can tell."""

from datetime import date, datetime, timedelta

import polars as pl
import pytest

from ingestion import calendar
from ingestion.formats.fund_days import KEY
from ingestion.judgement.issuer_counts import confirmed
from ingestion.judgement.judge import Change
from ingestion.judgement.known import Key
from ingestion.lake.observations import observation_schema
from ingestion.lake.tables import Lake

FRIDAY, MONDAY = date(2025, 11, 7), date(2025, 11, 10)
FIGURES = {
    (FRIDAY, "nav_usd"): 50.0,
    (FRIDAY, "shares_outstanding"): 1_000_000.0,
    (MONDAY, "shares_outstanding"): 1_100_000.0,
}
"""100,000 shares were created on Friday, for US$ 5 m."""


def change(after: float | None, day: date = FRIDAY, metric: str = "net_flow_usd", ticker: str = "IBIT") -> Change:
    return Change(Key("BTC", ticker, day, metric), 1.0, after)


@pytest.fixture
def lake(tmp_path):
    """A lake with the sessions of two weeks, and counts that a test may give."""
    lake = Lake(tmp_path)
    lake.write(calendar.SOURCE, calendar.TABLE, calendar.sessions(date(2025, 11, 3), date(2025, 11, 14)))

    def stored(figures: dict[tuple[date, str], float | None], source: str = "ishares", ticker: str = "IBIT") -> Lake:
        rows = [
            {"asset": "BTC", "ticker": ticker, "value_date": day, "metric": metric, "value": value}
            | {"observed_at": datetime(2025, 11, 11), "raw_text": str(value), "archive_sha256": "0"}
            for (day, metric), value in figures.items()
        ]
        lake.write(source, "fund_daily", pl.DataFrame(rows, schema=observation_schema(KEY)))
        return lake

    return stored


def test_a_flow_is_confirmed_within_two_roundings(lake):
    changes = [change(4_940_000.0), change(5_060_000.0), change(5_060_001.0), change(4_939_999.0), change(-5_000_000.0)]
    assert confirmed(lake(FIGURES), changes) == (2, 5)


def test_a_flow_of_zero_is_a_flow(lake):
    fewer = {(MONDAY, "shares_outstanding"): 998_800.0}
    assert confirmed(lake(FIGURES | fewer), [change(0.0)]) == (1, 1)


@pytest.mark.parametrize("lacking", FIGURES)
@pytest.mark.parametrize("is_blank", [True, False])
def test_nothing_is_told_of_a_day_of_which_a_figure_is_not_known(lake, lacking, is_blank):
    figures = {at: value for at, value in FIGURES.items() if at != lacking}
    assert confirmed(lake(figures | ({lacking: None} if is_blank else {})), [change(5e6)]) == (0, 0)


@pytest.mark.parametrize(
    "other", [change(None), change(5e6, FRIDAY + timedelta(days=1)), change(50.0, metric="nav_usd")]
)
def test_blanks_days_without_a_session_and_other_figures_are_no_flows(lake, other):
    assert confirmed(lake(FIGURES), [other, change(5e6)]) == (1, 1)


@pytest.mark.parametrize(("source", "table"), [("ishares", "fund_daily"), (calendar.SOURCE, calendar.TABLE)])
def test_of_tables_that_are_not_there_or_cannot_be_read_nothing_is_told(lake, tmp_path, source, table):
    path = lake(FIGURES).root / source / table / f"{table}.parquet"
    path.write_bytes(b"no table")
    assert confirmed(Lake(tmp_path), [change(5e6)]) == (0, 0)
    path.unlink()
    assert confirmed(Lake(tmp_path), [change(5e6)]) == (0, 0)


def test_a_count_by_trade_date_shows_the_trades_of_its_own_day(lake):
    figures = {(FRIDAY, "shares_outstanding"): 1e6, (MONDAY, "shares_outstanding"): 1.1e6, (MONDAY, "nav_usd"): 50.0}
    held = lake(figures, "twentyone", "ARKB")
    changes = [change(5e6, MONDAY, ticker="ARKB"), change(5e6, FRIDAY, ticker="ARKB")]
    assert confirmed(held, changes) == (1, 1)


def test_a_fund_of_which_it_is_not_known_what_its_counts_show_tells_nothing(lake):
    for ticker in ("FETH", "ZZZ"):
        assert confirmed(lake(FIGURES, "made", ticker), [change(5e6, ticker=ticker)]) == (0, 0)


def test_every_issuer_is_asked(lake):
    lake(FIGURES, "grayscale", "GBTC")
    assert confirmed(lake(FIGURES), [change(5e6), change(5e6, ticker="GBTC")]) == (2, 2)
