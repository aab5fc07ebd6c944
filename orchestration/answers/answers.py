"""The questions that flowhouse answers: one SQL file each in this folder, whose front matter says where it is shown.

Leading comments `-- key: value` are the front matter; a line that begins with `--` and three spaces continues the value
above. The queries run on the published warehouse, and on Spark without changes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

Place = Literal["build", "claims", "tile", "chart", "stress", "table", "example", "report", "show"]
"""Printed by `flowhouse build`, `claims` or `show`; a tile, chart or table of the report, or a line of
its stress view; an example in the README and
on the SQL page; a part of the report that its page looks up by name."""

FRONT_MATTER = re.compile(r"(?:--.*\n)+")
FIELD = re.compile(r"^-- (\w+): (.*(?:\n--   .*)*)", re.MULTILINE)
REQUIRED = {"question", "grain", "shown"}
OPTIONAL = {"marts", "reading", "empty"}


class AnswerMalformed(ValueError):
    """An answer's front matter lacks a key, or has an unknown one."""


@dataclass(frozen=True)
class Answer:
    """One question with the query that answers it.

    Attributes:
        name: the name of its file; in the report also its anchor and, for a chart, the name of its PNG.
        question: the question, or the title of the answer.
        grain: what a row stands for.
        shown: where it is shown: its rank by place.
        marts: the marts that the query reads, the main one first.
        reading: how to read it in the report, in a sentence or two.
        empty: what the report says where there are no rows.
        sql: the query; its column names are the headings, and `?` is a parameter.
    """

    name: str
    question: str
    grain: str
    shown: Mapping[str, int]
    marts: tuple[str, ...]
    reading: str
    empty: str
    sql: str


def parse(name: str, text: str) -> Answer:
    """An answer from its file's text.

    Raises:
        AnswerMalformed: the front matter lacks a key, or has an unknown key or place.
    """
    head = FRONT_MATTER.match(text)
    front_matter = head[0] if head else ""
    fields = {key: re.sub(r"\n-- +", " ", value) for key, value in FIELD.findall(front_matter)}
    if missing := REQUIRED - fields.keys():
        raise AnswerMalformed(f"{name}.sql: add {', '.join(sorted(missing))} to the front matter.")
    if unknown := fields.keys() - REQUIRED - OPTIONAL:
        raise AnswerMalformed(f"{name}.sql: remove {', '.join(sorted(unknown))} from the front matter.")
    return Answer(
        name=name,
        question=fields["question"],
        grain=fields["grain"],
        shown=_places(name, fields["shown"]),
        marts=tuple(fields["marts"].split(", ")) if "marts" in fields else (),
        reading=fields.get("reading", ""),
        empty=fields.get("empty", ""),
        sql=text[len(front_matter) :].strip(),
    )


@cache
def answers() -> Mapping[str, Answer]:
    """Every answer by its name."""
    files = sorted(Path(__file__).parent.glob("*.sql"))
    return {file.stem: parse(file.stem, file.read_text(encoding="utf-8")) for file in files}


def shown_in(place: Place) -> tuple[Answer, ...]:
    """The answers shown in a place, in order of rank."""
    return tuple(sorted((one for one in answers().values() if place in one.shown), key=lambda one: one.shown[place]))


def _places(name: str, shown: str) -> dict[str, int]:
    """`build 10, example 20` as ranks by place; places that look answers up by name need no rank."""
    places = {}
    for place, _, rank in (part.partition(" ") for part in shown.split(", ")):
        if place not in get_args(Place):
            raise AnswerMalformed(f"{name}.sql: expected shown in one of {', '.join(get_args(Place))}, got {place}.")
        places[place] = int(rank or 0)
    return places
