"""What a person decided about a capture: that its figures are right, or that it is to be left out.

    <archive>/<source>/<resource>/<YYYYMMDDTHHMMSSZ>.decision.json

A decision lies beside its capture, so that the archive alone says what the lake is made of. Each is kept; the last one
counts. So does what reading has left out on its own since it came late, which only the order of arrival tells:

    <archive>/<source>/<resource>/<YYYYMMDDTHHMMSSZ>.left.json
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from ingestion.archive import Archive
from ingestion.errors import ArchiveDamaged

SUFFIX, LEFT = ".decision.json", ".left.json"
Kind = Literal["accept", "reject"]
KINDS: dict[str, Kind] = {"accept": "accept", "reject": "reject"}
Figure = tuple[str, str, date, str, float | None]
"""Asset, ticker, value date, metric and value (None for blank) of a cell that was accepted."""


@dataclass(frozen=True)
class Decision:
    """The last decision about a capture.

    Attributes:
        capture: its name, `resource/stamp`.
        kind: whether it was accepted or rejected.
        figures: the figures that were accepted with it, which other captures may show too.
    """

    capture: str
    kind: Kind
    figures: tuple[Figure, ...] = ()


def read(archive: Archive, source: str) -> list[Decision]:
    """The decisions about captures of a source, by the name of the capture.

    Raises:
        ArchiveDamaged: a file of decisions cannot be read.
    """
    return [_last(capture, text) for capture, text in archive.notes(source, SUFFIX)]


def digest(decisions: Sequence[Decision]) -> str:
    """One digest of all of them; empty for none."""
    return hashlib.sha256(repr(decisions).encode()).hexdigest() if decisions else ""


def record(archive: Archive, source: str, decision: Decision, at: datetime) -> None:
    """Add a decision to those about its capture, which were read before."""
    before = dict(archive.notes(source, SUFFIX)).get(decision.capture)
    entry = {
        "decision": decision.kind,
        "at": at.isoformat(),
        "figures": [[asset, ticker, str(day), metric, value] for asset, ticker, day, metric, value in decision.figures],
    }
    entries = [*(json.loads(before) if before else []), entry]
    archive.put_note(source, decision.capture, SUFFIX, json.dumps(entries, indent=1))


def left(archive: Archive, source: str) -> set[str]:
    """The captures that reading has left out for what others say, by name."""
    return {capture for capture, _ in archive.notes(source, LEFT)}


def note_left(archive: Archive, source: str, capture: str, reason: str) -> None:
    """Note that a capture is left out, and why."""
    archive.put_note(source, capture, LEFT, json.dumps({"reason": reason}, indent=1))


def copy(source: str, origin: Archive, archive: Archive) -> None:
    """Take over the decisions of another archive about captures that nobody has decided about here."""
    here = dict(archive.notes(source, SUFFIX))
    for capture, text in origin.notes(source, SUFFIX):
        if capture not in here:
            archive.put_note(source, capture, SUFFIX, text)


def _last(capture: str, text: str) -> Decision:
    try:
        entry: dict[str, Any] = json.loads(text)[-1]
        figures = tuple(
            (str(asset), str(ticker), date.fromisoformat(day), str(metric), None if value is None else float(value))
            for asset, ticker, day, metric, value in entry["figures"]
        )
        return Decision(capture, KINDS[entry["decision"]], figures)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ArchiveDamaged(
            f"{capture}{SUFFIX} in the archive is not a record of decisions: repair or remove it."
        ) from None
