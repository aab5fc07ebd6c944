"""Judges pages one after the other, in the order of their captures, from captures and decisions alone.

A page that changes more than its source's rules allow is held back and changes nothing; the next good one is read.
Of 95 recorded pages none was held. Of 1,380 made of them with one thing wrong, of 26 kinds, 26 passed that changed what
was known, one figure each.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from ingestion import fund_facts
from ingestion.formats.fund_days import FEW_DAYS
from ingestion.judgement import known as knowledge
from ingestion.judgement.known import Cells, Key, Known
from ingestion.judgement.renames import without_repeats
from ingestion.judgement.scale import off_scale
from ingestion.lake.observations import TOTAL
from ingestion.source import Finding, Rules

PENDING = 3
"""Pages held back, newest first, that the next one may decide for, of each resource."""

SAMPLES = 3

CORRECTED_BY, RESTATED_BY = 0.05, 0.25
"""How much a page of the newest day may change a figure of a day before the newest known, and of that one: of 48
recorded pages that showed a day again none changed any, and none went back."""

LATE = "it came late and contradicts {}, which was read before"
ALONE = "it alone shows what {} and another contradict"


class Overruled(Exception):
    """Captures turn out to be wrong after they were read: all must be judged again without them.

    Attributes:
        captures: their names.
        by: the capture that shows it.
        figures: what they say and it contradicts; a late capture that says the same is as wrong.
        is_late: whether they came late, and would have one held back that was read well before.
    """

    def __init__(self, captures: Collection[str], by: str, figures: Cells, is_late: bool):
        super().__init__(f"{', '.join(captures)} by {by}")
        self.captures, self.by, self.figures, self.is_late = frozenset(captures), by, figures, is_late


@dataclass(frozen=True)
class Change:
    """A figure that a page contradicts."""

    key: Key
    before: float
    after: float | None

    @property
    def by(self) -> float:
        """Its part of the greater of both figures; all, where one is zero or blank."""
        before, after = abs(self.before), abs(self.after or 0)
        return abs(self.before - (self.after or 0)) / max(before, after)

    def __str__(self) -> str:
        name = f"{self.key.ticker} {self.key.value_date}"
        return f"{name}: {shown(self.key, self.before)} -> {shown(self.key, self.after)}"


@dataclass(frozen=True)
class Held:
    """A page that is held back, and the figures that it would change."""

    reason: str
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Left:
    """A page that is left out for what others say, early or late."""

    reason: str
    is_late: bool


@dataclass(frozen=True)
class Read:
    """A page that is read.

    Attributes:
        repeats: its cells that are left out, since they repeat those of a renamed fund.
        taken_back: cells of another name of a fund, which are blank from now on.
        findings: what is off on it.
    """

    repeats: Collection[Key] = ()
    taken_back: Collection[Key] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Page:
    """A page to judge.

    Attributes:
        capture: its name, `resource/stamp`.
        cells: its figures.
        settled_until: figures of days until then count as settled once it shows them.
        sha256: of its bytes: one that is served again says nothing new.
    """

    capture: str
    cells: Cells
    settled_until: date
    sha256: str = ""


Judgement = Read | Held | Left


def judge_in_order(judge: "Judge", pages: Sequence[Page]) -> tuple[dict[str, Judgement], Known]:
    """What becomes of each page, and what is known then; the judge itself is left as it was.

    Raises:
        Overruled: a capture that is not among the pages must be left out, so that all must be judged again.
    """
    left: dict[str, Left] = {}
    while True:
        trial, found = judge.copy(), dict[str, Judgement]()
        try:
            for page in pages:
                found[page.capture] = left.get(page.capture) or trial.judge(page)
            return found, trial.known
        except Overruled as error:
            if not error.captures <= {page.capture for page in pages}:
                raise
            same = {page.capture for page in pages if page.capture in judge.late and _says(page.cells, error.figures)}
            why = LATE if error.is_late else ALONE
            left |= {each: Left(why.format(error.by), error.is_late) for each in error.captures | same}


def _says(page: Cells, figures: Cells) -> bool:
    return any(page.get(key) == value for key, value in figures.items() if key in page)


@dataclass
class Judge:
    """Judges pages against what is known.

    Attributes:
        rules: the source's.
        known: the state before the next page.
        accepted: figures that somebody has accepted, as (cell, figure).
        trusted: captures that somebody has accepted, whatever the order of their figures.
        was_read: captures that were read well before.
        late: captures that came after a later one was read: where one of `was_read` would be held for what they say,
            they are held instead, so that nothing shrinks.
    """

    rules: Rules
    known: Known
    accepted: Collection[tuple[Key, float | None]] = frozenset()
    trusted: Collection[str] = frozenset()
    was_read: Collection[str] = frozenset()
    late: Collection[str] = frozenset()
    _pending: dict[str, dict[str, Page]] = field(default_factory=lambda: defaultdict(dict))

    def copy(self) -> "Judge":
        """A judge that learns by itself."""
        known = {key: replace(cell) for key, cell in self.known.items()}
        pending = defaultdict(dict, {resource: dict(pages) for resource, pages in self._pending.items()})
        return replace(self, known=known, _pending=pending)

    def judge(self, next_page: Page) -> Read | Held:
        """What becomes of the next page; the state takes it over where it is read.

        Raises:
            Overruled: captures that were read before must be left out, and all judged again.
        """
        capture = next_page.capture
        self._decide(next_page)
        page, findings = next_page.cells, list[Finding]()
        if not self.rules.keeps_scale:  # else a page is of the fund that it was asked for
            page, findings = without_repeats(page, self.known)
        changes = [
            each
            for each in self.changes(page)
            if each.key in next_page.cells and (each.key, each.after) not in self.accepted
        ]
        reason, against = self._why_held(page, changes), None
        if reason is None and self.rules.keeps_scale and capture not in self.trusted:
            reason, against = off_scale(page, self.known) or (None, None)
        if reason is None:
            knowledge.learn(self.known, page, capture, next_page.settled_until)
            self._pending.pop(_resource(capture), None)
            repeats, taken_back = next_page.cells.keys() - page.keys(), page.keys() - next_page.cells.keys()
            return Read(repeats, taken_back, (*findings, *map(_finding, changes)))
        if capture in self.was_read:
            keys = [*(each.key for each in changes), *([against] if against in self.known else [])]
            causes = {self.known[key].set_by for key in keys} & {*self.late}
            if causes:
                raise Overruled(causes, capture, {key: self.known[key].value for key in keys}, is_late=True)
        self.hold(replace(next_page, cells=page))
        return Held(reason, tuple(changes))

    def hold(self, page: Page) -> None:
        """Note a page that is held back: the next one may show that it was right."""
        pending = self._pending[_resource(page.capture)]
        pending[page.capture] = page
        for oldest in [*pending][:-PENDING]:
            del pending[oldest]

    def changes(self, page: Cells) -> list[Change]:
        """The figures that a page contradicts, TOTAL aside."""
        is_of_now = self._is_of_now(page)
        return [
            Change(key, cell.value, value)
            for key, value in page.items()
            if key.ticker != TOTAL
            and (cell := self.known.get(key)) is not None
            and cell.value is not None
            and cell.value != value
            and (is_of_now or self._counts(key, cell, value))
        ]

    def _is_of_now(self, page: Cells) -> bool:
        """Whether a page states a fund's newest day only, so that no later one shows a figure of it again."""
        return self.rules.keeps_scale and len({key.value_date for key in page}) <= FEW_DAYS

    def _is_past(self, key: Key) -> bool:
        """Whether a figure is settled, or a later day of its fund is known."""
        later = (
            each.value_date > key.value_date
            for each, cell in self.known.items()
            if each[:2] == key[:2] and each.metric == key.metric and cell.value is not None
        )
        return self.known[key].is_settled or any(later)

    def _counts(self, key: Key, cell: knowledge.Cell, value: float | None) -> bool:
        """Whether a figure that changes counts: a placeholder may, and so may one before the fund's first day."""
        if self.rules.only_settled or cell.value == 0:
            return cell.is_settled and not (cell.value == 0 and value is None and _is_before_listing(key))
        return True

    def _why_held(self, page: Cells, changes: list[Change]) -> str | None:
        if not changes:
            return None
        if self._is_of_now(page):
            return self._why_not_of_now(changes)
        nonzero = sum(each.before != 0 for each in changes)
        split = _split(changes) if self.rules.only_settled else None
        exchanged = None if self.rules.only_settled else self._exchanged(page, changes)
        if nonzero <= self.rules.most_nonzero and len(changes) <= self.rules.most and exchanged is None:
            return None
        samples = "; ".join(map(str, changes[:SAMPLES])) + ("; ..." if len(changes) > SAMPLES else "")
        what = (
            f"it restates {len(changes):,} figures as a split of {split} would"
            if split
            else f"the figures of {exchanged} stand in each other's places"
            if exchanged
            else f"it would change {len(changes):,} figures that were known, {nonzero:,} of them not zero"
        )
        return f"{what} ({samples})"

    def _why_not_of_now(self, changes: list[Change]) -> str | None:
        """Why a page of the newest day is held: for what it says of days before, or for how far its own is changed."""
        past = [each for each in changes if self._is_past(each.key)]
        far = [each for each in changes if each.by > (CORRECTED_BY if each in past else RESTATED_BY)]
        if len(past) <= self.rules.most and not far:
            return None
        samples = "; ".join(map(str, (far or past)[:SAMPLES]))
        return f"it states the newest day only, and would change what is known of a day ({samples})"

    def _exchanged(self, page: Cells, changes: list[Change]) -> date | None:
        """A day on which all nonzero figures that changed stand in other places, where other cells changed too."""
        before: dict[date, Counter[float]] = defaultdict(Counter)
        after: dict[date, Counter[float | None]] = defaultdict(Counter)
        for each in changes:
            if each.before:
                before[each.key.value_date][each.before] += 1
        for key, value in page.items():
            if key.value_date in before and key.ticker != TOTAL:
                cell = self.known.get(key)
                if value != (cell.value if cell else None):
                    after[key.value_date][value] += 1
        return next((day for day in sorted(before) if before[day] <= after[day]), None)

    def _decide(self, page: Page) -> None:
        """Where one capture stands against one that was held back, the next that sides with either decides.

        Not where it is the same bytes again, nor where figures would be lost that neither of them shows, nor where it
        states the newest day only: one that is misdated is so as long as it stands.

        Raises:
            Overruled: it sides with the one that was held back.
        """
        if self._is_of_now(page.cells):
            return
        for held in [each for pages in self._pending.values() for each in pages.values()]:
            keys = [each.key for each in self.changes(held.cells)]
            first = knowledge.rest_on(self.known, keys) if keys else None
            shown = [key for key in keys if key in page.cells]
            if first is None or not shown or any(page.cells[key] != held.cells[key] for key in shown):
                continue
            late = {page.capture, held.capture} & {*self.late}
            if first in self.was_read and late:
                raise Overruled(late, first, {key: held.cells[key] for key in keys}, is_late=True)
            is_again = page.sha256 and page.sha256 == held.sha256
            if not is_again and knowledge.alone_by(self.known, first) <= held.cells.keys() | page.cells.keys():
                raise Overruled({first}, page.capture, {}, is_late=False)


def shown(key: Key, value: float | None) -> str:
    """A figure as a person reads it: flows in US$ m."""
    if value is None:
        return "blank"
    return f"{value / 1e6:,.1f}" if key.metric == "net_flow_usd" else f"{value:,.6f}".rstrip("0").rstrip(".")


def _finding(change: Change) -> Finding:
    key = change.key
    detail = f"{shown(key, change.before)} had been printed, then {shown(key, change.after)}"
    return Finding("figure_changed", key.asset, key.ticker, key.value_date, detail)


def _resource(capture: str) -> str:
    return capture.partition("/")[0]


def _is_before_listing(key: Key) -> bool:
    fund = fund_facts.funds().get(key.ticker)
    return fund is not None and fund.first_flow_date is not None and key.value_date < fund.first_flow_date


def _split(changes: list[Change]) -> str | None:
    """The ratio by which all counts changed, and all NAVs by its inverse, as "3:1"; None where they did not."""
    ratios = [
        (each.after / each.before) if each.key.metric == "shares_outstanding" else (each.before / each.after)
        for each in changes
        if each.after and each.before
    ]
    if len(ratios) < len(changes) or {each.key.metric for each in changes} != {"shares_outstanding", "nav_usd"}:
        return None
    low, high = min(ratios), max(ratios)
    if high / low > 1.01:
        return None
    ratio = ratios[0]
    return f"{ratio:.4g}:1" if ratio >= 1 else f"1:{1 / ratio:.4g}"
