"""Pages with one thing wrong, after weeks of good ones: none changes more of what is known than a single figure."""

import random
from collections import Counter
from contextlib import suppress
from datetime import date, datetime

from flow_tables import Table, evening, seen, truth
from mutations import MUTATIONS

from ingestion.calendar import sessions
from ingestion.errors import PageRefused
from ingestion.formats import flow_table
from ingestion.judgement import known as knowledge
from ingestion.judgement.judge import Judge, Page, Read
from ingestion.judgement.known import Key
from ingestion.lake.observations import TOTAL
from ingestion.source import Rules, Sessions
from ingestion.sources import farside

PAGES = 500
SESSIONS = sessions(date(2025, 1, 2), date(2025, 6, 30))


def page(name: str, table: Table, at: datetime) -> Page:
    """A page as the lake reads it."""
    opened = SESSIONS.filter(SESSIONS["opens_at"] <= at)
    closed = SESSIONS.filter(SESSIONS["closes_at"] <= at)
    counted = Sessions(opened["session_date"].to_list(), closed["session_date"][-1])
    cells, _ = flow_table.vet(farside.frame(farside.parse(table.page()), "btc_all"), counted)
    return Page(name, knowledge.cells_of(cells), counted.settled_until(Rules().settled_after))


def watched(table: Table, until: int) -> Judge:
    """A judge who has seen the page of every evening, a fund or two being late."""
    judge = Judge(Rules(), {})
    for at in range(5, until):
        day = table.days[at]
        whole = seen(table, day, blank=[table.funds[at % 5]] if at % 3 == 0 else [])
        found = judge.judge(page(f"btc/{at}", whole if at % 4 == 0 else whole.last(15), evening(day)))
        assert isinstance(found, Read), found
    return judge


def test_no_page_with_one_thing_wrong_changes_settled_history(capsys):
    rolled, counts, missed = random.Random(20261126), Counter[str](), Counter[str]()
    for number in range(PAGES):
        if number % 125 == 0:
            table = truth(number)
            judge = watched(table, 35)
        mutate, day = MUTATIONS[number % len(MUTATIONS)], table.days[35]
        wrong = seen(table, day) if number % 2 else seen(table, day).last(15)
        mutate(rolled, wrong)
        trial = judge.copy()
        try:
            found = trial.judge(page("btc/wrong", wrong, evening(day)))
        except PageRefused:
            counts["refused"] += 1
            continue
        counts["read" if isinstance(found, Read) else "held"] += 1
        changed = changes(judge, trial)
        assert len(changed) <= Rules().most_nonzero, (mutate.__name__, changed)
        missed[mutate.__name__] += bool(changed)
    with capsys.disabled():
        print(
            f"\n{PAGES} pages of flows with one thing wrong: {dict(counts)}; a known figure changed in {+missed or 0}"
        )
    assert counts["refused"] > 100
    assert counts["held"] > 100


def changes(before: Judge, after: Judge) -> list[Key]:
    """The nonzero figures that a judge knew and has otherwise now."""
    return [
        key
        for key, cell in before.known.items()
        if key.ticker != TOTAL and cell.value and after.known[key].value != cell.value
    ]


def test_every_good_page_after_a_wrong_one_is_read():
    rolled = random.Random(7)
    table = truth(7)
    judge = watched(table, 35)
    for mutate in MUTATIONS:
        trial, wrong = judge.copy(), seen(table, table.days[35])
        mutate(rolled, wrong)
        with suppress(PageRefused):
            trial.judge(page("btc/wrong", wrong, evening(table.days[35])))
        for at in (36, 37):
            found = trial.judge(page(f"btc/{at}", seen(table, table.days[at]), evening(table.days[at])))
            assert isinstance(found, Read), (mutate.__name__, found)
        # What it said of its own newest day counts until the next page; all else is as it is.
        right = {
            (key.value_date, key.ticker): cell.value for key, cell in trial.known.items() if key.ticker in table.funds
        }
        assert all(
            right.get((day, fund)) == (None if text is None else round(float(text) * 1e6))
            for (day, fund), text in table.cells.items()
            if day <= table.days[37]
        ), mutate.__name__
