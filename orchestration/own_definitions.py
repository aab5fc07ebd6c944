"""A user's own definitions of a long-term holder, as weights by age: a file each in the home.

    <home>/definitions/<name>.csv     age_days,weight

A weight, from 0 to 1, counts from its age on until the next one; below the first it is 0. A step is one line, and a
logistic curve one per day until it is 1 to nine digits.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ingestion import durable
from ingestion.errors import UsageError
from ingestion.formats import daily_csv
from orchestration import seeds

if TYPE_CHECKING:
    from orchestration.home import Home

FOLDER, SUFFIX, HEADER = "definitions", ".csv", ["age_days", "weight"]
NAME = r"[a-z][a-z0-9_]{0,39}"
RESERVED = ("as_published",)
MAX_AGE_DAYS = 36_524
"""A hundred years, the ages that the marts know."""

ONE = 10**9
"""A weight of 1: weights are whole numbers of 1e-9, so that every figure of them is exact."""


class Weight(NamedTuple):
    """From an age in days on, the share of a coin that counts as long-term, in 1e-9."""

    age_days: int
    weight: int


def step(age_days: int) -> list[Weight]:
    """Coins count from an age on.

    Raises:
        UsageError: it is not from 1 to 36,524 days.
    """
    if not 1 <= age_days <= MAX_AGE_DAYS:
        raise UsageError(f"A step at {age_days} days is out of reach: give one from 1 to {MAX_AGE_DAYS:,}.")
    return [Weight(age_days, ONE)]


def logistic(age_days: float, scale_days: float) -> list[Weight]:
    """Coins count by 1 / (1 + e^(-(age - age_days) / scale_days)), as in the seed holder_definitions.

    Raises:
        UsageError: the scale is not above 0, or the curve does not end within 36,524 days.
    """
    last = age_days + 22 * scale_days  # 1 to nine digits from 21.5 scales past its middle on
    if not (scale_days > 0 and 0 < last <= MAX_AGE_DAYS):
        raise UsageError(
            f"A curve around {age_days:g} days over {scale_days:g} does not fit: give a scale above 0 that ends within"
            f" {MAX_AGE_DAYS:,} days."
        )
    curve = [round(ONE / (1 + math.exp(min((age_days - age) / scale_days, 700)))) for age in range(math.ceil(last) + 1)]
    return changes(Weight(age, weight) for age, weight in enumerate(curve))


def changes(weights: Iterable[Weight]) -> list[Weight]:
    """Only the ages at which the weight changes."""
    kept = list[Weight]()
    for each in weights:
        if each.weight != (kept[-1].weight if kept else 0):
            kept.append(each)
    return kept


def parse(content: bytes, where: str) -> list[Weight]:
    """The weights of a CSV with the columns age_days and weight.

    Args:
        where: what the file is called, for sentences.

    Raises:
        UsageError: a line does not fit, ages do not rise, or no coin would ever count.
    """
    try:
        rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        lines = [(rows.line_num, [cell.strip() for cell in row]) for row in rows if row]
    except (UnicodeDecodeError, csv.Error):
        raise UsageError(f"{where} is not a CSV in UTF-8: save it as one.") from None
    if not lines or lines[0][1] != HEADER:
        raise UsageError(f"{where}, line 1: begin the file with {','.join(HEADER)}.")
    weights = [_weight(row, f"{where}, line {number}") for number, row in lines[1:]]
    for before, after in pairwise(weights):
        if after.age_days <= before.age_days:
            raise UsageError(f"{where}: age {after.age_days} follows {before.age_days}: write each age once, rising.")
    if not (kept := changes(weights)):
        raise UsageError(f"{where}: no coin counts at any age: write a weight above 0.")
    return kept


def _weight(row: Sequence[str], where: str) -> Weight:
    if len(row) != len(HEADER):
        raise UsageError(f"{where}: it has {len(row)} cells, not {len(HEADER)}: write an age and a weight.")
    age, weight = row
    if not re.fullmatch("[0-9]{1,5}", age) or int(age) > MAX_AGE_DAYS:
        raise UsageError(f"{where}: age_days is '{age[:40]}': write whole days from 0 to {MAX_AGE_DAYS:,}.")
    if not daily_csv.NUMBER.fullmatch(weight) or Decimal(weight) > 1:
        raise UsageError(f"{where}: weight is '{weight[:40]}': write a number from 0 to 1.")
    return Weight(int(age), round(Decimal(weight) * ONE))


def add(home: Home, name: str, weights: Sequence[Weight]) -> None:
    """Keep a definition under a name that nothing else has.

    Raises:
        UsageError: the name does not fit, or is taken.
    """
    if not re.fullmatch(NAME, name):
        raise UsageError(f"'{name[:60]}' is no name: use up to 40 small letters, digits and _, a letter first.")
    if name in RESERVED or name in {row["definition_id"] for row in seeds.read("holder_definitions")}:
        raise UsageError(f"'{name}' is a definition of the project's: give yours another name.")
    path = _path(home, name)
    if path.exists():
        raise UsageError(f"'{name}' is defined already: remove it first with `flowhouse definition remove {name}`.")
    lines = [",".join(HEADER), *(f"{age},{Decimal(weight) / ONE:f}" for age, weight in weights)]
    durable.write({path: ("\n".join(lines) + "\n").encode()})


def remove(home: Home, name: str) -> None:
    """Forget a definition.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in names(home):
        known = ", ".join(names(home)) or "none"
        raise UsageError(f"There is no definition '{name[:60]}' of your own: those are {known}.")
    _path(home, name).unlink()


def names(home: Home) -> list[str]:
    """The names of the user's own definitions."""
    return sorted(path.stem for path in (home.root / FOLDER).glob(f"*{SUFFIX}") if re.fullmatch(NAME, path.stem))


def unread(home: Home) -> list[str]:
    """A sentence for each CSV file among the definitions whose name is none, so that nothing reads it."""
    files = sorted(path for path in (home.root / FOLDER).glob("*") if path.suffix.lower() == SUFFIX)
    return [
        f"{path} is not read: its name is to be up to 40 small letters, digits and _, a letter first, and {SUFFIX}."
        for path in files
        if path.suffix != SUFFIX or not re.fullmatch(NAME, path.stem)
    ]


def read(home: Home) -> dict[str, list[Weight]]:
    """The weights of the user's own definitions by name.

    Raises:
        UsageError: a file does not fit.
    """
    return {name: read_one(home, name) for name in names(home)}


def read_one(home: Home, name: str) -> list[Weight]:
    """The weights of one of the user's own definitions.

    Raises:
        UsageError: its file does not fit, or cannot be read.
    """
    path = _path(home, name)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): make it a file that you may read.") from None
    return parse(content, str(path))


def falls(weights: Sequence[Weight]) -> bool:
    """Whether a coin that grows older counts less at some age."""
    return any(after.weight < before.weight for before, after in pairwise(weights))


def shown(weights: Sequence[Weight]) -> str:
    """What a definition says, in words."""
    first, last = weights[0], weights[-1]
    if len(weights) == 1 and first.weight == ONE:
        return f"from {first.age_days} days on"
    return f"{len(weights)} weight{'s' * (len(weights) > 1)}, from {first.age_days} to {last.age_days} days"


def _path(home: Home, name: str) -> Path:
    return home.root / FOLDER / f"{name}{SUFFIX}"
