"""What is known of cells, and how well."""

from datetime import date, timedelta

import pytest

from ingestion.judgement.known import Cell, Key, cells_of, from_table, learn, rest_on, to_table

DAY = date(2025, 11, 3)
IBIT, FBTC = (Key("BTC", ticker, DAY, "net_flow_usd") for ticker in ("IBIT", "FBTC"))


@pytest.mark.parametrize(("until", "is_settled"), [(DAY, True), (DAY - timedelta(days=1), False)])
def test_a_first_figure_is_known_by_its_capture_and_a_first_blank_is_not(until, is_settled):
    known = {}
    learn(known, {IBIT: 0.0, FBTC: None}, "btc/1", until)
    assert known == {IBIT: Cell(0.0, is_settled, "btc/1", False)}


@pytest.mark.parametrize(("capture", "is_confirmed"), [("btc/1", False), ("btc/2", True)])
@pytest.mark.parametrize("is_settled", [True, False])
def test_a_figure_is_confirmed_by_another_capture_for_good(capture, is_confirmed, is_settled):
    known = {IBIT: Cell(5.0, is_settled, "btc/1", False)}
    learn(known, {IBIT: 5.0}, capture, date.min)
    learn(known, {IBIT: 5.0}, "btc/1", date.min)
    assert known == {IBIT: Cell(5.0, is_settled, "btc/1", is_confirmed)}


def test_a_figure_is_settled_by_any_capture_that_is_late_enough_for_good():
    known = {IBIT: Cell(5.0, False, "btc/1", False)}
    for until in (DAY, date.min):
        learn(known, {IBIT: 5.0}, "btc/1", until)
    assert known == {IBIT: Cell(5.0, True, "btc/1", False)}


@pytest.mark.parametrize("value", [7.0, None])
def test_another_figure_or_a_blank_stands_by_itself_again(value):
    known = {IBIT: Cell(5.0, True, "btc/1", True)}
    learn(known, {IBIT: value}, "btc/2", date.min)
    assert known == {IBIT: Cell(value, False, "btc/2", False)}


def test_cells_rest_on_one_capture_that_nothing_confirms():
    known = {IBIT: Cell(5.0, True, "btc/1", False), FBTC: Cell(5.0, True, "btc/1", False)}
    assert rest_on(known, known) == "btc/1"
    assert rest_on(known | {FBTC: Cell(5.0, True, "btc/1", True)}, known) is None
    assert rest_on(known | {FBTC: Cell(5.0, True, "btc/2", False)}, known) is None


def test_a_table_keeps_what_is_known_in_the_order_of_its_keys():
    known = {IBIT: Cell(5.0, True, "btc/1", False), FBTC: Cell(None, False, "btc/2", True)}
    assert from_table(to_table(known)) == known
    assert [*from_table(to_table(known))] == [FBTC, IBIT]


def test_the_cells_of_a_page_are_its_values_by_key():
    page = to_table({IBIT: Cell(5.0, True, "btc/1", False), FBTC: Cell(None, False, "btc/2", True)})
    assert cells_of(page) == {FBTC: None, IBIT: 5.0}
