"""What a table of flows must be by itself."""

from datetime import date, timedelta

import polars as pl
import pytest

from ingestion.errors import PageRefused
from ingestion.formats import flow_table
from ingestion.source import Finding, Sessions

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
    assert refusal(GOOD | {DAYS[4]: row(4, IBIT=value)}) == (
        f"IBIT has a flow of {value:,} (US$ m) on 2025-11-07, where no fund has had one beyond 5,000: look at the page."
    )
    flow_table.vet(cells(GOOD | {DAYS[4]: row(4, IBIT=value / 5_000.1 * 5_000)}), LATER)


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_day_with_the_figures_of_one_of_three_before_is_refused(after):
    assert f"{DAYS[after]} has the same figures as {DAYS[0]}" in refusal(
        GOOD | {DAYS[after]: row(0, FBTC=9.0)} | {DAYS[0]: row(0, FBTC=9.0)}
    )


def test_a_day_of_few_figures_hides_no_repeated_one_after_it():
    rows = {DAYS[0]: {"IBIT": 1.0}, DAYS[1]: row(1), DAYS[2]: row(1), DAYS[3]: row(3)}
    assert f"{DAYS[2]} has the same figures as {DAYS[1]}" in refusal(rows)


def test_two_figures_or_four_days_between_are_chance():
    flow_table.vet(cells(GOOD | {DAYS[1]: row(0)}), LATER)  # one of its three figures is zero
    flow_table.vet(cells(GOOD | {DAYS[0]: row(4), DAYS[4]: row(4)}), LATER)


def test_a_fund_of_another_asset_makes_it_another_page():
    assert refusal({day: {"IBIT": 1.0 + n} for n, day in enumerate(DAYS)}, "ETH") == (
        "IBIT is a fund of BTC, not of ETH: it is the page of another asset; file it there."
    )
    flow_table.vet(cells({day: {"NEWX": 1.0 + n} for n, day in enumerate(DAYS)}, "ETH"), LATER)
    assert "IBIT is a fund of BTC" in refusal(
        {day: {"NEWX": 1.0 + n, "IBIT": 2.0} for n, day in enumerate(DAYS)}, "ETH"
    )


FIRST_OF_BTC = date(2024, 7, 31)
"""The first day of the fund BTC, a Wednesday."""


@pytest.mark.parametrize("early", [2, 3])
def test_three_figures_before_a_funds_first_day_are_another_funds(early):
    """One on the day itself is its own."""
    days = [FIRST_OF_BTC - timedelta(days=n) for n in (5, 2, 1, 0)][3 - early :]
    rows = {day: row(n, BTC=1.0) for n, day in enumerate(days)}
    if early == 3:
        assert refusal(rows) == (
            "BTC has 3 figures before its first day, 2024-07-31: they are another fund's, or its row in facts_funds.csv"
            " is wrong."
        )
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
    ("missing", "kind"),
    [
        (["NEWX"], "wrong_total"),
        (["NEWY"], "wrong_total"),
        (["NEWX", "NEWY"], "wrong_total"),
        (["NEWX", "NEWY", "NEWZ"], "wrong_total"),
        (["NEWW", "NEWX", "NEWY", "NEWZ"], "day_left_out"),
        (["IBIT"], "day_left_out"),
    ],
    ids="-".join,
)
def test_a_total_may_lack_up_to_three_of_just_the_new_funds(missing, kind):
    full = row(2, NEWW=16.25, NEWX=8.25, NEWY=4.25, NEWZ=2.25)
    total = sum(value for ticker, value in full.items() if ticker not in missing)
    found, shown = kinds(GOOD | {DAYS[2]: full | {"TOTAL": total}}, NEW)
    assert found == [(kind, DAYS[2])]
    assert bool(shown[DAYS[2]]) == (kind == "wrong_total")


@pytest.mark.parametrize(("sessions", "kind"), [(9, "wrong_total"), (10, "day_left_out")])
def test_a_fund_is_new_for_ten_sessions(sessions, kind):
    opened = [date(2025, 10, 1) + timedelta(days=n) for n in range(40)]
    rows = {DAYS[4] - timedelta(days=sessions): row(7, NEWX=3.5)} | GOOD
    rows[DAYS[4]] = row(4, NEWX=7.5, TOTAL=sum(row(4).values()))
    assert kinds(rows, Sessions(opened, DAYS[4]))[0] == [(kind, DAYS[4])]


@pytest.mark.parametrize(
    ("total", "kind", "then"),
    [(0.0, "wrong_total", "its funds are read"), (999.0, "day_left_out", "the day is not read from that page")],
)
def test_a_finding_about_a_total_names_the_day_and_both_figures(total, kind, then):
    _, (found,) = flow_table.vet(cells(GOOD | {DAYS[2]: row(2, TOTAL=total)}), LATER)
    said = f"the funds add up to 2.0 (US$ m), the printed total is {total}; {then}"
    assert found == Finding(kind, "BTC", "TOTAL", DAYS[2], said)


@pytest.mark.parametrize("total", [999.0, 0.1, -1.0])
def test_any_other_total_leaves_its_day_out_and_the_page_is_read(total):
    found, shown = kinds(GOOD | {DAYS[2]: row(2, TOTAL=total)})
    assert found == [("day_left_out", DAYS[2])]
    assert shown[DAYS[2]] == []
    assert shown[DAYS[3]]


def test_more_than_three_wrong_totals_refuse_the_page():
    wrong = {day: row(n, TOTAL=77.0) for n, day in enumerate(DAYS[:3])}
    assert len(kinds(GOOD | wrong)[0]) == 3
    assert refusal(GOOD | wrong | {DAYS[3]: row(3, TOTAL=77.0)}) == (
        "on 4 days, 2025-11-03 among them, its funds do not add up to the printed total: wait for a corrected page."
    )
