"""What becomes of a page of figures, by what is known of them: each rule by itself, at its boundary."""

from datetime import date, timedelta

import pytest

from ingestion.judgement.judge import Held, Judge, Left, Overruled, Page, Read, judge_in_order
from ingestion.judgement.known import Cell, Key
from ingestion.source import Rules

DAYS = [date(2025, 11, 3) + timedelta(days=n) for n in range(5)]
FLOWS, COUNTS = Rules(), Rules(only_settled=True, most_nonzero=1, most=1)
MILLION = 1e6


def cells(day=DAYS[0], metric="net_flow_usd", **figures):
    """Figures by fund, flows in US$ m."""
    unit = MILLION if metric == "net_flow_usd" else 1
    return {
        Key("BTC", ticker, day, metric): None if value is None else value * unit for ticker, value in figures.items()
    }


def known(page, is_settled=True, by="btc/1", is_confirmed=True):
    return {key: Cell(value, is_settled, by, is_confirmed) for key, value in page.items()}


def page(name, figures, settled_until=date.min):
    return Page(name, figures, settled_until)


def becomes(before, after, rules=FLOWS, **judge):
    return Judge(rules, before, **judge).copy().judge(page("btc/9", after))


OLD = cells(A=1, B=2, C=0, D=0, E=0, F=0)


@pytest.mark.parametrize(
    ("changed", "is_read"),
    [
        ({"A": 9}, True),
        ({"A": None}, True),
        ({"A": 9, "B": 8}, False),
        ({"A": 9, "B": None}, False),
        ({"C": 9, "D": 8, "E": 7}, True),
        ({"C": 9, "D": 8, "E": 7, "F": 6}, False),
        ({"A": 9, "C": 9, "D": 8}, True),
        ({"A": 9, "C": 9, "D": 8, "E": 7}, False),
    ],
)
def test_a_page_may_change_one_figure_or_three_settled_zeros(changed, is_read):
    found = becomes(known(OLD), OLD | cells(**changed))
    assert isinstance(found, Read if is_read else Held)
    changes = [each.ticker for each in found.findings] if is_read else [each.key.ticker for each in found.changes]
    assert changes == [*changed]
    assert not is_read or not found.repeats


def test_zeros_that_are_not_settled_and_totals_may_change_at_will():
    old = cells(C=0, D=0, E=0, F=0)
    assert becomes(known(old, is_settled=False), cells(C=1, D=2, E=3, F=4)).findings == ()
    totals = {key: value for day in DAYS for key, value in cells(day, TOTAL=5).items()}
    assert becomes(known(totals), dict.fromkeys(totals, 7 * MILLION)).findings == ()


def test_a_settled_zero_may_be_taken_back_before_the_funds_first_day():
    early = {key: 0.0 for n in range(1, 6) for key in cells(date(2024, 7, 31) - timedelta(days=n), BTC=0)}
    assert isinstance(becomes(known(early), dict.fromkeys(early)), Read)
    assert isinstance(becomes(known(early), dict.fromkeys(early, 1.0)), Held)
    later = {key: 0.0 for n in range(4) for key in cells(date(2024, 7, 31) + timedelta(days=n), BTC=0)}
    assert isinstance(becomes(known(later), dict.fromkeys(later)), Held)


def test_what_was_taken_back_may_be_anything_again_and_what_is_not_shown_stays():
    before = known(cells(A=None, B=None)) | known(cells(C=5, D=6))
    assert becomes(before, cells(A=1, B=2)).findings == ()


def test_a_changed_figure_is_told_with_both_values():
    (finding,) = becomes(known(cells(A=1234.5)), cells(A=None)).findings
    assert finding == ("figure_changed", "BTC", "A", DAYS[0], "1,234.5 had been printed, then blank")


def test_a_held_page_says_how_many_figures_it_would_change_and_names_three():
    before = known(OLD)
    found = Judge(FLOWS, before).judge(page("btc/9", cells(A=9, B=-8, C=7)))
    assert found.reason == (
        "it would change 3 figures that were known, 2 of them not zero"
        " (A 2025-11-03: 1.0 -> 9.0; B 2025-11-03: 2.0 -> -8.0; C 2025-11-03: 0.0 -> 7.0)"
    )
    assert before == known(OLD)
    assert becomes(known(OLD), cells(A=9, B=-8, C=7, D=7)).reason.endswith("C 2025-11-03: 0.0 -> 7.0; ...)")


def test_two_figures_in_each_others_places_are_held_though_one_of_them_does_not_count():
    before = known(cells(A=5)) | known(cells(B=0), is_settled=False)
    found = becomes(before, cells(A=0, B=5))
    assert found.reason.startswith("the figures of 2025-11-03 stand in each other's places (A 2025-11-03: 5.0 -> 0.0")
    assert isinstance(becomes(before, cells(A=0, B=6)), Read)
    assert isinstance(becomes(before, cells(A=0, B=5, NEWX=1)), Held)  # a new fund reports beside them
    assert isinstance(becomes(known(cells(A=5)), cells(A=None, NEWX=5)), Held)
    assert isinstance(becomes(known(cells(A=0, B=0)), cells(A=3, B=0, NEWX=0)), Read)
    totals = known(cells(TOTAL=5)) | before
    assert isinstance(becomes(totals, cells(A=0, B=5, TOTAL=6)), Held)
    assert isinstance(becomes(before, cells(A=0, B=5), COUNTS), Read)


def test_figures_that_somebody_accepted_are_no_changes():
    new = cells(A=9, B=8)
    assert isinstance(becomes(known(OLD), new, accepted={*new.items()}), Read)
    assert isinstance(becomes(known(OLD), new | cells(C=7), accepted={*cells(A=9).items()}), Read)
    assert isinstance(becomes(known(OLD), cells(A=9, B=7), accepted={*cells(A=8, B=6).items()}), Held)


SHARES = {key: value for day in DAYS for key, value in cells(day, "shares_outstanding", A=300.0).items()}
NAVS = {key: value for day in DAYS for key, value in cells(day, "nav_usd", A=60.0).items()}


@pytest.mark.parametrize(("is_settled", "kind"), [(True, Held), (False, Read)])
def test_counts_change_at_will_until_they_are_settled(is_settled, kind):
    found = becomes(known(SHARES, is_settled), dict.fromkeys(SHARES, 310.0), COUNTS)
    assert isinstance(found, kind)
    one = cells(DAYS[2], "shares_outstanding", A=310.5)
    assert becomes(known(SHARES), SHARES | one, COUNTS).findings[0].detail == "300 had been printed, then 310.5"


@pytest.mark.parametrize(("ratio", "said"), [(3, "3:1"), (0.2, "1:5"), (1.5, "1.5:1")])
def test_a_workbook_that_restates_all_counts_and_navs_by_one_ratio_looks_like_a_split(ratio, said):
    split = {key: value * ratio for key, value in SHARES.items()} | {key: value / ratio for key, value in NAVS.items()}
    assert becomes(known(SHARES | NAVS), split, COUNTS).reason.startswith(
        f"it restates 10 figures as a split of {said} would (A 2025-11-03: 300 -> "
    )


LAST_COUNT = Key("BTC", "A", DAYS[4], "shares_outstanding")


@pytest.mark.parametrize(("off", "is_split"), [(1.009, True), (1.02, False)])
def test_counts_of_a_split_may_be_rounded(off, is_split):
    split = {key: value * 3 for key, value in SHARES.items()} | {key: value / 3 for key, value in NAVS.items()}
    found = becomes(known(SHARES | NAVS), split | {LAST_COUNT: 900 * off}, COUNTS)
    assert found.reason.startswith("it restates 10 figures as a split of 3:1") == is_split


@pytest.mark.parametrize(
    "split",
    [
        {key: value * 3 for key, value in SHARES.items()},
        {key: value * 3 for key, value in (SHARES | NAVS).items()},
        {key: value * 3 for key, value in SHARES.items()} | dict.fromkeys(NAVS),
    ],
    ids=["counts alone", "NAVs in the same direction", "NAVs gone"],
)
def test_any_other_restatement_of_counts_is_no_split(split):
    assert becomes(known(SHARES | NAVS), split, COUNTS).reason.startswith("it would change ")


def named(judge, *pages):
    found, after = judge_in_order(judge, [page(*each) for each in pages])
    return {name: type(each).__name__ for name, each in found.items()}, after


ONE, OTHER, THIRD, FOURTH, FIFTH = (cells(A=n, B=n, C=n) for n in range(1, 6))


def test_of_two_pages_the_one_that_a_third_sides_with_is_right():
    judge = Judge(FLOWS, {})
    verdicts, after = named(judge, ("btc/1", ONE), ("btc/2", OTHER), ("eth/3", OTHER))
    assert verdicts == {"btc/1": "Left", "btc/2": "Read", "eth/3": "Read"}
    assert {key: cell.value for key, cell in after.items()} == OTHER
    assert judge.known == {}
    found, _ = judge_in_order(judge, [page("btc/1", ONE), page("btc/2", OTHER), page("btc/3", OTHER)])
    assert found["btc/1"] == Left("it alone shows what btc/3 and another contradict", is_late=False)


def test_what_two_pages_have_shown_no_third_overrules():
    verdicts, _ = named(
        Judge(FLOWS, {}), ("btc/1", ONE), ("btc/2", ONE), ("btc/3", OTHER), ("btc/4", OTHER), ("btc/5", ONE)
    )
    assert verdicts == {"btc/1": "Read", "btc/2": "Read", "btc/3": "Held", "btc/4": "Held", "btc/5": "Read"}


def test_a_third_page_that_shows_another_figure_sides_with_neither():
    verdicts, _ = named(Judge(FLOWS, {}), ("btc/1", ONE), ("btc/2", OTHER), ("btc/3", OTHER | cells(C=9)))
    assert verdicts == {"btc/1": "Read", "btc/2": "Held", "btc/3": "Held"}


@pytest.mark.parametrize(("sided", "is_first_left"), [(OTHER, False), (THIRD, True), (FOURTH, True), (FIFTH, True)])
def test_the_last_three_pages_held_of_a_resource_can_be_sided_with(sided, is_first_left):
    held = enumerate([OTHER, THIRD, FOURTH, FIFTH], start=2)
    pages = [("btc/1", ONE), *((f"btc/{n}", figures) for n, figures in held), ("eth/6", sided)]
    assert (named(Judge(FLOWS, {}), *pages)[0]["btc/1"] == "Left") == is_first_left


def test_a_page_that_is_read_clears_those_held_of_its_resource_alone():
    judge = Judge(FLOWS, known(ONE, by="btc/1", is_confirmed=False))
    for name in ("btc/2", "eth/2"):
        judge.hold(page(name, OTHER))
    judge.judge(page("btc/3", cells(DAYS[1], A=1)))
    with pytest.raises(Overruled) as overruled:
        judge.judge(page("btc/4", OTHER))
    assert (overruled.value.captures, overruled.value.is_late) == ({"btc/1"}, False)
    judge.judge(page("eth/3", cells(DAYS[1], A=1)))
    assert isinstance(judge.judge(page("btc/4", OTHER)), Held)


def test_a_capture_to_leave_out_that_is_not_among_the_pages_has_all_judged_again():
    judge = Judge(FLOWS, known(ONE, by="btc/1", is_confirmed=False))
    judge.hold(page("btc/2", OTHER))
    with pytest.raises(Overruled):
        judge_in_order(judge, [page("btc/3", OTHER)])


def test_a_trial_leaves_no_held_page_behind():
    judge = Judge(FLOWS, known(ONE, by="btc/1", is_confirmed=False))
    judge_in_order(judge, [page("btc/2", OTHER)])
    assert isinstance(judge.judge(page("btc/3", OTHER)), Held)


def test_a_late_page_that_would_have_one_held_that_was_read_is_left_with_those_that_say_the_same():
    judge = Judge(FLOWS, {}, was_read={"btc/3"}, late={"btc/1", "btc/2", "btc/4"})
    pages = [("btc/1", OTHER), ("btc/2", cells(A=2)), ("btc/3", ONE), ("btc/4", ONE)]
    found, after = judge_in_order(judge, [page(*each) for each in pages])
    left = Left("it came late and contradicts btc/3, which was read before", is_late=True)
    assert (found["btc/1"], found["btc/2"]) == (left, left)
    assert isinstance(found["btc/3"], Read)
    assert isinstance(found["btc/4"], Read)
    assert {key: cell.value for key, cell in after.items()} == ONE


LATE = Left("it came late and contradicts btc/1, which was read before", is_late=True)


def test_late_pages_that_agree_with_each_other_do_not_overrule_one_that_was_read():
    judge = Judge(FLOWS, known(ONE, is_confirmed=False), was_read={"btc/1"}, late={"btc/2", "btc/3"})
    found, after = judge_in_order(judge, [page("btc/2", OTHER), page("btc/3", OTHER)])
    assert found == {"btc/2": LATE, "btc/3": LATE}
    assert {key: cell.value for key, cell in after.items()} == ONE


def test_a_newer_page_that_sides_with_a_late_one_is_held_itself():
    judge = Judge(FLOWS, known(ONE, is_confirmed=False), was_read={"btc/1"}, late={"btc/2"})
    found, _ = judge_in_order(judge, [page("btc/2", OTHER), page("btc/3", OTHER)])
    assert found["btc/2"] == LATE
    assert isinstance(found["btc/3"], Held)


def test_a_late_page_may_decide_against_one_that_was_not_read_before():
    found, _ = named(Judge(FLOWS, {}, late={"btc/2"}), ("btc/1", ONE), ("btc/2", OTHER), ("btc/3", OTHER))
    assert found == {"btc/1": "Left", "btc/2": "Read", "btc/3": "Read"}
