"""`flowhouse sql`: formats, what is refused, and answers as of a time."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

FLOWHOUSE = Path(sys.executable).with_name("flowhouse")
FOR_EVER = "select sum(hash(n)) from range(1000000000000) as numbers(n)"


@pytest.fixture
def small_home(tmp_path):
    """A home that published one table of 1,500 rows, whose texts steer a terminal."""
    folder = tmp_path / "home" / "published" / "one"
    folder.mkdir(parents=True)
    (folder.parent / "latest").symlink_to("one")
    (folder / "manifest.json").write_text("{}")
    with duckdb.connect(str(folder / "warehouse.duckdb")) as con:
        con.execute("create schema marts")
        con.execute(
            "create table marts.cells as select n, chr(27) || '[31m' || chr(8238) || n as word from range(1500) r(n)"
        )
    return tmp_path / "home"


def test_sql_answers_in_three_formats(sample_home, flowhouse):
    query = "select ticker, fee_bps from funds where ticker in ('IBIT', 'GBTC') order by ticker"
    table = flowhouse("sql", query, "--home", sample_home)
    assert "GBTC" in table.output
    csv = flowhouse("sql", query, "--format", "csv", "--home", sample_home)
    assert csv.output == "ticker,fee_bps\nGBTC,150\nIBIT,25\n"
    parsed = json.loads(flowhouse("sql", query, "--format", "json", "--home", sample_home).output)
    assert parsed == [{"ticker": "GBTC", "fee_bps": 150}, {"ticker": "IBIT", "fee_bps": 25}]


@pytest.mark.parametrize("statement", ["drop table marts.funds", "selec 1", "select * from nowhere"])
def test_sql_only_reads_and_says_what_is_wrong(sample_home, flowhouse, statement):
    result = flowhouse("sql", statement, "--home", sample_home)
    assert result.exit_code == 2
    assert "The query does not run" in result.output
    assert "Traceback" not in result.output


def test_the_as_of_macro_answers_from_the_command_line(sample_home, flowhouse):
    count = "select count(*) as n from etf_flows_daily_as_of('{}') where source = 'issuer'"
    before = flowhouse("sql", count.format("2025-11-10 00:00"), "--format", "csv", "--home", sample_home)
    after = flowhouse("sql", count.format("2025-11-12 00:00"), "--format", "csv", "--home", sample_home)
    assert before.output == "n\n0\n"
    assert after.output == "n\n31\n"


def test_a_query_before_any_build_says_to_build(tmp_path, flowhouse):
    result = flowhouse("sql", "select 1", "--home", tmp_path)
    assert result.exit_code == 2
    assert "run `flowhouse build` first" in result.output


@pytest.mark.parametrize(
    "statement",
    [
        "from read_csv('/etc/passwd')",
        "from read_text('{home}/published/one/manifest.json')",
        "copy cells to '{home}/cells.csv'",
        "export database '{home}/exported'",
        "attach '{home}/other.db'",
        "install httpfs",
        "load httpfs",
        "from 'http://127.0.0.1:9/x.parquet'",
        "from glob('/*')",
        "set enable_external_access = true",
        "set temp_directory = '{home}'",
        "reset lock_configuration",
        "insert into cells values (1, 'x')",
        "from call_local",
    ],
)
def test_a_query_is_confined_to_the_warehouse(small_home, flowhouse, statement):
    before = sorted(small_home.rglob("*"))
    result = flowhouse("sql", statement.format(home=small_home), "--home", small_home)
    assert result.exit_code == 2
    assert result.output.startswith("flowhouse: The query does not run")
    assert sorted(small_home.rglob("*")) == before


def test_all_of_duckdb_is_there_for_those_who_ask_for_it(small_home, flowhouse):
    file = small_home / "cells.csv"
    assert flowhouse("sql", "--unsafe", f"copy cells to '{file}'", "--home", small_home).exit_code == 0
    assert len(file.read_text().splitlines()) == 1501
    assert flowhouse("sql", "--unsafe", "insert into cells values (1, 'x')", "--home", small_home).exit_code == 2


def test_a_table_says_where_it_ends(small_home, flowhouse):
    many = flowhouse("sql", "select n from cells order by n", "--home", small_home)
    assert "These are the first 1,000 of more rows: --format csv or json has all." in many.output
    assert " 999 " in many.output
    assert " 1,000 \n" not in many.output
    few = flowhouse("sql", "select n from cells order by n limit 1000", "--home", small_home)
    assert "of more rows" not in few.output
    assert len(flowhouse("sql", "from cells", "--format", "csv", "--home", small_home).output.splitlines()) == 1501
    assert len(json.loads(flowhouse("sql", "from cells", "--format", "json", "--home", small_home).output)) == 1500


def test_each_of_several_statements_is_answered_or_the_sentence_says_why_not(small_home, flowhouse):
    both = flowhouse("sql", "select 41 as a; select 42 as b", "--home", small_home).output.split()
    assert [word for word in both if word.isalnum()] == ["a", "41", "b", "42"]
    refused = flowhouse("sql", "select 1; select 2", "--format", "csv", "--home", small_home)
    assert (refused.exit_code, refused.output) == (
        2,
        "flowhouse: 2 statements make no one csv: give them one by one.\n",
    )
    assert flowhouse("sql", "-- nothing", "--home", small_home).exit_code == 2


def test_the_place_of_a_mistake_stays_under_its_word(small_home, flowhouse):
    lines = flowhouse("sql", "select n\nfrom nowhere", "--home", small_home).output.splitlines()
    (said,) = (number for number, line in enumerate(lines) if line.startswith("LINE 2: "))
    assert lines[said + 1].index("^") == lines[said].index("nowhere")


@pytest.mark.parametrize("query", ["from cells limit 1", 'select 1 as "\x1b[31m"', "selec '\x1b[31m'"])
def test_neither_answers_nor_mistakes_steer_a_terminal(small_home, flowhouse, query):
    output = flowhouse("sql", query, "--home", small_home).output
    assert not {"\x1b", "\u202e"} & set(output)


def test_a_file_gets_the_texts_as_they_are(small_home, flowhouse):
    csv = flowhouse("sql", "select word from cells where n = 7", "--format", "csv", "--home", small_home).output
    assert csv == "word\n\x1b[31m\u202e7\n"


def test_an_answer_larger_than_memory_is_streamed(small_home):
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (3 * 1024**3, 3 * 1024**3))

    query = "select n, repeat('x', 2000) as word from range(2000000) as numbers(n)"
    command = [FLOWHOUSE, "sql", query, "--format", "csv", "--home", small_home]
    with subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=limit) as process:
        assert process.stdout
        assert sum(len(process.stdout.readline()) for _ in range(50_000)) > 100_000_000
        kilobytes = next(
            line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("VmHWM")
        )
        process.stdout.close()
    assert int(kilobytes.split()[1]) < 400_000


def test_whoever_stops_reading_ends_it_without_a_word(small_home):
    command = [FLOWHOUSE, "sql", "from range(10000000)", "--format", "csv", "--home", small_home]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == b"range\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 128 + signal.SIGPIPE


@pytest.mark.parametrize("signals", [(signal.SIGINT,), (signal.SIGTERM,), (signal.SIGINT, signal.SIGINT)])
def test_a_signal_ends_a_query_in_one_sentence(small_home, signals):
    command = [FLOWHOUSE, "sql", FOR_EVER, "--home", small_home]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(4)
        for number in signals:
            process.send_signal(number)
        try:
            said = process.communicate(timeout=30)[1]
        finally:
            process.kill()
    assert process.returncode == 128 + signals[0]
    assert [line.partition(":")[0] for line in said.splitlines()] in (["flowhouse"], ["flowhouse", "flowhouse"])


@pytest.mark.parametrize("damage", ["cut short", "garbage"])
def test_a_damaged_warehouse_is_named_with_what_to_do(small_home, flowhouse, damage):
    file = small_home / "published" / "one" / "warehouse.duckdb"
    file.write_bytes(file.read_bytes()[:6000] if damage == "cut short" else b"garbage" * 1000)
    result = flowhouse("sql", "from cells", "--home", small_home)
    assert result.exit_code == 1
    assert "warehouse.duckdb cannot be read (" in result.output
    assert "run `flowhouse build`" in result.output
