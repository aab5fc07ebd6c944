"""Pages of flows read into a lake: what is held back, what decides, and that nothing shrinks."""

import hashlib
import random
import shutil
from datetime import date, datetime, time, timedelta
from pathlib import Path

import polars as pl
import pytest
from flow_tables import Table, evening, seen, truth
from mutations import times_1000

from ingestion import decisions, fund_facts
from ingestion.archive import Archive, Capture, Served
from ingestion.decisions import Decision
from ingestion.judgement.known import KNOWN
from ingestion.lake.observations import FINDINGS, newest_state
from ingestion.lake.tables import Lake
from ingestion.refresh import RefreshResult, refresh
from ingestion.sample.pages import workbook
from ingestion.sources import farside, ishares

NOW = datetime(2025, 12, 1)
TABLE = truth(1)
DAYS = TABLE.days


class Home:
    """An archive and a lake, and the pages of the evenings of a table of flows."""

    def __init__(self, root: Path):
        self.archive, self.lake = Archive(root / "archive"), Lake(root / "lake")

    def put(self, table: Table, at: datetime, resource: str = "btc_all") -> Capture:
        return self.archive.put("farside", resource, Served(farside.URLS[resource], table.page(), at), "html")

    def put_evening(self, day: date, table: Table = TABLE) -> Capture:
        return self.put(seen(table, day), evening(day))

    def read(self, source=farside.SOURCE) -> RefreshResult:
        return refresh(source, self.archive, self.lake, "replay", NOW)

    def decide(self, kind, capture: Capture, figures=()) -> RefreshResult:
        decisions.record(self.archive, "farside", Decision(name(capture), kind, tuple(figures)), NOW)
        return self.read()

    def judge_again(self) -> None:
        """As if the pages had been judged by other facts before."""
        self.lake.write_record("farside", "judged.json", "{}")

    def lose_tables(self) -> None:
        """As somebody does who removes the source's folder of the lake, as messages advise."""
        shutil.rmtree(self.lake.root / "farside")

    @property
    def verdicts(self) -> list[str]:
        return self.lake.read("farside", "captures", {}).sort("fetched_at")["verdict"].to_list()

    @property
    def findings(self) -> list[tuple[str, str, date]]:
        return self.lake.read("farside", FINDINGS, {}).select("kind", "ticker", "value_date").rows()

    @property
    def figures(self) -> dict[tuple[date, str], float | None]:
        rows = newest_state(self.lake.read("farside", "flows", {}), farside.KEY)
        return {(day, ticker): value for day, ticker, value in rows.select("value_date", "ticker", "value").iter_rows()}

    @property
    def tables(self) -> list[pl.DataFrame]:
        return [self.lake.read("farside", table, {}) for table in ("flows", "captures", FINDINGS, KNOWN)]


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def name(capture: Capture) -> str:
    return f"{capture.resource}/{capture.file.split('.')[0]}"


def expected(table: Table, until: date) -> dict[tuple[date, str], float | None]:
    figures = {key: None if text is None else round(float(text) * 1e6) for key, text in table.cells.items()}
    totals = {(day, "TOTAL"): round(float(table.total(day)) * 1e6) for day in table.days}
    return {key: value for key, value in (figures | totals).items() if key[0] <= until}


def wrong_page(day: date, factor: str = "2") -> Table:
    """Every figure times something."""
    table = seen(TABLE, day)
    table.cells = {key: text and f"{float(text) * float(factor):.1f}" for key, text in table.cells.items()}
    return table


def test_a_page_that_rewrites_history_is_held_and_the_next_good_one_read(home):
    for day in DAYS[10:14]:
        home.put_evening(day)
    assert home.read().failures == ()
    before = home.figures
    held = home.put(wrong_page(DAYS[14]), evening(DAYS[14]))
    (failure,) = home.read().failures
    assert failure.startswith(f"btc_all/{held.file}: it is held back: it would change ")
    assert failure.endswith(
        f": run `flowhouse accept farside/{name(held)}` if it is right, else `flowhouse reject farside/{name(held)}`."
    )
    assert home.figures == before
    home.put_evening(DAYS[15])
    assert home.read().failures == ()
    assert home.verdicts == ["read"] * 4 + ["held", "read"]
    assert home.figures == expected(TABLE, DAYS[15])


def test_many_held_pages_are_one_failure_of_their_resource(home):
    for day in DAYS[10:14]:
        home.put_evening(day)
    for day in DAYS[14:20]:
        home.put(wrong_page(day), evening(day))
    (failure,) = home.read().failures
    assert "6 captures are held back, of which this newest: it would change" in failure


def test_what_is_read_bit_by_bit_is_what_is_read_at_once(tmp_path):
    rolled = random.Random(3)
    parts, whole = Home(tmp_path / "parts"), Home(tmp_path / "whole")
    for at, day in enumerate(DAYS[5:25]):
        table = seen(TABLE, day, blank=rolled.sample(TABLE.funds, 2))
        if at % 5 == 3:
            table = wrong_page(day)
        if at == 8:
            times_1000(rolled, table)
        for home in (parts, whole):
            home.put(table, evening(day))
            if at % 3 == 0:
                home.put(table.last(15), evening(day) + timedelta(hours=1), "btc")
        parts.read()
    whole.read()
    assert [table.rows() for table in parts.tables] == [table.rows() for table in whole.tables]
    assert "held" in whole.verdicts


def accepted(home: Home, table: Table) -> list[tuple]:
    return [
        ("BTC", fund, day, "net_flow_usd", value)
        for (day, fund), value in expected(table, DAYS[39]).items()
        if fund != "TOTAL" and value is not None
    ]


def test_a_restatement_gets_in_by_accept_with_the_pages_that_show_it_too(home):
    for day in DAYS[10:14]:
        home.put_evening(day)
    restated = [home.put(wrong_page(day), evening(day)) for day in DAYS[14:20]]
    assert len(home.read().failures) == 1
    assert home.decide("accept", restated[2], accepted(home, wrong_page(DAYS[16]))).failures == ()
    assert home.verdicts == ["read"] * 10
    assert home.figures == expected(wrong_page(DAYS[19]), DAYS[19])
    (first,) = home.lake.read("farside", "flows", {}).filter(
        pl.col("value_date") == DAYS[3], pl.col("ticker") == "TOTAL", pl.col("archive_sha256") == restated[0].sha256
    )["observed_at"]
    assert first == restated[0].fetched_at  # as known then, not when it was accepted


def test_a_rejected_capture_is_left_out_and_accept_takes_that_back(home):
    home.put_evening(DAYS[10])
    bad = home.put(wrong_page(DAYS[11], "1.0"), evening(DAYS[11]))
    home.put_evening(DAYS[12])
    home.read()
    before = home.tables
    assert home.decide("reject", bad).failures == ()
    assert home.verdicts == ["read", "rejected", "read"]
    assert bad.sha256 not in home.lake.read("farside", "flows", {})["archive_sha256"]
    home.decide("accept", bad)
    assert [table.rows() for table in home.tables] == [table.rows() for table in before]


def test_a_capture_that_was_removed_leaves_nothing_behind(home):
    home.put_evening(DAYS[10])
    home.put_evening(DAYS[11])
    table = seen(TABLE, DAYS[12])
    table.cells[DAYS[3], "IBIT"] = "77.7"
    bad = home.put(table, evening(DAYS[12]))
    home.read()
    assert home.figures[DAYS[3], "IBIT"] == 77_700_000
    for path in (home.archive.root / "farside").rglob(f"{bad.file.split('.')[0]}.*"):
        path.unlink()
    result = home.read()
    assert result.failures == ()
    assert result.repaired == (f"archive/farside/{name(bad)} was removed: what it alone had shown is left out.",)
    assert home.figures == expected(TABLE, DAYS[11])
    assert home.findings == []


def test_an_archive_that_is_gone_takes_nothing_along(home):
    for day in DAYS[10:14]:
        home.put_evening(day)
    home.read()
    before = home.figures
    for path in (home.archive.root / "farside" / "btc_all").iterdir():
        path.unlink()
    (failure,) = home.read().failures
    assert "lacks 4 captures that were read once" in failure
    assert home.figures == before


@pytest.mark.parametrize("is_by_bits", [False, True])
def test_of_two_pages_the_third_decides(home, is_by_bits):
    """A wrong page that comes first is found out by the two after it; where it was read before, somebody is told."""
    wrong = home.put(wrong_page(DAYS[10]), evening(DAYS[10]))
    if is_by_bits:
        home.read()
    for day in DAYS[11:14]:
        home.put_evening(day)
        if is_by_bits:
            home.read()
    failures = home.read().failures
    assert [f"{name(wrong)}.html: it is held back: it alone shows what btc_all/" in each for each in failures] == [
        True
    ] * is_by_bits
    assert home.verdicts == ["left" if is_by_bits else "held", "read", "read", "read"]
    assert home.figures == expected(TABLE, DAYS[13])
    assert wrong.sha256 not in home.lake.read("farside", "flows", {})["archive_sha256"]
    before = home.tables
    home.judge_again()
    assert len(home.read().failures) == is_by_bits
    assert [table.rows() for table in home.tables][::2] == [table.rows() for table in before][::2]


def test_the_same_bytes_again_are_no_second_witness(home):
    home.put_evening(DAYS[12])
    before = home.read() and home.figures
    for hour in range(1, 4):
        home.put(wrong_page(DAYS[12]), evening(DAYS[12]) + timedelta(hours=hour))
        assert len(home.read().failures) == 1
    assert home.figures == before
    home.put_evening(DAYS[13])
    assert home.read().failures == ()


def test_a_page_is_not_left_out_for_those_that_do_not_show_all_it_shows(home):
    """Two wrong short pages against a long one: its history would be gone."""
    home.put_evening(DAYS[30])
    home.read()
    for number, day in enumerate(DAYS[31:33]):
        home.put(wrong_page(day).last(10), evening(day), "btc")
        assert len(home.read().failures) == 1, number
    assert home.figures == expected(TABLE, DAYS[30])
    home.put_evening(DAYS[33])
    home.put(seen(TABLE, DAYS[33]).last(10), evening(DAYS[33]) + timedelta(hours=1), "btc")
    assert home.read().failures == ()
    assert home.figures == expected(TABLE, DAYS[33])


def test_a_capture_without_its_provenance_was_not_removed(home):
    capture = home.put_evening(DAYS[10])
    home.put_evening(DAYS[11])
    home.read()
    (home.archive.root / "farside" / f"{name(capture)}.meta.json").unlink()
    (failure,) = home.read().failures
    assert failure == (
        f"farside/{name(capture)}.html has lost its provenance record: restore its meta.json, or remove both."
    )


@pytest.mark.parametrize("at", range(9))
def test_one_bad_page_among_the_first_nine_is_the_one_left_out(home, at):
    for number, day in enumerate(DAYS[10:19]):
        home.put(wrong_page(day) if number == at else seen(TABLE, day), evening(day))
        home.read()
    home.put_evening(DAYS[19])
    home.read()
    assert home.figures == expected(TABLE, DAYS[19])
    verdict = "held" if at else "left"
    assert home.verdicts == [verdict if number == at else "read" for number in range(10)]


def test_a_late_page_that_contradicts_what_was_read_is_held_itself(home):
    for day in DAYS[12:16]:
        home.put_evening(day)
    home.read()
    before = home.figures
    late = [home.put(wrong_page(day), evening(day)) for day in DAYS[8:11]]
    (failure,) = home.read().failures
    assert "3 captures are held back, of which this newest: it came late and contradicts btc_all/" in failure
    assert home.figures == before
    assert home.verdicts == ["left"] * 3 + ["read"] * 4
    home.lose_tables()
    assert home.read().failures == (failure,)
    assert home.figures == before
    home.put_evening(DAYS[16])
    (again,) = home.read().failures
    assert again == failure  # no newer page makes up for it: somebody has to decide
    home.judge_again()
    assert home.read().failures == (failure,)
    for capture in late:
        home.decide("reject", capture)
    assert home.read().failures == ()


def test_a_late_page_that_agrees_is_read_in_its_place(home):
    for day in DAYS[12:14]:
        home.put_evening(day)
    home.read()
    early = home.put_evening(DAYS[10])
    assert home.read().failures == ()
    assert home.verdicts == ["read"] * 3
    assert early.fetched_at in home.lake.read("farside", "flows", {})["observed_at"]


def test_a_fund_whose_new_name_nobody_knows_counts_once(home):
    for day in DAYS[10:14]:
        home.put_evening(day)
    for day in DAYS[14:18]:
        table = seen(TABLE, day).last(15)
        table.funds[4] = "NEWX"
        table.cells = {(on, "NEWX" if fund == "BTCO" else fund): text for (on, fund), text in table.cells.items()}
        home.put(table, evening(day), "btc")
        assert home.read().failures == ()
    funds = {key: value for key, value in home.figures.items() if key[1] != "TOTAL"}
    sums = {day: sum(value or 0 for (on, _), value in funds.items() if on == day) for day in DAYS[:18]}
    assert sums == {day: expected(TABLE, DAYS[17])[day, "TOTAL"] for day in DAYS[:18]}
    assert {day for day, fund in funds if fund == "NEWX"} == {*DAYS[14:18]}
    assert home.findings == [("renamed_fund", "NEWX", DAYS[0])]


def test_a_mistyped_name_gives_its_figures_back(home):
    """Once the right name is there again: no day is lost to it, and none counts twice."""
    for day in DAYS[10:13]:
        home.put_evening(day)
    typo = seen(TABLE, DAYS[13]).last(15)
    typo.funds[0] = "IBTI"
    typo.cells = {(on, "IBTI" if fund == "IBIT" else fund): text for (on, fund), text in typo.cells.items()}
    home.put(typo, evening(DAYS[13]), "btc")
    assert home.read().failures == ()
    assert (DAYS[13], "IBIT") not in home.figures
    for day in DAYS[14:16]:
        home.put(seen(TABLE, day).last(15), evening(day), "btc")
        assert home.read().failures == ()
    shown = {key: value for key, value in home.figures.items() if value is not None}
    assert shown == expected(TABLE, DAYS[15])


def test_one_changed_figure_is_read_and_told(home):
    for day in DAYS[10:14]:
        home.put_evening(day)
    table = seen(TABLE, DAYS[14])
    day = next(day for day in DAYS if table.cells[day, "IBIT"] not in (None, "0.0"))
    table.cells[day, "IBIT"] = "77.7"
    home.put(table, evening(DAYS[14]))
    assert home.read().failures == ()
    assert home.figures[day, "IBIT"] == 77_700_000
    assert home.findings == [("figure_changed", "IBIT", day)]


@pytest.mark.parametrize("is_by_bits", [False, True])
def test_a_figure_printed_before_the_close_is_seen_anew_after_it(home, is_by_bits):
    """As an observation of its own, from the first capture that still shows it; before, it contradicts nothing."""
    day = DAYS[10]
    noon, night = datetime.combine(day, datetime.min.time()) + timedelta(hours=17), evening(day)
    early = seen(TABLE, day)
    early.cells |= {(day, fund): "0.0" for fund in early.funds} | {(day, "IBIT"): "12.5", (day, "FBTC"): "7.5"}
    after = early.copy()
    after.cells |= {(day, "FBTC"): "1.5", (day, "GBTC"): None, (day, "BTC"): "3.5"}
    for table, at in ((early, noon), (after, night), (after, night + timedelta(hours=1))):
        home.put(table, at)
        if is_by_bits:
            home.read()
    assert home.read().failures == ()
    rows = home.lake.read("farside", "flows", {}).filter(pl.col("value_date") == day).sort("observed_at")
    shown = {
        ticker: [(at, value) for at, value in part.select("observed_at", "raw_text").iter_rows()]
        for (ticker,), part in rows.group_by("ticker")
    }
    assert shown["IBIT"] == [(noon, "12.5"), (night, "12.5")]
    assert shown["FBTC"] == [(noon, "7.5"), (night, "1.5")]
    assert shown["GBTC"] == [(noon, "0.0"), (night, None)]
    assert shown["ARKB"] == [(noon, "0.0"), (night, "0.0")]


@pytest.mark.parametrize(("early", "is_report"), [(timedelta(0), True), (timedelta(seconds=1), False)])
def test_a_session_has_closed_for_a_capture_at_its_very_close(home, early, is_report):
    """What is printed before it is not known of the fund, so that nothing can contradict it."""
    home.put(seen(TABLE, DAYS[10]), datetime.combine(DAYS[10], time(21)) - early)
    home.read()
    known = home.lake.read("farside", KNOWN, {}).filter(pl.col("value_date") == DAYS[10])
    assert known.height == (len(TABLE.funds) + 1 if is_report else 0)


@pytest.mark.parametrize(("early", "is_settled"), [(timedelta(0), True), (timedelta(seconds=1), False)])
def test_a_figure_is_settled_for_a_capture_at_the_very_opening_of_the_third_session_after(home, early, is_settled):
    home.put(seen(TABLE, DAYS[7]), datetime.combine(DAYS[10], time(14, 30)) - early)
    home.read()
    known = home.lake.read("farside", KNOWN, {}).filter(pl.col("value_date") == DAYS[7])
    assert known["is_settled"].unique().to_list() == [is_settled]


@pytest.mark.parametrize("is_greater_first", [True, False])
def test_of_two_pages_of_one_second_the_same_one_is_judged_last_and_read_last(home, is_greater_first):
    """The greater sha256 prevails, whatever the names of the resources."""
    tables = [seen(TABLE, DAYS[10]) for _ in range(2)]
    tables[1].cells[DAYS[10], "IBIT"] = "77.7"
    tables.sort(key=lambda table: hashlib.sha256(table.page()).digest(), reverse=is_greater_first)
    for table, resource in zip(tables, ("btc", "btc_all"), strict=True):
        home.put(table, evening(DAYS[10]), resource)
    home.read()
    prevailing = expected(tables[0 if is_greater_first else 1], DAYS[10])[DAYS[10], "IBIT"]
    known = home.lake.read("farside", KNOWN, {}).filter(value_date=DAYS[10], ticker="IBIT")
    assert home.figures[DAYS[10], "IBIT"] == known["value"].item() == prevailing


def test_a_capture_whose_bytes_are_damaged_stands_until_it_is_restored(home):
    damaged = home.put_evening(DAYS[10])
    path = home.archive.root / "farside/btc_all" / damaged.file
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    home.put_evening(DAYS[11])
    (failure,) = home.read().failures
    assert "does not have the sha256" in failure
    assert home.read().failures == (failure,)
    path.write_bytes(content)
    assert home.read().failures == ()


@pytest.mark.parametrize("content", [b"[", b"", b"null", b"[]", b"{}", b"\xff\xfe\0", b"[" * 100_000])
def test_a_damaged_record_of_decisions_is_named_and_changes_nothing(home, content):
    capture = home.put_evening(DAYS[10])
    home.read()
    before = home.figures
    (home.archive.root / "farside" / f"{name(capture)}.decision.json").write_bytes(content)
    (failure,) = home.read().failures
    assert failure == f"{name(capture)}.decision.json in the archive is not a record of decisions: repair or remove it."
    assert home.figures == before


def test_other_facts_about_funds_have_all_judged_again(home, monkeypatch):
    home.put_evening(DAYS[10])
    home.read()
    assert home.read().captures == 0
    monkeypatch.setattr("ingestion.fund_facts.as_text", lambda: "others")
    assert home.read().captures == 1


def test_facts_by_which_nearly_all_would_be_refused_empty_no_lake(home, monkeypatch):
    """As where a seed row has a wrong first day: the pages were read well once."""
    for day in DAYS[10:14]:
        home.put_evening(day)
    home.read()
    before = home.figures
    wrong = {"IBIT": fund_facts.Fund("BTC", date(2030, 1, 1))}
    monkeypatch.setattr("ingestion.fund_facts.as_text", lambda: "others")
    monkeypatch.setattr("ingestion.fund_facts.funds", lambda: wrong)
    (failure,) = home.read().failures
    assert failure.startswith("farside: read by the rules and facts of now, its captures would leave 0 of 168 figures")
    assert "before its first day, 2030-01-01" in failure
    assert home.figures == before
    capture = home.archive.captures("farside")[0][0]
    home.decide("reject", capture)
    assert home.figures == {}  # who decides is believed


def counts(days: dict[date, tuple[str, str]]) -> bytes:
    return workbook([(day, nav, shares) for day, (nav, shares) in days.items()])


HISTORY = {day: (f"{50 + at}.5", f"{1_000_000_000 + 4_000_000 * at}") for at, day in enumerate(DAYS[:20])}


def put_counts(home: Home, days: dict[date, tuple[str, str]], day: date) -> None:
    home.archive.put("ishares", "IBIT", Served("u", counts(days), evening(day)), "xls")


def test_a_workbook_may_correct_its_newest_days_and_one_older_figure(home):
    put_counts(home, HISTORY, DAYS[19])
    put_counts(home, HISTORY | {DAYS[19]: ("71.5", "999000000"), DAYS[18]: ("70.5", "998000000")}, DAYS[20])
    put_counts(home, HISTORY | {DAYS[3]: ("53.5", "700000000")}, DAYS[21])
    assert home.read(ishares.SOURCE).failures == ()


@pytest.mark.parametrize(
    ("factor", "said"),
    [(3.0, "it restates 36 figures as a split of 3:1 would"), (None, "it would change 18 figures that were known")],
)
def test_a_workbook_that_rewrites_its_history_is_held(home, factor, said):
    put_counts(home, HISTORY, DAYS[19])
    put_counts(home, HISTORY, DAYS[20])
    days = {
        day: (f"{float(nav) / factor:.6f}", str(int(int(shares) * factor))) if factor else (nav, str(int(shares) + 1))
        for day, (nav, shares) in HISTORY.items()
    }
    put_counts(home, days, DAYS[21])
    (failure,) = home.read(ishares.SOURCE).failures
    assert said in failure


def test_the_issuers_counts_say_how_much_of_a_restatement_is_right(home):
    day = next(day for day in DAYS[1:10])
    put_counts(home, {each: ("50", str(1_000_000_000 + 1_000_000 * at)) for at, each in enumerate(DAYS[:20])}, DAYS[20])
    home.read(ishares.SOURCE)
    for each in DAYS[20:22]:
        home.put_evening(each)
    table = seen(TABLE, DAYS[22])
    right = [on for on in DAYS[:12] if table.cells[on, "IBIT"] != "0.0"]
    table.cells |= {(on, "IBIT"): "50.0" for on in right[:4]} | {(on, "IBIT"): "51.0" for on in right[4:6]}
    home.put(table, evening(DAYS[22]))
    (failure,) = home.read().failures
    assert "the issuers' counts confirm 4 of the 6 that they tell of" in failure, day
