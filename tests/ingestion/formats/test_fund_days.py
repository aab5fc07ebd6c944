from datetime import date
from decimal import Decimal

import pytest

from ingestion.errors import PageRefused
from ingestion.formats import fund_days
from ingestion.formats.fund_days import FundDay
from ingestion.source import Sessions

SESSIONS = Sessions([], date(2026, 1, 1))
FRIDAY = FundDay("2025-12-19", {"shares_outstanding": "10,000,000", "nav_usd": "$50.25"})
MONDAY = FundDay("12/22/2025", {"shares_outstanding": "10050000", "nav_usd": "51"})


def values(days, ticker="EZBC"):
    return {(day, metric): value for _, _, day, metric, _, value in fund_days.frame(days, ticker).iter_rows()}


def test_days_are_cells_of_the_funds_asset_with_their_text():
    assert fund_days.frame([FRIDAY], "ETHA").rows() == [
        ("ETH", "ETHA", date(2025, 12, 19), "shares_outstanding", "10,000,000", 10_000_000.0),
        ("ETH", "ETHA", date(2025, 12, 19), "nav_usd", "$50.25", 50.25),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "2025-12-22",
        "2025-12-22T00:00:00",
        "2025-12-22T00:00:00.000Z",
        "12/22/2025",
        "Dec 22, 2025",
        "December 22, 2025",
        "46013",
    ],
)
def test_a_day_has_four_forms(text):
    assert fund_days.day(text) == date(2025, 12, 22)


@pytest.mark.parametrize(
    "text", ["", "22/12/2025", "2025-02-30", "Foo 22, 2025", "2025-12-22T16:00:00", "4601", "46013.5", "22.12.2025"]
)
def test_what_is_no_day_is_refused(text):
    with pytest.raises(PageRefused, match="expected a day like"):
        fund_days.day(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1,233,456.5", "1233456.5"), ("$7", "7"), ("-2", "-2"), ("1E3", "1000")]
    + [(text, None) for text in ("1,23", "12%", "nan", "inf", "9" * 41, "")],
)
def test_numbers_are_read_as_printed(text, value):
    assert fund_days.number(text) == (Decimal(value) if value else None)


@pytest.mark.parametrize("text", fund_days.BLANKS)
def test_blanks_are_blank(text):
    assert [*values([FRIDAY, MONDAY._replace(figures={"nav_usd": text})]).values()] == [10_000_000.0, 50.25, None]


@pytest.mark.parametrize(
    ("metric", "text"),
    [("shares_outstanding", each) for each in ("0", "-5", "1.5", "many")]
    + [
        (metric, each)
        for metric in ("nav_usd", "net_assets_usd", "native_held", "native_per_share")
        for each in ("0", "-1")
    ],
)
def test_a_figure_that_cannot_be_is_refused_by_its_day(metric, text):
    with pytest.raises(PageRefused, match=r"on 2025-12-19, expected .* above zero"):
        fund_days.frame([FRIDAY._replace(figures={metric: text})], "EZBC")


def test_zeros_before_a_funds_first_flow_are_placeholders():
    early = FundDay("2024-01-10", {"shares_outstanding": "0", "nav_usd": "50"})
    assert [*values([early]).values()] == [None, 50.0]


def test_a_day_twice_counts_once_or_refuses_the_page():
    assert len(values([FRIDAY, FRIDAY._replace(as_of="12/19/2025"), MONDAY])) == 4
    with pytest.raises(PageRefused, match="12/19/2025 twice with different figures"):
        fund_days.frame([FRIDAY, MONDAY._replace(as_of="12/19/2025")], "EZBC")


def test_days_run_one_way():
    tuesday = FRIDAY._replace(as_of="2025-12-23")
    assert len(values([tuesday, MONDAY, FRIDAY])) == len(values([FRIDAY, MONDAY, tuesday])) == 6
    with pytest.raises(PageRefused, match="neither up nor down"):
        fund_days.frame([MONDAY, tuesday, FRIDAY], "EZBC")


def test_another_funds_figures_are_refused():
    assert values([FRIDAY._replace(fund="EZBC")])
    with pytest.raises(PageRefused, match="figures of 'EZET' where those of EZBC belong"):
        fund_days.frame([FRIDAY._replace(fund="EZET")], "EZBC")


def test_days_before_a_fund_began_are_another_funds():
    days = [FRIDAY._replace(as_of=f"2024-01-0{day}") for day in (2, 3, 4)]
    assert values(days[:2])
    with pytest.raises(PageRefused, match="3 days before EZBC began on 2024-01-11"):
        fund_days.frame(days, "EZBC")


def with_assets(*assets):
    """A day each, of 1,000 shares at US$ 50."""
    figures = {"shares_outstanding": "1000", "nav_usd": "50"}
    return fund_days.frame(
        [FundDay(f"2025-12-{n + 1:02}", {**figures, "net_assets_usd": text}) for n, text in enumerate(assets)], "EZBC"
    )


def test_a_day_whose_figures_disagree_is_left_out_with_a_finding():
    cells, findings = fund_days.vet(with_assets("50000", "50900", "51100", "--"), SESSIONS)
    assert [(each.kind, each.ticker, each.value_date.day) for each in findings] == [("figures_disagree", "EZBC", 3)]
    assert cells["value_date"].dt.day().unique().to_list() == [1, 2, 4]


def test_a_page_in_thousands_is_refused():
    with pytest.raises(PageRefused, match="not count times NAV on 4 days, 2025-12-01 among them"):
        fund_days.vet(with_assets(*["50"] * 4, "50000"), SESSIONS)
    assert len(fund_days.vet(with_assets(*["50"] * 3, "50000"), SESSIONS)[1]) == 3


def test_a_page_of_few_days_in_another_unit_is_refused():
    """A page of today's figures has one day, and leaving it out would not say what is wrong."""
    with pytest.raises(PageRefused, match="not count times NAV on 1 days"):
        fund_days.vet(with_assets("50"), SESSIONS)


def test_figures_of_which_one_is_not_printed_cannot_disagree():
    cells = fund_days.frame([FRIDAY, MONDAY], "EZBC")
    assert fund_days.vet(cells, SESSIONS) == (cells, [])


TABLE = [
    ["VanEck Bitcoin ETF"],
    [],
    ["Date", "NAV", "", "AUM"],
    ["12/22/2025", "51", "x", "--"],
    ["12/19/2025", "50.25"],
    ["Past performance is no guarantee", "", "of any"],
]
NAMES = {"NAV": "nav_usd", "AUM": "net_assets_usd"}


def test_a_table_is_read_by_its_header_wherever_it_stands():
    assert fund_days.read_table(TABLE, "Date", NAMES) == [
        FundDay("12/22/2025", {"nav_usd": "51", "net_assets_usd": "--"}),
        FundDay("12/19/2025", {"nav_usd": "50.25", "net_assets_usd": ""}),
    ]


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([], '0 columns "Date"'),
        ([["Date", "AUM"], ["12/22/2025", "5"]], '0 columns "NAV"'),
        ([["Date", "NAV", "AUM", "NAV"], ["12/22/2025", "5"]], '2 columns "NAV"'),
        (TABLE[:3], "no day below its header"),
    ],
)
def test_a_table_without_its_columns_or_days_is_refused(rows, what):
    with pytest.raises(PageRefused, match=what):
        fund_days.read_table(rows, "Date", NAMES)
