"""The commands as a whole: how errors end, their examples, completion, and the time they take to start."""

import errno
import os
import re
import shlex
import shutil
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from ingestion import registry
from ingestion.source import UploadSource
from orchestration.cli import install_sql_page
from orchestration.cli.ending import sentence
from orchestration.cli.main import main
from orchestration.health import status
from orchestration.home import Home


def commands(command: click.Command, path: tuple[str, ...] = ("flowhouse",)):
    """Every command with its path."""
    yield " ".join(path), command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))


def parses(line: str) -> bool:
    """Whether the command line accepts an example, without running it."""
    command, words = main, shlex.split(line)[1:]
    context = click.Context(main, info_name="flowhouse")
    while isinstance(command, click.Group):
        _, command, words = command.resolve_command(context, words)
    command.make_context(command.name, words, parent=context)
    return True


@pytest.mark.parametrize(("called", "command"), [*commands(main)], ids=[called for called, _ in commands(main)])
def test_every_command_has_examples_that_it_takes(called, command):
    examples = re.findall(r"^ *(flowhouse .*)$", command.help or "", re.M)
    assert any(example.startswith(called) for example in examples)
    for example in examples:
        assert "COMMAND" in example or parses(example.partition(" >")[0])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(flowhouse, shell, tmp_path):
    script = flowhouse("completion", shell)
    assert script.exit_code == 0
    assert "_FLOWHOUSE_COMPLETE" in script.output
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell} here to read the script")
    (tmp_path / "script").write_text(script.stdout)
    subprocess.run([shell, "-n", tmp_path / "script"], check=True)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("flowhouse sta", {"status"}),
        ("flowhouse ingest bit", {"bitcoin", "bitfinex_liquidations", "bitview", "bitwise"}),
        ("flowhouse sql --fo", {"--format"}),
    ],
)
def test_commands_and_options_are_completed(typed, offered):
    place = str(len(typed.split()) - 1)
    asked = {"_FLOWHOUSE_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": place}
    result = CliRunner().invoke(main, prog_name="flowhouse", env=asked)
    assert {line.partition(",")[2] for line in result.output.splitlines()} == offered


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["--help"], {}),
        (["ingest", "--help"], {}),
        (["ingest", "farside", "--help"], {}),
        ([], {"_FLOWHOUSE_COMPLETE": "bash_complete", "COMP_WORDS": "flowhouse ingest f", "COMP_CWORD": "2"}),
    ],
    ids=["help", "help on sources", "help on a source", "completion"],
)
def test_help_and_completion_import_nothing_heavy(arguments, environment):
    """0.15 s of CPU instead of 0.3 with Polars alone; a shell waits for it at each press of the tab key."""
    heavy = "{'polars', 'duckdb', 'dagster', 'dbt', 'rich', 'numba', 'requests', 'pyarrow'}"
    program = (
        "import atexit, sys\nfrom orchestration.cli.main import main\n"
        f"atexit.register(lambda: print('heavy:', {heavy} & set(sys.modules)))\n"
        f"main({arguments}, prog_name='flowhouse')"
    )
    environment = os.environ | environment
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment)
    assert said.stdout.endswith("heavy: set()\n")
    assert "farside" in said.stdout or arguments == ["--help"]


@pytest.mark.parametrize("name", registry.names())
def test_every_source_is_a_command_with_the_options_of_its_kind(name):
    options = {option for parameter in main.commands["ingest"].commands[name].params for option in parameter.opts}
    assert {"--sample", "--replay", "--live", "--home"} <= options
    assert ({"--file", "--name"} <= options) == isinstance(registry.source(name), UploadSource)


def test_the_former_name_of_a_command_is_hidden_and_does_the_same(flowhouse, monkeypatch, tmp_path):
    installed = []
    monkeypatch.setattr(install_sql_page.install_sql_page, "callback", lambda root: installed.append(root))
    assert flowhouse("browser", "--home", tmp_path).exit_code == 0
    assert installed == [tmp_path]
    said = flowhouse("--help").output
    assert "install-sql-page" in said
    assert not re.search("^ *browser ", said, re.M)


def test_what_nobody_foresaw_ends_in_a_sentence_too(sample_home, flowhouse, monkeypatch):
    monkeypatch.setattr(status, "read", lambda home, settings, at: 1 / 0)
    result = flowhouse("status", "--home", sample_home)
    assert result.exit_code == 1
    assert "This should not have happened (ZeroDivisionError)" in result.output
    with pytest.raises(ZeroDivisionError):
        flowhouse("--debug", "status", "--home", sample_home)


HOLDER = """
import sys, time
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


def test_a_home_in_use_says_so(copied, flowhouse, monkeypatch):
    monkeypatch.setenv("FLOWHOUSE_LOCK_WAIT_SECONDS", "0.1")
    command = [sys.executable, "-c", HOLDER, copied / "build" / "lock"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        result = flowhouse("ingest", "nyse", "--home", copied)
        other.kill()
    assert result.exit_code == 1
    assert "Another flowhouse is writing to this home" in result.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("build", "--sample", "--live"), "exclude each other"),
        (("build", "--replay", "no/such/folder"), "is not a folder"),
        (("build", "--as-of", "yesterday"), "write it like 2025-11-20T02:15:00Z"),
        (("build", "--as-of", "2999-01-01"), "is in the future"),
        (("ingest", "bitcoin"), "give one of --datadir DIR, --rpc URL and --rest URL"),
        (("ingest", "bitcoin", "--datadir", ".", "--network", "main2"), "There is no network 'main2'"),
        (("unknown",), "No such command"),
        (("ingest", "bloomberg"), "No such command"),
    ],
)
def test_wrong_usage_exits_2_in_one_sentence(tmp_path, flowhouse, arguments, sentence):
    options = [] if sentence == "No such command" else ["--home", tmp_path]
    result = flowhouse(*arguments, *options)
    assert result.exit_code == 2
    assert sentence in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(("name", "says"), [("a,b", "has a comma in its path"), ("a?b", "has a '?' in its path")])
def test_a_home_that_duckdb_cannot_read_from_is_wrong_usage(tmp_path, flowhouse, name, says):
    result = flowhouse("build", "--home", tmp_path / name)
    assert result.exit_code == 2
    assert says in result.output
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "x.json cannot be written (No space left on device): make room"),
        (errno.EACCES, "x.json cannot be read or written (Permission denied): get access to it"),
        (errno.EIO, "x.json cannot be read or written (Input/output error): check the disk"),
        (errno.ENOENT, "x.json cannot be read or written (No such file or directory): check that it is there"),
    ],
)
def test_an_error_of_the_system_says_what_which_file_and_what_to_do(number, says):
    assert sentence(OSError(number, os.strerror(number), "x.json")).startswith(says)


def test_a_full_disk_is_named(tmp_path, flowhouse, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "file"))

    monkeypatch.setattr(Home, "write_state", refuse)
    result = flowhouse("build", "--home", tmp_path / "home")
    assert result.exit_code == 1
    assert f"{tmp_path / 'file'} cannot be written (No space left on device)" in result.output
