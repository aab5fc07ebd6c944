"""Funds that come back under a name that no seed knows: what of a new column is left out."""

from datetime import date, timedelta

import pytest

from ingestion.judgement.known import Cell, Key
from ingestion.judgement.renames import without_repeats

DAYS = [date(2025, 11, 3) + timedelta(days=n) for n in range(4)]


def cells(**columns):
    """Figures by ticker, one a day from the first on."""
    return {
        Key("ETH", ticker, day, "net_flow_usd"): value
        for ticker, values in columns.items()
        for day, value in zip(DAYS, values, strict=False)
    }


def known(is_settled=True, **columns):
    return {key: Cell(value, is_settled, "eth/1", True) for key, value in cells(**columns).items()}


def kept(page, before):
    """What is left of the columns of a page, and who is said to be renamed."""
    left, findings = without_repeats(page, before)
    shown = {}
    for key, value in left.items():
        shown.setdefault(key.ticker, []).append((DAYS.index(key.value_date), value))
    return shown, [(each.kind, each.ticker, each.value_date) for each in findings]


def test_a_column_that_repeats_one_that_is_gone_counts_once_and_is_told_once():
    page = cells(AAAX=(1.0,), NEWX=(5.0, 0.0, 7.0, 8.0))
    shown, findings = kept(page, known(OLDX=(5.0, 0.0, 7.0)))
    assert shown == {"AAAX": [(0, 1.0)], "NEWX": [(3, 8.0)]}
    assert findings == [("renamed_fund", "NEWX", DAYS[0])]
    newest = Key("ETH", "NEWX", DAYS[3], "net_flow_usd")
    again = known(OLDX=(5.0, 0.0, 7.0)) | {newest: Cell(8.0, False, "eth/2", False)}
    assert kept(page, again) == (shown, [])


def test_the_finding_names_the_former_fund_and_what_to_do():
    _, (finding,) = without_repeats(cells(NEWX=(5.0,)), known(OLDX=(5.0,)))
    assert (finding.asset, finding.detail) == (
        "ETH",
        "it repeats the figures of OLDX, which is gone: name the rename in facts_ticker_history.csv",
    )


@pytest.mark.parametrize(
    ("page", "before"),
    [
        (cells(NEWX=(5.0,), OLDX=(5.0,)), known(OLDX=(5.0,))),
        (cells(NEWX=(0.0, 0.0)), known(OLDX=(0.0, 0.0))),
        (cells(NEWX=(5.0, 6.0)), known(OLDX=(5.0, 7.0))),
        (cells(NEWX=(5.0, 6.0)), known(OLDX=(5.0, 0.0))),
        (cells(NEWX=(5.0,)), known(OLDX=(None,))),
        (cells(NEWX=(5.0,)), known(TOTAL=(5.0,))),
        (cells(NEWX=(5.0,)), {Key("BTC", *key[1:]): cell for key, cell in known(OLDX=(5.0,)).items()}),
        (cells(TOTAL=(5.0,)), known(OLDX=(5.0,))),
        (cells(NEWX=(None, 5.0)), known(OLDX=(5.0,))),
    ],
    ids=[
        "it is still there",
        "only zeros agree",
        "one figure contradicts",
        "one contradicts a settled zero",
        "its figure was taken back",
        "it is the total",
        "it is another asset's",
        "the new one is the total",
        "the days differ",
    ],
)
def test_any_other_column_is_another_funds(page, before):
    assert without_repeats(page, before) == (page, [])


def test_a_zero_that_is_not_settled_contradicts_nothing():
    shown, _ = kept(cells(NEWX=(5.0, 6.0)), known(is_settled=False, OLDX=(5.0, 0.0)))
    assert shown == {"NEWX": [(1, 6.0)]}


def test_a_blank_contradicts_nothing():
    shown, _ = kept(cells(NEWX=(5.0, None)), known(OLDX=(5.0, 7.0)))
    assert shown == {"NEWX": [(1, None)]}


@pytest.mark.parametrize(("own", "is_own"), [(5.0, True), (None, False)])
def test_a_fund_with_a_figure_of_its_own_on_those_days_is_not_the_one_that_is_gone(own, is_own):
    shown, _ = kept(cells(NEWX=(5.0, 5.0)), known(OLDX=(5.0, 5.0), NEWX=(own,)))
    assert shown == ({"NEWX": [(0, 5.0), (1, 5.0)]} if is_own else {})


def test_the_column_that_repeats_most_is_the_former_one_and_each_is_taken_once():
    page = cells(NEWA=(5.0, 6.0), NEWB=(5.0, 6.0))
    shown, findings = kept(page, known(OLDA=(5.0,), OLDB=(5.0, 6.0)))
    assert shown == {"NEWB": [(1, 6.0)]}
    assert [ticker for _, ticker, _ in findings] == ["NEWA", "NEWB"]
