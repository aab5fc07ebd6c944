"""Reading captures into the lake: which are read, what becomes of each, and what the lake holds of them then.

Observations are a pure function of captures and decisions. Where a capture is not newer than those already read, where
one was removed, where somebody has decided, or where pages are judged by other facts or rules than before, all are read
again in their order.
"""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import polars as pl

from ingestion import captures, decisions, fund_facts
from ingestion.archive import Archive, Capture
from ingestion.calendar import read_sessions
from ingestion.decisions import Decision
from ingestion.errors import ArchiveDamaged, IngestionError, PageRefused, UsageError, WouldShrink
from ingestion.judgement import known as knowledge
from ingestion.judgement.issuer_counts import confirmed
from ingestion.judgement.judge import PENDING, Held, Judge, Judgement, Left, Overruled, Page, Read, judge_in_order
from ingestion.judgement.known import KNOWN, Key, Known
from ingestion.lake.observations import (
    CAPTURE_SCHEMA,
    CAPTURES,
    FINDING_SCHEMA,
    FINDINGS,
    Verdict,
    newest_state,
    observe,
    read_log_if_readable,
)
from ingestion.lake.tables import Lake, Schema
from ingestion.printable import printable
from ingestion.source import Finding, PublisherSource, Rules, Sessions, Source, newest_day

JUDGED = "judged.json"
"""A record beside a source's tables: the digest of rules, facts and decisions that its pages were judged by."""

RULES_VERSION = "2"
"""Raised where other rules make other observations of the same captures."""

KEPT_SHARE = 0.9
"""Of the figures that a lake holds, where all captures are read again though nobody has decided or removed any."""

RETRIED = ["refused", "damaged"]
"""Verdicts on captures that are tried again each time: the parser may have learned, or the file be restored."""


@dataclass(frozen=True)
class Outcome:
    """What became of a capture; of one that can be trusted by itself, its cells and what is off on it."""

    capture: Capture
    verdict: Verdict = "read"
    reason: str | None = None
    cells: pl.DataFrame | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def name(self) -> str:
        """`resource/stamp`."""
        return captures.name(self.capture.resource, self.capture.file)


@dataclass(frozen=True)
class Reading:
    """What reading came to.

    Attributes:
        log: every capture and what became of it.
        damaged: a sentence per provenance record that is damaged.
        read: how many captures were looked at.
        added: how many observations more the lake has.
        healed: a sentence per table that was built again, and for captures that were removed.
    """

    log: pl.DataFrame
    damaged: list[str]
    read: int
    added: int
    healed: list[str]


def read(source: Source[Any], archive: Archive, lake: Lake, now: datetime) -> Reading:
    """Read what the lake does not hold yet, or all again; the tables are written.

    Raises:
        ArchiveDamaged: all must be read again, and one that was read well before is damaged now or gone; or a
            record of decisions is damaged.
        WouldShrink: all must be read again, and far fewer figures would be left.
    """
    check = captures.check_tables(lake, source)
    log_before = read_log_if_readable(lake, source.name)
    court = Court(source, archive, lake, now, decisions.read(archive, source.name))
    log = log_before.filter(~pl.col("verdict").is_in(RETRIED))
    gone = captures.gone(lake, archive, source.name, log) if check.is_sound else []
    found, new, damaged = None, list[Capture](), list[str]()
    if check.is_sound and not gone and court.judged_by == judged_by(lake, source.name):
        new, damaged = captures.unread(source, archive, log)
        if check.written and not new and log.height == log_before.height:
            return Reading(log, damaged, 0, 0, [])  # everything is as it was left
        found = court.judge_further(new, log)
    empty = pl.DataFrame(schema=source.schema)
    before = lake.read(source.name, source.table, source.schema) if check.is_sound else empty
    is_again = found is None
    if found is None:
        was_read = log.filter(pl.col("verdict") == "read")
        if check.is_sound:
            new, damaged = captures.read_again(source, archive, was_read)
        else:
            new, damaged = captures.rebuild(lake, source, archive, was_read, check)
        found, log = court.judge_all(new, log), log.clear()
    outcomes, known = found
    stored = before.clear() if is_again else before
    closes = court.closes if source.rules and source.rules.reports_after_close else None
    rows = pl.concat([stored, observe(stored, _pages(outcomes), source.key, closes)])
    if is_again and check.is_sound and not gone and court.decisions == judged_by(lake, source.name, "decisions"):
        _check_kept(lake, source, before, rows, outcomes)
    log = pl.concat([log, log_of(outcomes)]).sort("fetched_at", "sha256", "resource")
    tables = {source.table: (before, rows), CAPTURES: (log_before, log)}
    if source.rules:
        tables |= _judged_tables(lake, source, outcomes, known, is_again)
    for outcome in outcomes:
        if outcome.verdict == "left" and outcome.name not in court.left:
            decisions.note_left(archive, source.name, outcome.name, outcome.reason or "")
    captures.write_tables(lake, source.name, tables, check)
    if judged_by(lake, source.name) != court.judged_by:
        judged = {"judged_by": court.judged_by, "decisions": court.decisions}
        lake.write_record(source.name, JUDGED, json.dumps(judged))
    rows_before = before.height if check.is_sound else check.rows(source.table)
    healed = [f"{damage}: built again from {len(new):,} captures of the archive." for damage in check.damages]
    return Reading(log, damaged, len(new), rows.height - rows_before, [*healed, *left_out(archive, source.name, gone)])


def schemas(source: Source[Any]) -> dict[str, Schema]:
    """The tables of a source that the models read, with their columns."""
    return {source.table: source.schema, **({FINDINGS: FINDING_SCHEMA} if source.rules else {})}


def create_tables(source: Source[Any], lake: Lake) -> None:
    """Tables of findings that a lake of 0.2.0 or earlier lacks: a build reads them also where nothing can be read."""
    if source.rules and not lake.has(source.name, FINDINGS):
        lake.create(source.name, {FINDINGS: FINDING_SCHEMA})


def decision(
    source: Source[Any], archive: Archive, lake: Lake, capture: str, is_right: bool, now: datetime
) -> Decision:
    """The decision that a capture is right, with the figures by which it differs from what is known, or wrong.

    Args:
        capture: its name, `resource/stamp`.

    Raises:
        UsageError: there is no such capture, or it is accepted and was read or refused.
    """
    everything, _ = archive.captures(source.name)
    found = next((each for each in everything if captures.name(each.resource, each.file) == capture), None)
    if found is None:
        raise UsageError(
            f"{source.name}/{capture} is no capture of the archive: name it as `flowhouse status` does,"
            " source/resource/stamp."
        )
    if not is_right:
        return Decision(capture, "reject")
    log = read_log_if_readable(lake, source.name).filter(pl.col("resource") == found.resource)
    verdicts = dict(log.select("file", "verdict").iter_rows())
    if verdicts.get(found.file) == "read":
        raise UsageError(f"{source.name}/{capture} is read already: there is nothing to decide.")
    others = [each for each in decisions.read(archive, source.name) if each.capture != capture]
    outcome = Court(source, archive, lake, now, [*others, Decision(capture, "accept")]).by_itself(found)
    if outcome.cells is None:
        raise UsageError(f"{source.name}/{capture} cannot be accepted: {outcome.reason}")
    if not source.rules:
        return Decision(capture, "accept")
    known = knowledge.from_table(lake.read(source.name, KNOWN, knowledge.SCHEMA))
    figures = knowledge.cells_of(outcome.cells).items()
    return Decision(
        capture,
        "accept",
        tuple(
            (key.asset, key.ticker, key.value_date, key.metric, value)
            for key, value in figures
            if key in known and known[key].value not in (None, value)
        ),
    )


class Court:
    """Says what becomes of the captures of one source.

    Attributes:
        decisions, judged_by: digests of decisions, and of rules, facts and decisions; empty where there are none.
        left: captures that reading has left out before.
        closes: when the session of each day closes: value_date, closes_at.
    """

    def __init__(self, source: Source[Any], archive: Archive, lake: Lake, now: datetime, decided: Sequence[Decision]):
        self.source, self.archive, self.lake, self.now = source, archive, lake, now
        self._rejected = {each.capture for each in decided if each.kind == "reject"}
        self._accepted = {each.capture for each in decided if each.kind == "accept"}
        self.left = decisions.left(archive, source.name)
        self._figures = {
            (Key(*figure[:4]), figure[4]) for each in decided if each.kind == "accept" for figure in each.figures
        }
        sessions = read_sessions(lake, now.date())
        self.closes = sessions.select("closes_at", value_date="session_date")
        self._days: list[date] = sessions["session_date"].to_list()
        self._opens: list[datetime] = sessions["opens_at"].to_list()
        self._closes: list[datetime] = sessions["closes_at"].to_list()
        self.decisions = decisions.digest(decided)
        self.judged_by = _digest(source, self.decisions)

    def judge_further(self, new: Sequence[Capture], log: pl.DataFrame) -> tuple[list[Outcome], Known] | None:
        """What becomes of captures that are newer than those read; None where all must be judged again."""
        outcomes = [self.by_itself(capture) for capture in new]
        if any(each.verdict == "read" and captures.is_late(each.capture, log) for each in outcomes):
            return None
        if not self.source.rules:
            return self._beside_known(outcomes, self._newest_cells()), {}
        judge = Judge(self.source.rules, self._known(), self._figures, self._accepted)
        for capture in self._standing(log):
            judge.hold(self._page(self.by_itself(capture)))
        try:
            return self._judged(judge, outcomes)
        except Overruled:
            return None

    def judge_all(self, captures_in_order: Sequence[Capture], log: pl.DataFrame) -> tuple[list[Outcome], Known]:
        """What becomes of all captures, where `log` says what became of some before."""
        outcomes = [self.by_itself(capture) for capture in captures_in_order]
        if not self.source.rules:
            return self._beside_known(outcomes, pl.DataFrame(schema=self.source.schema)), {}
        judged = {captures.name(*row[:2]): row[2] for row in log.select("resource", "file", "verdict").iter_rows()}
        was_read = {name for name, verdict in judged.items() if verdict == "read"}
        if self.left and not judged:  # the log is lost, and the archive alone knows
            was_read = {each.name for each in outcomes} - self.left
        newest = max(log.filter(pl.col("verdict") == "read")["fetched_at"], default=datetime(1, 1, 1))
        late = {
            each.name
            for each in outcomes
            if each.capture.fetched_at <= newest and judged.get(each.name) not in ("read", "held")
        }
        late = (late | self.left) - was_read - self._accepted
        return self._judged(Judge(self.source.rules, {}, self._figures, self._accepted, was_read, late), outcomes)

    def by_itself(self, capture: Capture) -> Outcome:
        """What a capture says by itself."""
        if captures.name(capture.resource, capture.file) in self._rejected:
            return Outcome(capture, "rejected", "it was rejected: `flowhouse accept` takes that back.")
        try:
            self._check_resource(capture.resource)
            if capture.fetched_at > self.now:
                raise PageRefused("its stamp lies in the future: check the clock of the machine that fetched it.")
            content = self.archive.read(capture)
            if self.source.check_address:
                self.source.check_address(content, capture.url)
            cells, findings = self.source.read(content, capture.resource), list[Finding]()
            _check_newest(cells, self._newest_date(capture.fetched_at))
            if self.source.vet:
                cells, findings = self.source.vet(cells, self._sessions(capture.fetched_at))
            is_accepted = captures.name(capture.resource, capture.file) in self._accepted
            if self.source.doubt and not is_accepted and (why := self.source.doubt(cells)):
                return Outcome(capture, "held", why)
            return Outcome(capture, cells=cells, findings=tuple(findings))
        except ArchiveDamaged as error:
            return Outcome(capture, "damaged", str(error))
        except IngestionError as error:
            return Outcome(capture, "refused", str(error))
        except Exception as error:  # a page no parser foresaw fails its source, never the build
            why = printable(" ".join(f"{type(error).__name__}: {error}".split()))[:300]
            reason = f"it could not be read ({why}): report the page."
            return Outcome(capture, "refused", reason)

    def _check_resource(self, resource: str) -> None:
        known = self.source.resources if isinstance(self.source, PublisherSource) else [resource]
        if resource not in known:
            raise PageRefused(f"{self.source.name} has no {resource}: known are {', '.join(known)}.")

    def _newest_cells(self) -> pl.DataFrame:
        if not self.source.contradiction:
            return pl.DataFrame(schema=self.source.schema)
        return newest_state(self.lake.read(self.source.name, self.source.table, self.source.schema), self.source.key)

    def _beside_known(self, outcomes: Sequence[Outcome], known: pl.DataFrame) -> list[Outcome]:
        """What becomes of captures without rules: those that contradict what was read before them are held."""
        contradiction, found = self.source.contradiction, list[Outcome]()
        if not contradiction:
            return [*outcomes]
        columns = [*self.source.key, *self.source.values]
        known = known.select(columns)
        for outcome in outcomes:
            if outcome.verdict == "read" and outcome.cells is not None:
                is_open = outcome.name not in self._accepted
                if is_open and (why := contradiction(outcome.cells, known, outcome.capture.resource)):
                    outcome = replace(outcome, verdict="held", reason=why, cells=None, findings=())
                else:
                    together = pl.concat([known, outcome.cells.select(columns)])
                    known = together.unique([*self.source.key], keep="last")
            found.append(outcome)
        return found

    def _judged(self, judge: Judge, outcomes: Sequence[Outcome]) -> tuple[list[Outcome], Known]:
        pages = [self._page(each) for each in outcomes if each.verdict == "read"]
        judgements, known = judge_in_order(judge, pages)
        return [self._after(each, judgements.get(each.name), judge) for each in outcomes], known

    def _after(self, outcome: Outcome, judgement: Judgement | None, judge: Judge) -> Outcome:
        match judgement:
            case Read(repeats, taken_back, findings):
                read = _blanked(_without(outcome.cells, repeats), taken_back)
                return replace(outcome, cells=read, findings=(*outcome.findings, *findings))
            case Held(reason, changes):
                agreeing, told = confirmed(self.lake, changes)
                counts = f"; the issuers' counts confirm {agreeing:,} of the {told:,} that they tell of" if told else ""
                return replace(outcome, verdict="held", reason=f"{reason}{counts}", cells=None, findings=())
            case Left(reason, is_late):
                # what was read, and perhaps published, and is no more, somebody should look at
                verdict = "left" if is_late or outcome.name in judge.was_read else "held"
                return replace(outcome, verdict=verdict, reason=reason, cells=None, findings=())
        return outcome

    def _page(self, outcome: Outcome) -> Page:
        """What a capture says that can contradict anything: what is printed before the close is no report."""
        sessions, rules = self._sessions(outcome.capture.fetched_at), self.source.rules or Rules()
        cells = {} if outcome.cells is None else knowledge.cells_of(outcome.cells)
        if rules.reports_after_close:
            cells = {key: value for key, value in cells.items() if key.value_date <= sessions.closed_until}
        return Page(outcome.name, cells, sessions.settled_until(rules.settled_after), outcome.capture.sha256)

    def _known(self) -> Known:
        return knowledge.from_table(self.lake.read(self.source.name, KNOWN, knowledge.SCHEMA))

    def _standing(self, log: pl.DataFrame) -> Iterator[Capture]:
        """The last captures of each resource that were held back since one of it was read."""
        everything, _ = self.archive.captures(self.source.name) if (log["verdict"] == "held").any() else ([], [])
        by_name = {captures.name(each.resource, each.file): each for each in everything}
        for _, rows in log.sort("fetched_at", "sha256").group_by("resource", maintain_order=True):
            verdicts = rows["verdict"].to_list()
            last_read = max((at for at, verdict in enumerate(verdicts) if verdict == "read"), default=-1)
            held = rows[last_read + 1 :].filter(pl.col("verdict") == "held").tail(PENDING)
            names = (captures.name(*row) for row in held.select("resource", "file").iter_rows())
            yield from (by_name[name] for name in names if name in by_name)

    def _sessions(self, fetched_at: datetime) -> Sessions:
        opened, closed = (bisect_right(times, fetched_at) for times in (self._opens, self._closes))
        coming = self._days[opened] if opened < len(self._days) else None
        return Sessions(self._days[:opened], self._days[closed - 1] if closed else date.min, coming)

    def _newest_date(self, fetched_at: datetime) -> date:
        """The latest value date that a capture may carry."""
        if self.source.newest == "same_day":
            return fetched_at.date()
        later = bisect_right(self._days, fetched_at.date())
        return self._days[later] if later < len(self._days) else fetched_at.date()


def _check_newest(page: pl.DataFrame, limit: date) -> None:
    newest = newest_day(page)
    if newest > limit:
        raise PageRefused(f"it carries figures of {newest}, later than {limit}: its dates or its stamp are wrong.")


def judged_by(lake: Lake, source: str, field: str = "judged_by") -> str:
    """What the captures of a source were judged by when they were last read; empty where nobody knows."""
    try:
        return json.loads(lake.read_record(source, JUDGED) or "{}").get(field, "")
    except (ValueError, AttributeError):
        return ""


def _check_kept(
    lake: Lake, source: Source[Any], before: pl.DataFrame, after: pl.DataFrame, outcomes: Sequence[Outcome]
) -> None:
    """Other rules or facts, or a late capture, may not empty a lake: a page read once may be refused by a mistake here.

    Raises:
        WouldShrink: less than `KEPT_SHARE` of the figures would be left.
    """
    held, left = (newest_state(rows, source.key)["value"].count() for rows in (before, after))
    if left < KEPT_SHARE * held:
        reason = next((f" ({each.name}: {each.reason})" for each in outcomes if each.verdict == "refused"), "")
        raise WouldShrink(
            f"{source.name}: read by the rules and facts of now, its captures would leave {left:,} of {held:,} figures"
            f"{reason}; the lake stays as it was: report this, or remove the folder {lake.name}/{source.name} to go on."
        )


def _digest(source: Source[Any], decided: str) -> str:
    if not source.rules:
        return decided
    parts = (RULES_VERSION, fund_facts.as_text(), decided)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _without(cells: pl.DataFrame | None, repeats: Collection[Key]) -> pl.DataFrame | None:
    """A page's frame without some cells."""
    if cells is None or not repeats:
        return cells
    keys = pl.DataFrame([*repeats], schema={name: knowledge.SCHEMA[name] for name in Key._fields}, orient="row")
    return cells.join(keys, on=keys.columns, how="anti")


def _blanked(cells: pl.DataFrame | None, keys: Collection[Key]) -> pl.DataFrame | None:
    """A page's frame with more cells, which are blank."""
    if cells is None or not keys:
        return cells
    blank = [(*key, None, None) for key in sorted(keys)]
    return pl.concat([cells, pl.DataFrame(blank, schema=cells.schema, orient="row")])


def _pages(outcomes: Iterable[Outcome]) -> list[tuple[Capture, pl.DataFrame]]:
    return [(each.capture, each.cells) for each in outcomes if each.verdict == "read" and each.cells is not None]


def log_of(outcomes: Iterable[Outcome]) -> pl.DataFrame:
    """What became of captures, as rows of a log."""
    fields = [name for name in CAPTURE_SCHEMA if name not in ("verdict", "refusal")]
    rows = [
        {name: getattr(each.capture, name) for name in fields} | {"verdict": each.verdict, "refusal": each.reason}
        for each in outcomes
    ]
    return pl.DataFrame(rows, schema=CAPTURE_SCHEMA)


def _judged_tables(
    lake: Lake, source: Source[Any], outcomes: Sequence[Outcome], known: Known, is_again: bool
) -> dict[str, tuple[pl.DataFrame, pl.DataFrame]]:
    """What is known and the findings, before and after."""
    known_before = lake.read_if_readable(source.name, KNOWN, knowledge.SCHEMA)
    findings_before = lake.read_if_readable(source.name, FINDINGS, FINDING_SCHEMA)
    stored = pl.DataFrame(schema=FINDING_SCHEMA) if is_again or findings_before is None else findings_before
    new = [
        (*finding, each.capture.fetched_at, each.capture.sha256)
        for each in outcomes
        if each.verdict == "read"
        for finding in each.findings
    ]
    said = [name for name in FINDING_SCHEMA if name not in ("observed_at", "archive_sha256")]
    findings = (
        pl.concat([stored, pl.DataFrame(new, schema=FINDING_SCHEMA, orient="row")])
        .unique(said, keep="first", maintain_order=True)
        .sort("observed_at", *said)
    )
    empty = pl.DataFrame()
    return {
        KNOWN: (empty if known_before is None else known_before, knowledge.to_table(known)),
        FINDINGS: (empty if findings_before is None else findings_before, findings),
    }


def left_out(archive: Archive, source: str, gone: Sequence[str]) -> list[str]:
    """A sentence for captures that were removed from the archive; none where none was."""
    if not gone:
        return []
    which = f"{archive.root.name}/{source}/{gone[0]}" + (f" and {len(gone) - 1:,} more" if len(gone) > 1 else "")
    return [f"{which} was removed: what it alone had shown is left out."]
