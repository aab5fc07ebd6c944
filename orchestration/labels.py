"""Whose an address is said to be: the labels of the project, of the user and of TagPacks, held against each other."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion import fund_facts
from ingestion.bitcoin.networks import NETWORKS
from ingestion.errors import UsageError
from ingestion.sample.tokens import WATCHED
from orchestration import own_seeds, seeds, tagpacks
from orchestration.configuration.cells import Place, RowRefused
from orchestration.configuration.choices import nearest
from orchestration.configuration.labels import LICENCES
from orchestration.seeds import Row

if TYPE_CHECKING:
    from orchestration.settings import Settings

PAGE = re.compile(r"""(?:^|[\s(<"'=,;])https?://[^\s/]+\.[^\s/]+""")
"""The address of a page, in a text too; of another scheme it is none."""
GONE = ("withdrawn", "wrong")


@dataclass(frozen=True)
class Label:
    """A row that says whose an address is.

    Attributes:
        is_of_fund: whether it names a fund, else an entity; an address may have one of each.
    """

    place: Place
    row: Row
    is_of_fund: bool

    @property
    def name(self) -> str:
        """The owner in words."""
        return self.row["ticker"] if self.is_of_fund else f"{self.row['entity']} ({self.row['kind']})"

    @property
    def is_of_user(self) -> bool:
        """Whether it is a row of CSV, which the project or the user decides on, and no tag of others."""
        return self.place.path.suffix == ".csv"

    def contradicts(self, other: Label) -> bool:
        """Whether another label of the same address names somebody else."""
        if self.is_of_fund:
            return self.row["ticker"] != other.row["ticker"]
        return tagpacks.contradict(self.row, other.row)


@dataclass(frozen=True, order=True)
class Finding:
    """What is wrong with a row, and what to do.

    Attributes:
        check: row (it cannot be read), network, ticker, date, name, source, licence, duplicate, spelling, conflict or
            withdrawn.
    """

    file: str
    line: int
    check: str
    address: str
    sentence: str


@dataclass
class _Read:
    """Labels, and what is wrong with rows that are none."""

    labels: list[Label] = field(default_factory=list)
    refused: list[RowRefused] = field(default_factory=list)


def check(settings: Settings, paths: Collection[Path] = ()) -> tuple[int, list[Finding]]:
    """Check files of labels by themselves, and against all labels that a build reads.

    Args:
        paths: CSV files of entities or fund addresses, TagPacks, or folders of these; those of the project and of the
            settings where it is empty.

    Returns:
        how many labels were checked, and what was found in them, by file and line.

    Raises:
        UsageError: there is no such file, or it is neither CSV nor YAML.
    """
    accounts = settings.account_chains
    read, known = _Read(), _files_of_a_build(settings)
    named = list(dict.fromkeys(file for path in paths for file in _files(path.absolute()))) or known
    shown = {str(path) for path in named}
    for file in (*(path for path in known if str(path) not in shown), *named):
        _read(file, {*accounts, *NETWORKS}, read)
    found = [
        *(Finding(str(each.place.path), each.place.line, "row", "", each.sentence) for each in read.refused),
        *(finding for label in read.labels for finding in _alone(label, accounts)),
        *_together(read.labels),
        *_spelling(read.labels),
    ]
    count = sum(str(label.place.path) in shown for label in read.labels)
    return count, sorted(finding for finding in found if finding.file in shown)


def _files_of_a_build(settings: Settings) -> list[Path]:
    project = [seeds.path(table) for table in own_seeds.LABELS]
    own = [path for table in own_seeds.LABELS if (path := getattr(settings.seeds, table))]
    tags = tagpacks.files(settings.seeds.tagpacks) if settings.seeds.tagpacks else []
    return [path.absolute() for path in (*project, *own, *tags)]


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise UsageError(f"There is no {path}: name a CSV file, a TagPack, or a folder of TagPacks.")
    if path.is_file() and path.suffix not in (".csv", ".yaml", ".yml"):
        raise UsageError(f"{path} is neither CSV nor YAML: name a CSV file, a TagPack, or a folder of TagPacks.")
    return tagpacks.files(path)


def _read(path: Path, networks: Collection[str], read: _Read) -> None:
    if path.suffix != ".csv":
        pack = tagpacks.read(path, networks)
        read.refused += pack.problems
        read.labels += (Label(place, row, is_of_fund=False) for place, row in pack.tags)
        return
    try:
        table = _table(path)
        for line in own_seeds.read_lines(table, path):
            if isinstance(line, RowRefused):
                read.refused.append(line)
            else:
                read.labels.append(Label(*line, is_of_fund=table == "fund_addresses"))
    except RowRefused as error:
        read.refused.append(error)


def _table(path: Path) -> str:
    """Which labels a CSV file holds, by its first line."""
    with path.open("rb") as stream:
        header = stream.readline(10_000).decode("utf-8-sig", errors="replace")
    columns = next(csv.reader([header.strip()]), [])
    return "fund_addresses" if "ticker" in {column.strip() for column in columns} else "entities"


def _alone(label: Label, accounts: Collection[str]) -> Iterator[Finding]:
    """What is wrong with a label by itself; the sample's have no page, and a withdrawn one needs none."""
    row = label.row
    if row["network"] not in (known := {*accounts, *NETWORKS}):
        yield _finding(label, "network", f"network is '{row['network']}': {nearest(row['network'], known)}.")
    if row["network"] == WATCHED.network or row["label_verdict"] in GONE:
        return
    yield from _whose(label)
    column = "provenance" if label.is_of_fund else "source"
    if not PAGE.search(row[column]):
        said = f"{column} is '{row[column][:80]}': write the address of the page that says so, with https://."
        yield _finding(label, "source", said)
    if row["licence"] not in LICENCES:
        said = f"licence is '{row['licence'][:80]}': write that of its source, one of {', '.join(LICENCES)}."
        yield _finding(label, "licence", said)


def _whose(label: Label) -> Iterator[Finding]:
    """What is wrong with whom a label names, and since when."""
    column = "ticker" if label.is_of_fund else "entity"
    name, since = label.row[column], label.row.get("since_date") or ""
    if hidden := [letter for letter in name if unicodedata.category(letter) == "Cf"]:
        codes = ", ".join(f"U+{ord(letter):04X}" for letter in dict.fromkeys(hidden))
        yield _finding(label, "name", f"{column} has characters that nobody sees, {codes}: write '{_visible(name)}'.")
    elif label.is_of_fund and name not in (known := {*fund_facts.funds(), *fund_facts.foreign_funds()}):
        yield _finding(label, "ticker", f"ticker is '{name}', which no fund has: {nearest(name, known)}.")
    if since > (today := datetime.now(UTC).date().isoformat()):
        yield _finding(label, "date", f"since_date is '{since}': write a day up to today, {today}.")


def _visible(name: str) -> str:
    return "".join(letter for letter in name if unicodedata.category(letter) != "Cf")


def _together(labels: Iterable[Label]) -> Iterator[Finding]:
    """What labels of one address contradict."""
    of_address: defaultdict[tuple[str, str, bool], list[Label]] = defaultdict(list)
    for label in labels:
        of_address[label.row["network"], label.row["address"], label.is_of_fund].append(label)
    for same in of_address.values():
        yield from _of_one_address(same)


def _of_one_address(labels: list[Label]) -> Iterator[Finding]:
    gone = next((label for label in labels if label.row["label_verdict"] in GONE), None)
    standing = [label for label in labels if label.row["label_verdict"] not in GONE]
    for label in standing:
        first = standing[0]
        if gone:
            said = f"the label {gone.name} is {gone.row['label_verdict']} in {gone.place}: remove one of the two rows."
            yield _finding(label, "withdrawn", said)
        elif label.contradicts(first):
            said = f"it is {label.name} here and {first.name} in {first.place}: keep the one that its source proves."
            yield _finding(label, "conflict", said)
        elif label is not first and (label.is_of_user or label.place.path == first.place.path):
            yield _finding(label, "duplicate", f"it stands in {first.place} already: keep one of them.")


def _spelling(labels: Iterable[Label]) -> Iterator[Finding]:
    """Names of entities that differ in their letters' case alone, each once per file: a build takes them for two.

    Those of tags are written as the rows of the project and the user write them.
    """
    first: dict[str, Label] = {}
    seen: set[tuple[Path, str]] = set()
    for label in labels:
        if not label.is_of_user or label.is_of_fund or label.row["label_verdict"] in GONE:
            continue
        name = label.row["entity"]
        other = first.setdefault(name.casefold(), label)
        if other.row["entity"] != name and (label.place.path, name) not in seen:
            seen.add((label.place.path, name))
            said = f"'{name}' is '{other.row['entity']}' in {other.place}: write one of them in both."
            yield _finding(label, "spelling", said)


def _finding(label: Label, check: str, sentence: str) -> Finding:
    return Finding(str(label.place.path), label.place.line, check, label.row["address"], sentence)
