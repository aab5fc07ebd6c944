"""The line of each key in a TOML text, which `tomllib` does not give."""

import re

Path = tuple[str | int, ...]
"""Keys from the top of the document down to a value; a number counts the items of an array."""

BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)+")
KEY = re.compile(r"""[ \t]*(?:([A-Za-z0-9_-]+)|"((?:\\.|[^"\\])*)"|'([^']*)')[ \t]*""")
STRING = re.compile(r'"""(?:\\.|[^\\])*?"{3,5}|' + r"'''.*?'{3,5}|" + r'"(?:\\.|[^"\\])*"|' + r"'[^']*'", re.DOTALL)
SCALAR = re.compile(r"[^,\]}#\n]+")


def lines_of(text: str) -> dict[Path, int]:
    """The line, counted from 1, on which each table, key and item begins.

    Args:
        text: a document that `tomllib` has parsed; of another one the result means nothing.
    """
    return _Document(text.replace("\r\n", "\n")).read()


class _Document:
    """One walk through a document, from one statement to the next."""

    def __init__(self, text: str):
        self._text = text
        self._at = 0
        self._lines: dict[Path, int] = {}
        self._items: dict[Path, int] = {}

    def read(self) -> dict[Path, int]:
        table: Path = ()
        while self._skip_blank():
            line = self._line()
            if self._take("["):
                is_array = self._take("[")
                table = self._table(self._key(), is_array)
                self._note(table, line)
                self._at += 2 if is_array else 1
            else:
                self._pair(table)
        return self._lines

    def _pair(self, table: Path) -> None:
        line = self._line()
        path = (*table, *self._key())
        for length in range(len(table) + 1, len(path) + 1):
            self._note(path[:length], line)
        self._at += 1  # the equals sign
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip_blank()
        if self._take("["):
            number = 0
            while self._skip_blank() and not self._take("]"):
                self._note((*path, number), self._line())
                self._value((*path, number))
                number += 1
                self._skip_blank()
                self._take(",")
        elif self._take("{"):
            while self._skip_blank() and not self._take("}"):
                self._pair(path)
                self._skip_blank()
                self._take(",")
        else:
            found = STRING.match(self._text, self._at) or SCALAR.match(self._text, self._at)
            self._at = found.end() if found else len(self._text)

    def _key(self) -> tuple[str, ...]:
        """The parts of a dotted key."""
        parts: list[str] = []
        while found := KEY.match(self._text, self._at):
            bare, quoted, literal = found.groups()
            parts.append(bare or literal or _unescaped(quoted or ""))
            self._at = found.end()
            if not self._take("."):
                break
        return tuple(parts)

    def _table(self, key: tuple[str, ...], is_array: bool) -> Path:
        """The path of a table's header: below an array of tables it is that of the newest item."""
        path: Path = ()
        for number, part in enumerate(key):
            path = (*path, part)
            if is_array and number == len(key) - 1:
                self._items[path] = self._items.get(path, -1) + 1
            if path in self._items:
                path = (*path, self._items[path])
        return path

    def _note(self, path: Path, line: int) -> None:
        self._lines.setdefault(path, line)

    def _line(self) -> int:
        return self._text.count("\n", 0, self._at) + 1

    def _skip_blank(self) -> bool:
        """Go on to what is neither space nor comment; False at the end."""
        if found := BLANK.match(self._text, self._at):
            self._at = found.end()
        return self._at < len(self._text)

    def _take(self, sign: str) -> bool:
        """Step over a sign if it comes next."""
        if self._text.startswith(sign, self._at):
            self._at += 1
            return True
        return False


def _unescaped(quoted: str) -> str:
    """The text of a quoted key."""
    import tomllib

    return next(iter(tomllib.loads(f'"{quoted}" = 0')))
