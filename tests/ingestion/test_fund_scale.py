"""Pages of every issuer with one thing wrong: of another day, in other units, of another fund, or without a figure."""

import inspect
from datetime import date, datetime, timedelta

import fund_pages
import polars as pl
import pytest
from test_fund_pages import FIGURES, PAGES, UNREAD, Kept, kept

from ingestion import decisions, reading, registry
from ingestion.archive import Served
from ingestion.calendar import sessions
from ingestion.errors import PageRefused
from ingestion.formats import fund_days
from ingestion.refresh import refresh
from ingestion.source import Sessions

__all__ = ["kept"]

HISTORIES = {
    "canary/daily": (fund_pages.canary_history, 23.47, 170_000),
    "franklin/EZBC": (fund_pages.franklin_history, 48.5, 9_700_000),
    "grayscale/GBTC": (fund_pages.grayscale_history, 64.9, 178_580_100),
    "invesco/BTCO_navs": (fund_pages.invesco_history, 82.9, 5_080_000),
    "ishares/IBIT": (fund_pages.ishares_history, 47.3, 1_296_040_000),
    "twentyone/ARKB": (fund_pages.twentyone_history, 27.7, 97_015_000),
    "vaneck/HODL": (fund_pages.vaneck_history, 23.6, 57_425_000),
    "wisdomtree/BTCW": (fund_pages.wisdomtree_history, 88.1, 2_185_000),
}
"""A maker of a page with many days for each source, with NAV and count."""

OF_NOW = [name for name in PAGES if name not in HISTORIES]
UNFILED = ("canary/daily", "morgan_stanley/MSBT")
"""Of funds whose filings nobody has reviewed: their first page has nothing to be held against."""

DAYS = sessions(date(2026, 1, 2), date(2026, 10, 7))["session_date"].to_list()
DAY, WEEK = timedelta(days=1), timedelta(days=7)
NOW = datetime(2026, 10, 8, 12)
MONEY, COUNTS, COINS = ("nav", "assets"), ("shares", "held", "assets"), ("held", "per_share")


def history(name, days=DAYS, money=1, count=1):
    """A page with many days; each figure a little other than the one before."""
    maker, nav, shares = HISTORIES[name]
    return maker([(day, round(nav * (1 + n % 7 / 100), 2) * money, shares * count) for n, day in enumerate(days)])


def of_now(name, day=DAYS[-1], factor=1, figures=FIGURES, blank=False):
    """A page of the newest day, some figures of which are so many times what they are."""
    maker, stamp = PAGES[name], day
    if name.startswith("ark"):
        stamp = day + (3 * DAY if day.weekday() == 4 else DAY)
    known = inspect.signature(maker).parameters
    made = {}
    for each in figures:
        if each in known and (name, each) not in UNREAD:
            number = float(str(known[each].default).replace(",", "")) * factor
            is_whole = each == "shares" or (each == "held" and name.startswith(("ark", "vaneck")))
            made[each] = None if blank else round(number) if is_whole else number
    if factor == 1 and not blank:
        made = {}
    if name.startswith("fidelity"):
        made["nav_day"] = f"{DAYS[DAYS.index(day) - 1] if day in DAYS else day:%Y-%m-%d}"
    return maker(day=f"{stamp:%m/%d/%Y}" if name.startswith("ark") else f"{stamp}", **made)


def verdict(kept: Kept, name, content, at=NOW):
    """What failed, once a page was filed and read, and whether nothing that was known has changed."""
    before = kept.rows(name).rows() if kept.lake.has(name.partition("/")[0], fund_days.TABLE) else []
    failures = kept.put(name, content, at)
    return failures, kept.rows(name).rows() == before


def test_every_source_of_an_issuer_has_pages_here():
    named = {name.partition("/")[0] for name in (*PAGES, *HISTORIES)}
    assert named == {source.name for source in registry.sources() if source.table == fund_days.TABLE}
    assert all(
        registry.source(name).vet is fund_days.vet and registry.source(name).rules == fund_days.RULES for name in named
    )


@pytest.mark.parametrize("name", HISTORIES)
def test_a_sound_history_is_read_and_again_a_day_later(name, kept):
    assert kept.put(name, history(name, DAYS[:-1])) == ()
    assert kept.put(name, history(name), NOW + timedelta(hours=1)) == ()


@pytest.mark.parametrize("shift", [DAY, -DAY, -52 * WEEK, -365 * DAY, -104 * WEEK])
@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_that_is_misdated_is_refused(name, shift, kept):
    failures, is_same = verdict(kept, name, history(name, [day + shift for day in DAYS[:-1]]))
    assert len(failures) == 1
    assert is_same


@pytest.mark.parametrize("name", HISTORIES)
def test_closed_days_that_repeat_the_one_before_are_read(name, kept):
    """As VanEck publishes weekends."""
    maker, nav, shares = HISTORIES[name]
    days = [DAYS[-40] + n * DAY for n in range((DAYS[-1] - DAYS[-40]).days + 1)]
    values = {day: round(nav * (1 + n % 7 / 100), 2) for n, day in enumerate(DAYS)}
    rows = [(day, values[max(each for each in DAYS if each <= day)], shares) for day in days]
    assert kept.put(name, maker(rows)) == ()


@pytest.mark.parametrize("day", [date(2026, 10, 4), date(2026, 9, 7), date(2024, 10, 8), date(2026, 7, 10)])
@pytest.mark.parametrize("name", OF_NOW)
def test_a_page_of_now_that_is_of_a_closed_day_or_long_ago_is_refused(name, day, kept):
    """A Sunday, a holiday, another year, and month and day exchanged."""
    if name.startswith("ark"):
        day += DAY * (day == date(2026, 10, 4)) * -1  # stamped on Sunday
    failures, is_same = verdict(kept, name, of_now(name, day))
    assert len(failures) == 1
    assert "business day" in failures[0] or "days are wrong" in failures[0]
    assert is_same


@pytest.mark.parametrize("name", OF_NOW)
def test_a_page_of_now_without_a_figure_is_refused_in_one_sentence(name, kept):
    (failure,) = kept.put(name, of_now(name, blank=True))
    assert "\n" not in failure
    assert kept.rows(name).is_empty()


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_without_a_figure_is_refused_in_one_sentence(name):
    source, _, resource = name.partition("/")
    cells = registry.source(source).read(history(name), resource)
    blank = pl.when(pl.col("metric") == "nav_usd").then(None).otherwise("value")
    with pytest.raises(PageRefused, match=r"^it has no nav_usd on any day: [^\n]*$"):
        fund_days.vet(cells.with_columns(value=blank), Sessions([], DAYS[-1]))


@pytest.mark.parametrize("kind", [{"money": 100}, {"money": 0.001}, {"count": 1000}])
@pytest.mark.parametrize("name", HISTORIES)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_history_in_other_units_is_held(name, kind, is_first, kept):
    if (is_first and name in UNFILED) or (name == "invesco/BTCO_navs" and "count" in kind):
        return
    if not is_first:
        assert kept.put(name, history(name, DAYS[:-5]), NOW - timedelta(hours=1)) == ()
    failures, is_same = verdict(kept, name, history(name, DAYS[-4:], **kind))
    assert len(failures) == 1
    assert is_same


@pytest.mark.parametrize("factor", [1000, 10, 0.1, 0.001])
@pytest.mark.parametrize("figures", [COUNTS, MONEY, COINS, *((each,) for each in FIGURES)], ids=str)
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("name", OF_NOW)
def test_a_page_of_now_in_other_units_is_held_or_refused(name, figures, factor, is_first, kept):
    whole, scaled = of_now(name), of_now(name, factor=factor, figures=figures)
    if whole == scaled or (is_first and (name in UNFILED or factor in (10, 0.1))):
        return
    if not is_first:
        assert kept.put(name, of_now(name, DAYS[-2]), NOW - DAY) == ()
    failures, is_same = verdict(kept, name, scaled)
    assert len(failures) == 1
    assert is_same


@pytest.mark.parametrize("name", OF_NOW)
def test_a_page_of_now_that_goes_back_and_says_otherwise_is_held(name, kept):
    for back, day in ((2, DAYS[-3]), (1, DAYS[-2]), (0, DAYS[-1])):
        assert kept.put(name, of_now(name, day), NOW - back * DAY) == ()
    failures, is_same = verdict(
        kept, name, of_now(name, DAYS[-3], factor=0.9, figures=COUNTS), NOW + timedelta(hours=1)
    )
    assert len(failures) == 1
    assert "newest day only" in failures[0]
    assert is_same
    assert kept.put(name, of_now(name, DAYS[-3]), NOW + timedelta(hours=2)) == ()  # an old copy of a page


@pytest.mark.parametrize("name", OF_NOW)
def test_a_page_of_now_may_correct_its_day_a_little_and_says_so(name, kept):
    assert kept.put(name, of_now(name), NOW) == ()
    assert kept.put(name, of_now(name, factor=0.99, figures=COUNTS), NOW + timedelta(hours=1)) == ()
    assert kept.lake.read(name.partition("/")[0], "findings", {})["kind"].to_list()[0] == "figure_changed"
    failures, is_same = verdict(kept, name, of_now(name, factor=0.7, figures=COUNTS), NOW + timedelta(hours=2))
    assert len(failures) == 1
    assert is_same


@pytest.mark.parametrize("name", [name for name in HISTORIES if name != "wisdomtree/BTCW"])
def test_what_somebody_accepts_is_the_scale_from_then_on(name, kept):
    """A fund that grew that much, or a split that no filing has."""
    source, _, resource = name.partition("/")
    kept.put(name, history(name, DAYS[-60:-5]), NOW - timedelta(hours=1))
    kept.archive.put(
        source,
        resource,
        Served("https://made/", history(name, DAYS[-5:-1], money=10), NOW),
        registry.source(source).ext,
    )
    assert len(refresh(registry.source(source), kept.archive, kept.lake, "live", NOW).failures) == 1
    capture = kept.archive.captures(source)[0][-1]
    decision = reading.decision(
        registry.source(source), kept.archive, kept.lake, f"{resource}/{capture.file.split('.')[0]}", True, NOW
    )
    decisions.record(kept.archive, source, decision, NOW)
    assert kept.put(name, history(name, DAYS[-5:], money=10), NOW + timedelta(hours=1)) == ()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("grayscale/GBTC", "grayscale/ETHE"),
        ("grayscale/GBTC", "grayscale/BTC"),
        ("twentyone/ARKB", "twentyone/TETH"),
        ("franklin/EZBC", "franklin/EZET"),
        ("franklin/EZBC", "franklin/XRPZ"),
    ],
)
def test_a_history_that_is_another_funds_is_held(right, wrong, kept):
    assert kept.put(right, history(right), NOW - timedelta(hours=1)) == ()
    content = history(right)
    if right.startswith("grayscale"):  # without the column that names the fund
        content = content_without_ticker()
    failures, is_same = verdict(kept, wrong, content)
    assert len(failures) == 1
    assert f"are those of {right.partition('/')[2]}" in failures[0]
    assert is_same


def content_without_ticker():
    """The workbook of GBTC whose column of tickers has another name."""
    _, nav, shares = HISTORIES["grayscale/GBTC"]
    rows = [(day, round(nav * (1 + n % 7 / 100), 2), shares) for n, day in enumerate(DAYS)]
    return fund_pages.grayscale_history(rows, ticker=None)


def test_a_workbook_that_names_another_fund_is_refused(kept):
    _, nav, shares = HISTORIES["grayscale/GBTC"]
    (failure,) = kept.put("grayscale/GBTC", fund_pages.grayscale_history([(DAYS[-1], nav, shares)], ticker="BTC"))
    assert "figures of 'BTC' where those of GBTC belong" in failure


@pytest.mark.parametrize("coin", ["Bitcoin Cash", "Bitcoin Futures", "Bitcoin Strategy Fund"])
@pytest.mark.parametrize(
    ("name", "field"), [("ark/ARKB_holdings", "company"), ("bitwise/BITB", "coin"), ("vaneck/HODL_holdings", "coin")]
)
def test_a_coin_whose_name_begins_alike_is_another(name, field, coin, kept):
    (failure,) = kept.put(name, PAGES[name](**{field: coin}))
    assert "expected one" in failure


@pytest.mark.parametrize(("ticker", "coin", "usd"), [("BSOL", "SOLANA", 100), ("ETHW", "ETHER", 2_500)])
def test_coins_and_net_assets_that_make_no_price_of_the_coin_are_held(ticker, coin, usd, kept):
    """A first page of a fund that has no filing."""
    name, held = f"bitwise/{ticker}", 6_000_000
    (failure,) = kept.put(
        name, fund_pages.bitwise(coin=coin, assets=held * usd, shares=held, held=held * 1000, nav=usd)
    )
    assert "US$ 0.1 a coin" in failure or "US$ 2.5 a coin" in failure
    sound = fund_pages.bitwise(coin=coin, assets=held * usd, shares=held, held=held, nav=usd)
    assert kept.put(name, sound, NOW + timedelta(hours=1)) == ()


def test_a_count_is_held_against_net_assets_that_it_implies(kept):
    """A tenth of a count might be a split, were the NAV another too."""
    (failure,) = kept.put("wisdomtree/BTCW", fund_pages.wisdomtree(shares=16_500_000, thousands=None))
    assert "net_assets_usd of BTCW on 2026-10-07" in failure
