"""`flowhouse sql --format parquet|xlsx`: the same rows, with their types, whole or not at all."""

import os
import pty
import subprocess
import sys
import zipfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from lxml import etree

FLOWHOUSE = Path(sys.executable).with_name("flowhouse")
SHEET = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
TYPES = """
    select 1335041.52195612::decimal(38, 8) as held_native, -0.5::double as net_flow_usd, 7::integer as sessions,
        9007199254740993::bigint as sats, true as is_final, date '2025-11-04' as trade_date,
        timestamp '2025-11-04 21:00:05' as closes_at, '=1+1' as formula, null::varchar as nothing
"""


@pytest.fixture
def home(tmp_path) -> Path:
    """A home that published one table."""
    folder = tmp_path / "home" / "published" / "one"
    folder.mkdir(parents=True)
    (folder.parent / "latest").symlink_to("one")
    (folder / "manifest.json").write_text("{}")
    with duckdb.connect(str(folder / "warehouse.duckdb")) as con:
        con.execute(f"create schema marts; create table marts.kinds as {TYPES}")
    return tmp_path / "home"


def cells(workbook: Path) -> list[list[tuple[str, str | None]]]:
    """Each row of the sheet as (kind, text) of its cells; a text is `text`, a formula would be `formula`."""
    with zipfile.ZipFile(workbook) as parts:
        root = etree.fromstring(parts.read("xl/worksheets/sheet1.xml"))
    rows = []
    for row in root.iterfind(".//s:row", SHEET):
        found = []
        for cell in row.iterfind("s:c", SHEET):
            is_text = cell.get("t") == "inlineStr"
            kind = "formula" if cell.find("s:f", SHEET) is not None else "text" if is_text else cell.get("t", "number")
            text = cell.findtext("s:is/s:t" if is_text else "s:v", namespaces=SHEET)
            found.append((kind, text))
        rows.append(found)
    return rows


def test_parquet_has_the_types_and_values_of_the_query(home, flowhouse, tmp_path):
    result = flowhouse("sql", "from kinds", "--format", "parquet", "--home", home)
    file = tmp_path / "answer.parquet"
    file.write_bytes(result.stdout_bytes)
    (row,) = pl.read_parquet(file).to_dicts()
    assert row == {
        "held_native": Decimal("1335041.52195612"),
        "net_flow_usd": -0.5,
        "sessions": 7,
        "sats": 9007199254740993,
        "is_final": True,
        "trade_date": date(2025, 11, 4),
        "closes_at": datetime(2025, 11, 4, 21, 0, 5),
        "formula": "=1+1",
        "nothing": None,
    }
    assert pl.read_parquet(file).schema["held_native"] == pl.Decimal(38, 8)


def test_a_workbook_has_numbers_dates_and_texts_as_what_they_are(home, flowhouse, tmp_path):
    file = tmp_path / "answer.xlsx"
    assert flowhouse("sql", "from kinds", "--format", "xlsx", "--output", file, "--home", home).output == ""
    heading, row = cells(file)
    assert [text for _, text in heading][:3] == ["held_native", "net_flow_usd", "sessions"]
    days = (date(2025, 11, 4) - date(1899, 12, 30)).days
    at = days + (21 * 3600 + 5) / 86400
    assert row[:6] == [
        ("number", "1335041.52195612"),
        ("number", "-0.5"),
        ("number", "7"),
        ("text", "9007199254740993"),
        ("b", "1"),
        ("number", str(days)),
    ]
    assert float(row[6][1] or "") == pytest.approx(at, abs=1e-9)
    assert row[7:] == [("text", "=1+1")]  # and nothing where there is nothing


@pytest.mark.parametrize("start", ["=cmd()", "+1", "-1", "@sum(a)", "\tx", "https://example.org", "{=1}", "1e5", "007"])
def test_a_text_stays_a_text(home, flowhouse, tmp_path, start):
    file = tmp_path / "answer.xlsx"
    flowhouse("sql", f"select '{start}' as word", "--format", "xlsx", "--output", file, "--home", home)
    assert cells(file)[1] == [("text", start)]
    with zipfile.ZipFile(file) as parts:
        assert not [name for name in parts.namelist() if "rels" in name and b"hyperlink" in parts.read(name)]


def test_what_a_sheet_has_no_number_for_is_text(home, flowhouse, tmp_path):
    file = tmp_path / "answer.xlsx"
    query = "select 'nan'::double as a, 'infinity'::double as b, date '1856-05-01' as c, [1, 2] as d"
    assert flowhouse("sql", query, "--format", "xlsx", "--output", file, "--home", home).exit_code == 0
    assert cells(file)[1] == [("text", "nan"), ("text", "inf"), ("text", "1856-05-01"), ("text", "[1, 2]")]


def test_a_file_takes_the_place_of_the_one_before_whole_or_not_at_all(home, flowhouse, tmp_path):
    file = tmp_path / "answer.xlsx"
    file.write_text("before")
    long = flowhouse("sql", "select repeat('x', 40000) as word", "--format", "xlsx", "--output", file, "--home", home)
    assert (long.exit_code, file.read_text()) == (2, "before")
    assert "a text in row 1 has 40,000: shorten it, or use --format parquet." in long.output
    many = flowhouse("sql", "from range(1048576)", "--format", "xlsx", "--output", file, "--home", home)
    assert (many.exit_code, file.read_text()) == (2, "before")
    assert "A sheet has room for 1,048,575 rows" in many.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answer.xlsx", "home"]
    assert flowhouse("sql", "from kinds", "--format", "xlsx", "--output", file, "--home", home).exit_code == 0
    assert len(cells(file)) == 2


@pytest.mark.parametrize("form", ["parquet", "xlsx"])
@pytest.mark.parametrize(
    ("query", "options", "said"),
    [
        ("select 1; select 2", [], "2 statements make no one"),
        ("selec 1", [], "The query does not run"),
        ("copy kinds to 'kinds.csv'", [], "The query does not run (--unsafe lets it)"),
        ("/* nothing */", [], "There is no statement in the query"),
        ("from kinds", ["--output", "no/such/folder/file"], "There is no folder "),
    ],
)
def test_what_makes_no_file_is_said(home, flowhouse, form, query, options, said):
    result = flowhouse("sql", query, "--format", form, *options, "--home", home)
    assert result.exit_code == 2
    assert said in result.output
    assert not Path("no").exists()


def test_a_type_that_parquet_lacks_is_named(home, flowhouse):
    result = flowhouse("sql", "select interval 1 day as days", "--format", "parquet", "--home", home)
    assert result.exit_code == 2
    assert "cast it to varchar. Columns: days" in result.output


def test_text_goes_to_a_file_by_the_shell(home, flowhouse):
    result = flowhouse("sql", "from kinds", "--format", "csv", "--output", "kinds.csv", "--home", home)
    assert (result.exit_code, result.output) == (
        2,
        "flowhouse: --output is for parquet and xlsx: send a csv to a file with `> kinds.csv`.\n",
    )


@pytest.mark.parametrize("form", ["parquet", "xlsx"])
def test_no_terminal_gets_bytes(home, form):
    ours, theirs = pty.openpty()
    command = [FLOWHOUSE, "sql", "from kinds", "--format", form, "--home", home]
    result = subprocess.run(command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    os.close(ours)
    assert result.returncode == 2
    assert result.stderr == (
        f"flowhouse: A terminal cannot show {form}: add `> answer.{form}`, or --output answer.{form}.\n"
    )


def test_an_answer_larger_than_memory_is_written(home, tmp_path):
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (3 * 1024**3, 3 * 1024**3))

    query = "select n, repeat(md5(n::varchar), 60) as word from range(1500000) as numbers(n)"
    file = tmp_path / "large.parquet"
    command = [FLOWHOUSE, "sql", query, "--format", "parquet", "--output", file, "--home", home]
    result = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    assert pl.scan_parquet(file).select(pl.len()).collect().item() == 1_500_000
