"""What a table of flows must be by itself."""

from datetime import date, timedelta

import polars as pl
import pytest

from ingestion.errors import PageRefused
from ingestion.formats import flow_table
from ingestion.source import Sessions

MONDAY = date(2025, 11, 3)
DAYS = [MONDAY + timedelta(days=n) for n in range(5)]
OPENED = [MONDAY - timedelta(days=30 - n) for n in range(30)]
LATER = Sessions([*OPENED, *DAYS, *(day + timedelta(days=7) for day in DAYS)], date(2025, 11, 14))


def cells(rows, asset="BTC"):
    """A frame of {day: {ticker: US$ m}}; TOTAL is the sum where it is not given."""
    table = [
        (asset, ticker, day, "net_flow_usd", str(value), None if value is None else value * 1e6)
        for day, row in rows.items()
        for ticker, value in ({"TOTAL": sum(value or 0 for value in row.values())} | row).items()
    ]
    schema = {"asset": pl.String, "ticker": pl.String, "value_date": pl.Date, "metric": pl.String}
    return pl.DataFrame(table, schema=schema | {"raw_text": pl.String, "value": pl.Float64}, orient="row")


def row(n, **more):
    return {"IBIT": 1.0 + n, "FBTC": 2.0 * n, "GBTC": -3.0 - n} | more


GOOD = {day: row(n) for n, day in enumerate(DAYS)}


def refusal(rows, asset="BTC", sessions=LATER):
    with pytest.raises(PageRefused) as refused:
        flow_table.vet(cells(rows, asset), sessions)
    return str(refused.value)


def test_a_good_table_passes_as_it_is():
    kept, findings = flow_table.vet(cells(GOOD), LATER)
    assert kept.equals(cells(GOOD))
    assert findings == []


def test_days_ascend():
    assert refusal({DAYS[1]: row(1), DAYS[0]: row(0)}) == (
        "2025-11-03 stands below 2025-11-04: a date is wrong, wait for a corrected page."
    )


@pytest.mark.parametrize("day", [MONDAY - timedelta(days=1), MONDAY + timedelta(days=5)])
def test_no_day_is_of_a_weekend(day):
    rows = dict(sorted((GOOD | {day: {"IBIT": None}}).items()))
    assert f"{day} is a day of a weekend" in refusal(rows)


@pytest.mark.parametrize("row", [{"IBIT": None}, {"IBIT": 0.0, "FBTC": 0.0}])
def test_a_table_of_nothing_but_zeros_and_blanks_is_refused(row):
    assert refusal(dict.fromkeys(DAYS, row)) == "it has no figure but zeros: look at the page."


@pytest.mark.parametrize("value", [5_000.1, -5_000.1])
def test_no_flow_is_beyond_five_billion(value):
    assert "IBIT has a flow of" in refusal(GOOD | {DAYS[4]: row(4, IBIT=value)})
    flow_table.vet(cells(GOOD | {DAYS[4]: row(4, IBIT=value / 5_000.1 * 5_000)}), LATER)


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_day_with_the_figures_of_one_of_three_before_is_refused(after):
    assert f"{DAYS[after]} has the same figures as {DAYS[0]}" in refusal(
        GOOD | {DAYS[after]: row(0, FBTC=9.0)} | {DAYS[0]: row(0, FBTC=9.0)}
    )


def test_two_figures_or_four_days_between_are_chance():
    flow_table.vet(cells(GOOD | {DAYS[1]: row(0)}), LATER)  # one of its three figures is zero
    flow_table.vet(cells(GOOD | {DAYS[0]: row(4), DAYS[4]: row(4)}), LATER)


def test_a_fund_of_another_asset_makes_it_another_page():
    assert refusal({day: {"IBIT": 1.0 + n} for n, day in enumerate(DAYS)}, "ETH") == (
        "IBIT is a fund of BTC, not of ETH: it is the page of another asset; file it there."
    )
    flow_table.vet(cells({day: {"NEWX": 1.0 + n} for n, day in enumerate(DAYS)}, "ETH"), LATER)


@pytest.mark.parametrize("figures", [2, 3])
def test_three_figures_before_a_funds_first_day_are_another_funds(figures):
    rows = GOOD | {day: row(n, MSBT=1.0) for n, day in enumerate(DAYS[:figures])}
    if figures == 3:
        assert "MSBT has 3 figures before its first day, 2026-04-0" in refusal(rows)
    else:
        flow_table.vet(cells(rows), LATER)


def kinds(rows, sessions=LATER):
    kept, findings = flow_table.vet(cells(rows), sessions)
    shown = {day: kept.filter(pl.col("value").is_not_null(), value_date=day)["ticker"].to_list() for day in DAYS}
    return [(each.kind, each.value_date) for each in findings], shown


def kept_total(rows, day):
    kept, _ = flow_table.vet(cells(rows), LATER)
    return kept.filter(ticker="TOTAL", value_date=day).select("raw_text", "value").rows()


def test_a_total_of_zero_is_left_out_and_the_funds_are_kept():
    found, shown = kinds(GOOD | {DAYS[2]: row(2, TOTAL=0.0)})
    assert found == [("wrong_total", DAYS[2])]
    assert shown[DAYS[2]] == ["IBIT", "FBTC", "GBTC"]
    assert kept_total(GOOD | {DAYS[2]: row(2, TOTAL=0.0)}, DAYS[2]) == [(None, None)]


NEW = Sessions([*OPENED, *DAYS], DAYS[-1])


@pytest.mark.parametrize(
    ("missing", "kind"), [(["NEWX"], "wrong_total"), (["NEWX", "NEWY"], "wrong_total"), (["IBIT"], "day_left_out")]
)
def test_a_total_may_lack_just_the_new_funds(missing, kind):
    full = row(2, NEWX=7.5, NEWY=-2.0)
    total = sum(value for ticker, value in full.items() if ticker not in missing)
    found, shown = kinds(GOOD | {DAYS[2]: full | {"TOTAL": total}}, NEW)
    assert found == [(kind, DAYS[2])]
    assert bool(shown[DAYS[2]]) == (kind == "wrong_total")


def test_a_fund_is_new_for_ten_sessions():
    opened = [date(2025, 10, 1) + timedelta(days=n) for n in range(40)]
    rows = {DAYS[0]: row(0, NEWX=1.0)} | {day: row(n, NEWX=1.0 + n) for n, day in enumerate(DAYS) if n}
    rows[DAYS[4]] = row(4, NEWX=7.5, TOTAL=sum(row(4).values()))
    assert kinds(rows, Sessions(opened, DAYS[4]))[0] == [("wrong_total", DAYS[4])]
    early = {date(2025, 10, 24): row(7, NEWX=3.5)} | rows
    assert kinds(early, Sessions(opened, DAYS[4]))[0] == [("day_left_out", DAYS[4])]


@pytest.mark.parametrize("total", [999.0, 0.1, -1.0])
def test_any_other_total_leaves_its_day_out_and_the_page_is_read(total):
    found, shown = kinds(GOOD | {DAYS[2]: row(2, TOTAL=total)})
    assert found == [("day_left_out", DAYS[2])]
    assert shown[DAYS[2]] == []
    assert shown[DAYS[3]]


def test_more_than_three_wrong_totals_refuse_the_page():
    wrong = {day: row(n, TOTAL=77.0) for n, day in enumerate(DAYS[:3])}
    assert len(kinds(GOOD | wrong)[0]) == 3
    assert "on 4 days, 2025-11-03 among them" in refusal(GOOD | wrong | {DAYS[3]: row(3, TOTAL=77.0)})
