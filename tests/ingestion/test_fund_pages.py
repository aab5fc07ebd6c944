"""What a page that states a fund's day has to be, whichever issuer serves it."""

import inspect
from datetime import date, datetime, timedelta
from typing import NamedTuple

import fund_pages
import pytest

from ingestion import registry
from ingestion.archive import Archive, Served
from ingestion.errors import PageRefused
from ingestion.formats import fund_days
from ingestion.lake.tables import Lake
from ingestion.refresh import refresh

PAGES = {
    "ark/ARKB_holdings": fund_pages.ark,
    "bitwise/BITB": fund_pages.bitwise,
    "canary/daily": fund_pages.canary,
    "coinshares/BRRR": fund_pages.coinshares,
    "fidelity/FBTC": fund_pages.fidelity,
    "franklin/EZBC_facts": fund_pages.franklin,
    "invesco/BTCO_details": fund_pages.invesco_details,
    "invesco/BTCO_prices": fund_pages.invesco_prices,
    "morgan_stanley/MSBT": fund_pages.morgan_stanley,
    "vaneck/HODL_holdings": fund_pages.vaneck,
    "wisdomtree/BTCW": fund_pages.wisdomtree,
}
"""A maker of a sound page of 2026-10-07 for each source."""

FIGURES = ("assets", "held", "nav", "per_share", "shares")
UNREAD = {("bitwise/BITB", "nav")}
"""The printed NAV of another session, which is compared only."""

HISTORIES = ("canary/daily", "wisdomtree/BTCW")
"""Pages with every day; so many early ones as make another fund's are counted by `fund_days`."""

NOW = datetime(2026, 10, 8, 12)
DAY = date(2026, 10, 7)
LIARS = {
    "challenge": b"<!DOCTYPE html><html><title>Just a moment...</title><body>cf_chl</body></html>",
    "stub": b"<html><body>Please enable JavaScript</body></html>",
    "nothing": b"",
    "no object": b"{}",
    "no list": b"[]",
    "an error": b'{"error": "unauthorized", "status": 401}',
    "another file": b"PK\x03\x04\x00\xff",
}


def read(name, content):
    """The cells of a page that can be trusted by itself."""
    source, _, resource = name.partition("/")
    return registry.source(source).read(content, resource)


def figures():
    """Each figure that the page of a source has, as parameters of a test."""
    return [
        (name, figure)
        for name, page in PAGES.items()
        for figure in FIGURES
        if figure in inspect.signature(page).parameters and (name, figure) not in UNREAD
    ]


class Kept(NamedTuple):
    """An archive that pages are filed in, and a lake that they are read into."""

    archive: Archive
    lake: Lake

    def put(self, name, content, at=NOW):
        """What failed once a page was filed and read."""
        source, _, resource = name.partition("/")
        self.archive.put(source, resource, Served("https://made/", content, at), registry.source(source).ext)
        return refresh(registry.source(source), self.archive, self.lake, "live", at).failures

    def rows(self, name):
        """All that the lake has of a source."""
        source = registry.source(name.partition("/")[0])
        return self.lake.read(source.name, source.table, source.schema)


@pytest.fixture
def kept(tmp_path):
    return Kept(Archive(tmp_path / "archive"), Lake(tmp_path / "lake"))


@pytest.mark.parametrize("name", PAGES)
def test_a_sound_page_has_the_figures_of_its_day(name, kept):
    assert kept.put(name, PAGES[name]()) == ()
    rows = kept.rows(name)
    assert DAY in set(rows["value_date"])
    assert {*rows["metric"]} <= {*fund_days.METRICS}
    assert (rows["value"] > 0).all()


@pytest.mark.parametrize("liar", LIARS)
@pytest.mark.parametrize("name", PAGES)
def test_what_is_no_page_of_a_fund_is_refused_in_one_sentence(name, liar):
    with pytest.raises(PageRefused) as caught:
        read(name, LIARS[liar])
    assert "\n" not in str(caught.value)
    assert "look at the archived" in str(caught.value)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_is_cut_off_is_refused_or_says_the_same(name):
    whole, content = read(name, PAGES[name]()), PAGES[name]()
    said = 0
    for length in range(0, len(content), 5):
        try:
            cells = read(name, content[:length])
        except PageRefused:
            continue
        said += 1
        assert cells.equals(whole)
    assert said < 12  # behind the last figure


@pytest.mark.parametrize("text", [0, -5, "0", "-1", "NaN", "Infinity", "1e999", "five", "1.2.3", "12,34"])
@pytest.mark.parametrize(("name", "figure"), figures())
def test_a_figure_that_cannot_be_is_refused(name, figure, text):
    with pytest.raises(PageRefused):
        read(name, PAGES[name](**{figure: text}))


@pytest.mark.parametrize(("name", "figure"), [each for each in figures() if each[0] not in HISTORIES])
def test_a_figure_that_is_not_there_is_refused(name, figure):
    with pytest.raises(PageRefused) as caught:
        read(name, PAGES[name](**{figure: None}))
    assert name.startswith("ark") or "'None'" not in str(caught.value)


@pytest.mark.parametrize("by", [1000, 0.001])
@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("bitwise/BITB", "assets"),
        ("bitwise/BITB", "shares"),
        ("coinshares/BRRR", "assets"),
        ("coinshares/BRRR", "nav"),
        ("coinshares/BRRR", "shares"),
        ("invesco/BTCO_details", "assets"),
        ("invesco/BTCO_prices", "nav"),
        ("invesco/BTCO_prices", "shares"),
        ("morgan_stanley/MSBT", "nav"),
        ("morgan_stanley/MSBT", "shares"),
        ("wisdomtree/BTCW", "nav"),
        ("wisdomtree/BTCW", "shares"),
        ("wisdomtree/BTCW", "thousands"),
    ],
)
def test_a_figure_in_other_units_is_refused(name, figure, by):
    maker = fund_pages.wisdomtree_day if figure == "thousands" else PAGES[name]
    default = inspect.signature(maker).parameters[figure].default
    scaled = float(str(default).replace(",", "")) * by
    text = round(scaled) if figure == "shares" else scaled
    with pytest.raises(PageRefused, match=r"units|no fund has"):
        read(name, PAGES[name](**{figure: text}))


@pytest.mark.parametrize("figures", [{"held": 183_166_983.6}, {"held": 5}, {"per_share": 0.00000087456}])
def test_coins_and_coins_per_share_that_make_shares_which_no_fund_has_are_refused(figures):
    with pytest.raises(PageRefused, match="shares on 2026-10-07, which no fund has"):
        read("fidelity/FBTC", fund_pages.fidelity(**figures))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ark/ARKB_holdings", fund_pages.ark(fund="ARKW")),
        ("ark/ARKB_holdings", fund_pages.ark(company="COINBASE")),
        ("bitwise/BITB", fund_pages.bitwise(coin="SOLANA")),
        ("canary/daily", fund_pages.canary(fund_pages.canary_row(ticker="OTHR"))),
        ("canary/daily", fund_pages.canary(table="45")),
        ("coinshares/BRRR", fund_pages.coinshares(fund="WGMI")),
        ("fidelity/FBTC", fund_pages.fidelity(symbol="FETH")),
        ("invesco/BTCO_prices", fund_pages.invesco_prices(cusip="46148D107")),
        ("invesco/BTCO_prices", fund_pages.invesco_details()),
        ("invesco/BTCO_details", fund_pages.invesco_prices()),
        ("invesco/BTCO_navs", fund_pages.invesco_prices()),
        ("franklin/EZBC", fund_pages.franklin()),
        ("vaneck/HODL", fund_pages.vaneck()),
        ("vaneck/HODL_holdings", fund_pages.vaneck(coin="Ether")),
        ("vaneck/HODL_holdings", fund_pages.vaneck(coin="Solana")),
        ("wisdomtree/BTCW", fund_pages.wisdomtree(ticker="QGRW LN")),
    ],
)
def test_another_funds_page_or_the_answer_to_another_question_is_refused(name, content):
    with pytest.raises(PageRefused):
        read(name, content)


@pytest.mark.parametrize("name", [name for name in PAGES if name not in HISTORIES])
def test_a_day_before_there_were_such_funds_is_refused(name):
    with pytest.raises(PageRefused):
        read(name, PAGES[name](day="2023-12-29"))


@pytest.mark.parametrize("day", ["2026-02-30", "yesterday", "", "20261007"])
@pytest.mark.parametrize("name", PAGES)
def test_a_day_that_cannot_be_is_refused(name, day):
    with pytest.raises(PageRefused):
        read(name, PAGES[name](day=day))


@pytest.mark.parametrize("name", PAGES)
def test_a_day_in_the_future_changes_nothing(name, kept):
    kept.put(name, PAGES[name]())
    before = kept.rows(name)
    future = "10/14/2026" if name.startswith("ark") else "2026-10-13"
    (failure,) = kept.put(name, PAGES[name](day=future), NOW + timedelta(hours=1))
    assert "later than 2026-10-0" in failure
    assert kept.rows(name).equals(before)


@pytest.mark.parametrize("name", PAGES)
def test_a_stale_page_is_no_new_day(name, kept):
    kept.put(name, PAGES[name]())
    before = kept.rows(name)
    assert kept.put(name, PAGES[name](), NOW + timedelta(days=1)) == ()
    assert kept.rows(name).equals(before)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("bitwise/BITB", "sharesOutstanding"),
        ("bitwise/BITB", "netAssets"),
        ("bitwise/BITB", "basket"),
        ("bitwise/BITB", "__NEXT_DATA__"),
        ("canary/daily", "Rate Date"),
        ("canary/daily", "Shares Outstanding"),
        ("coinshares/BRRR", "sharesoutstanding"),
        ("coinshares/BRRR", "RateDate"),
        ("coinshares/BRRR", "shares"),
        ("fidelity/FBTC", "cryptoDetails"),
        ("fidelity/FBTC", "unitPerShare"),
        ("franklin/EZBC_facts", "SHARES_OUTSTANDING"),
        ("franklin/EZBC_facts", "elemvalue"),
        ("invesco/BTCO_details", "units"),
        ("invesco/BTCO_prices", "sharesOutstanding"),
        ("invesco/BTCO_prices", "effectiveDate"),
        ("morgan_stanley/MSBT", "outstandingShares"),
        ("morgan_stanley/MSBT", "pricings"),
        ("vaneck/HODL_holdings", "Shares"),
        ("wisdomtree/BTCW", "sharesOutstanding"),
        ("ark/ARKB_holdings", "shares"),
    ],
)
def test_a_figure_under_another_name_is_not_passed_over(name, key):
    content = PAGES[name]()
    assert key.encode() in content
    with pytest.raises(PageRefused):
        read(name, content.replace(key.encode(), b"renamed"))


def test_figures_of_two_days_stay_on_theirs():
    found = {metric: day for day, metric in read("fidelity/FBTC", fund_pages.fidelity())["value_date", "metric"].rows()}
    assert found == {"native_held": DAY, "native_per_share": DAY, "nav_usd": date(2026, 10, 6)}
