"""The lines of keys, compared with what tomllib reads of the same text."""

import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.configuration.toml_lines import Path, lines_of

TEXT = '''# a comment with [brackets] and a = sign
top = 1

[publishers]   # behind a header
contact = "a # no comment"  # a comment
sources = [
    "farside", # the first
    "ishares",
    # between
    { name = "x", more = [1,
        2] },
]
bitcoin.main.datadir = '/a "b" = c'
"quoted.key" = """
several = "lines"
with \\""" inside"""
'literal key' = \'\'\'
[not a header]
\'\'\'
inline = { a = 1, b.c = "}" , d = {} }
when = 1979-05-27 07:32:00

[evm."main net"]
rpc = []
[[seeds]]
a = 1
[seeds.below]
b = -1.5e3
[[seeds]]
a = 2
[[seeds.inner]]
c = true
'''


def paths(value: object, path: Path = ()) -> Iterator[Path]:
    """Every path of what tomllib read."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield (*path, key)
        yield from paths(below, (*path, key))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("publishers",), 4),
        (("publishers", "contact"), 5),
        (("publishers", "sources"), 6),
        (("publishers", "sources", 0), 7),
        (("publishers", "sources", 1), 8),
        (("publishers", "sources", 2, "more", 1), 11),
        (("publishers", "bitcoin", "main", "datadir"), 13),
        (("publishers", "quoted.key"), 14),
        (("publishers", "literal key"), 17),
        (("publishers", "inline", "b", "c"), 20),
        (("publishers", "when"), 21),
        (("evm", "main net"), 23),
        (("evm", "main net", "rpc"), 24),
        (("seeds", 0, "a"), 26),
        (("seeds", 0, "below", "b"), 28),
        (("seeds", 1, "a"), 30),
        (("seeds", 1, "inner", 0, "c"), 32),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_each_key_has_its_line(path, line, end):
    assert lines_of(TEXT.replace("\n", end))[path] == line


def test_every_value_that_tomllib_reads_has_a_line():
    # tables that only stand in the headers of others, and arrays of tables, have none of their own
    without = {("evm",), ("seeds",), ("seeds", 1, "inner")}
    assert set(paths(tomllib.loads(TEXT))) - without == set(lines_of(TEXT)) - without


keys = st.text("ab\"'.= #[\\", min_size=1, max_size=4)
texts = st.text("ab\"'\\=#[]{},\n ", max_size=8)


def written(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


@given(st.dictionaries(keys, st.lists(texts, max_size=3), max_size=4))
def test_no_text_is_taken_for_a_key(table):
    lines = []
    for key, value in table.items():
        lines += [f"{written(key)} = [", *(f"{written(each)}, # [x]" for each in value), "]"]
    text = "\n".join(lines)
    assert tomllib.loads(text) == table
    assert set(lines_of(text)) == set(paths(table))
    for path, line in lines_of(text).items():
        if len(path) == 2:
            assert text.split("\n")[line - 1].startswith(written(table[path[0]][path[1]]))
