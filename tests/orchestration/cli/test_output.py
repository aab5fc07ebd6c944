"""The output of commands: tables that fit, colours on terminals alone, formats for programs."""

import io
import json
import re
import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ingestion.refresh import RefreshResult
from orchestration.cli.output import print_rows, print_table
from orchestration.cli.progress import build_progress

COLUMNS = ["week", "fund", "note", "usd", "coins"]
ROWS = [
    (date(2025, 10, 27), "IBIT", "the shares of one issuer, by the date of the trade", -403.4, Decimal("-3791.24")),
    (date(2025, 11, 3), "FBTC", None, 1_234_567.891, Decimal("12.00")),
]
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3|4|9|10)\d(?:;\d+)*m")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Standard output as a terminal of a given width."""

    def make(width: int) -> Terminal:
        for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr(sys, "stdout", Terminal())
        return sys.stdout

    return make


def lines_of(terminal: Terminal) -> list[str]:
    return ESCAPE.sub("", terminal.getvalue()).splitlines()


@pytest.mark.parametrize("width", [200, 80, 60, 30, 20])
def test_a_table_fits_its_terminal_and_breaks_no_number(terminal, width):
    said = terminal(width)
    print_table(COLUMNS, ROWS)
    assert max(map(len, lines_of(said))) <= width
    for number in ("-403.40", "1,234,567.89", "-3,791.24", "12.00"):
        assert number in said.getvalue()


def test_a_table_that_cannot_fit_is_told_row_by_row(terminal):
    said = terminal(30)
    print_table(COLUMNS, ROWS)
    lines = lines_of(said)
    assert [line.split()[0] for line in lines if line.startswith(tuple(COLUMNS))] == COLUMNS * 2
    assert lines[0].split() == ["week", "2025-10-27"]
    ends = [number for number, line in enumerate(lines) if line.startswith("coins")]
    assert [lines[number + 1].strip() for number in ends] == ["", ""]


def test_off_a_terminal_a_row_is_one_plain_line(capsys):
    print_table(COLUMNS, ROWS)
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert len([line for line in said.splitlines() if "2025-" in line]) == len(ROWS)
    assert "the shares of one issuer, by the date of the trade" in said


@pytest.mark.parametrize("no_color", ["", "1"])
def test_colours_are_for_terminals_that_want_them(terminal, monkeypatch, no_color):
    said = terminal(80)
    monkeypatch.setenv("NO_COLOR", no_color)
    with build_progress(quiet=False) as listeners:
        listeners.on_source_done(RefreshResult("farside", "held", datetime(2026, 1, 5, tzinfo=UTC), captures=1))
        listeners.on_node_done("etf_flows_daily", 1, 2)
    assert "farside" in said.getvalue()
    assert bool(COLOUR.search(said.getvalue())) == (no_color == "")


def test_progress_off_a_terminal_is_plain_lines(capsys):
    with build_progress(quiet=False) as listeners:
        listeners.on_source_done(RefreshResult("farside", "held", datetime(2026, 1, 5, tzinfo=UTC), captures=1))
        listeners.on_node_done("etf_flows_daily", 1, 2)
    assert capsys.readouterr().out == "farside               1 captures read,       0 observations added\n"


def test_texts_neither_steer_a_terminal_nor_are_read_as_markup(terminal):
    said = terminal(80)
    print_table(["text"], [("\x1b[31mred",), ("[bold]loud[/bold]",), (":smile:",), ("two\nlines",)])
    assert "\x1b[31m" not in said.getvalue()
    assert "�[31mred" in said.getvalue()
    assert "[bold]loud[/bold]" in said.getvalue()
    assert ":smile:" in said.getvalue()
    assert [line.strip() for line in lines_of(said)][-3:-1] == ["two", "lines"]


@pytest.mark.parametrize(("coins", "shown"), [("0E-8", "0"), ("0.00250000", "0.0025"), ("-1234.50", "-1,234.50")])
def test_decimals_are_shown_as_people_write_them(terminal, coins, shown):
    said = terminal(80)
    print_table(["coins"], [(Decimal(coins),)])
    assert lines_of(said)[-2].strip() == shown


@pytest.mark.parametrize(("width", "lines"), [(80, [" ".join(COLUMNS)]), (20, COLUMNS)])
def test_a_table_without_rows_shows_its_columns(terminal, width, lines):
    said = terminal(width)
    print_table(COLUMNS, [])
    assert [" ".join(line.split()) for line in lines_of(said) if line.strip() and "─" not in line] == lines


def test_rows_for_programs(capsys):
    print_rows(["day", "coins", "is_complete"], [(date(2025, 11, 4), Decimal("1.50"), None)], "csv")
    assert capsys.readouterr().out == "day,coins,is_complete\n2025-11-04,1.50,\n"
    print_rows(["coins"], [(Decimal("0E-8"),)], "csv")
    assert capsys.readouterr().out == "coins\n0.00000000\n"
    print_rows(["day", "coins", "is_complete"], [(date(2025, 11, 4), Decimal("1.50"), True)], "json")
    assert json.loads(capsys.readouterr().out) == [{"day": "2025-11-04", "coins": 1.5, "is_complete": True}]
