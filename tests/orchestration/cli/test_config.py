"""`flowhouse config`, and that no command that only reads makes a home."""

import json
import re
import stat
import subprocess
import sys
import tomllib
from functools import reduce

import pytest

from ingestion.errors import UsageError
from orchestration.configuration.keys import dotted, paths_of
from orchestration.configuration.toml_lines import lines_of
from orchestration.home import Home
from orchestration.settings import BitcoinNode, EvmProvider, Publishers, Settings

SECRET = "s3cr3t-k3y"


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def value_at(table, key):
    """The value at a dotted key."""
    return reduce(lambda below, part: below[part], key.split("."), table)


def test_init_writes_a_file_that_only_its_owner_reads_and_that_changes_nothing_but_the_mode(flowhouse, home):
    result = flowhouse("config", "--init", "--home", home)
    assert result.exit_code == 0
    file = home / "flowhouse.toml"
    assert f"Wrote {file}" in result.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Settings.read(home, {}) == Settings(publishers=Publishers(mode="live"))


def test_init_never_overwrites(flowhouse, home):
    flowhouse("config", "--init", "--home", home)
    (home / "flowhouse.toml").write_text("publish.keep_builds = 3")
    result = flowhouse("config", "--init", "--home", home)
    assert result.exit_code == 2
    assert "is there already: edit it, or move it away first." in result.output
    assert (home / "flowhouse.toml").read_text() == "publish.keep_builds = 3"


def test_init_says_that_it_cannot_write(flowhouse, tmp_path):
    (tmp_path / "file").write_text("")
    result = flowhouse("config", "--init", "--home", tmp_path / "file")
    assert result.exit_code == 2
    assert "is not a folder" in result.output
    with pytest.raises(UsageError, match="cannot be written"):
        Home(tmp_path / "file").write_settings("flowhouse.toml", "")


def test_two_edited_lines_of_the_written_file_name_a_node_and_a_provider(flowhouse, home):
    flowhouse("config", "--init", "--home", home)
    file = home / "flowhouse.toml"
    text = file.read_text().replace("#main.datadir", "main.datadir").replace("#ethereum.rpc", "ethereum.rpc")
    file.write_text(text)
    settings = Settings.read(home, {})
    assert (list(settings.bitcoin), list(settings.evm), settings.publishers.mode) == (["main"], ["ethereum"], "live")


def test_the_written_file_names_every_key_with_its_default(flowhouse, home):
    flowhouse("config", "--init", "--home", home)
    text = re.sub(r"(?m)^#(?=[a-z_.]+ = )", "", (home / "flowhouse.toml").read_text())
    written = {dotted(path) for path in lines_of(text)}
    examples = Settings(bitcoin={"main": BitcoinNode()}, evm={"ethereum": EvmProvider(rpc=())})
    defaults = {dotted(path): value for path, _, value in paths_of(examples)}
    only_variables = {"confirmations", "rpc_user", "rpc_password", "evm_rpc_url"}
    elsewhere = {"bitcoin.main.password", "evm.ethereum.chain_id"}
    elsewhere |= {"publishers.coinglass_key", "publishers.coinalyze_key", "publishers.coinshares_key"}
    assert defaults.keys() - written == only_variables | elsewhere
    for key, default in defaults.items():
        if key.startswith("schedule.") or (key in written and isinstance(default, bool | int | float)):
            assert value_at(tomllib.loads(text), key) == default


def test_config_shows_each_value_and_whence_it_comes(flowhouse, home, monkeypatch):
    home.mkdir()
    file = home / "flowhouse.toml"
    file.write_text(
        f"""
        [publishers]
        contact = "me@example.org"
        [bitcoin.main]
        rpc = "http://127.0.0.1/{SECRET}"
        user = "ann"
        password_env = "NODE_PASSWORD"
        [alerts]
        urls = ["json://{SECRET}"]
        """
    )
    monkeypatch.setenv("NODE_PASSWORD", SECRET)
    monkeypatch.setenv("FLOWHOUSE_MODE", "live")
    result = flowhouse("config", "--format", "json", "--home", home)
    assert result.exit_code == 0, result.output
    shown = {row["key"]: (row["value"], row["whence"]) for row in json.loads(result.output)}
    assert shown["publishers.contact"] == ("me@example.org", f"{file}, line 3")
    assert shown["publishers.mode"] == ("live", "FLOWHOUSE_MODE")
    assert shown["publishers.sources"] == (None, "default")
    assert shown["bitcoin.main.password"] == ("set", f"{file}, line 7, variable NODE_PASSWORD")
    assert shown["bitcoin.main.rpc"] == ("set", f"{file}, line 5")
    assert shown["bitcoin.main.rest"] == (None, "default")
    assert shown["alerts.urls"] == ("set", f"{file}, line 9")
    assert shown["publish.keep_builds"] == (7, "default")
    table = flowhouse("config", "--home", home).output
    assert "NODE_PASSWORD" in table
    assert SECRET not in result.output + table


@pytest.mark.parametrize(
    "command", [("status",), ("sql", "select 1"), ("claims",), ("config",)], ids=lambda each: each[0]
)
def test_a_command_that_only_reads_makes_no_home(flowhouse, home, command):
    result = flowhouse(*command, "--home", home)
    assert result.exit_code == 2
    assert f"There is no home at {home}: run `flowhouse build` there, or name another with --home." in result.output
    assert not home.exists()


def test_doctor_looks_at_a_home_that_is_not_there_yet_and_makes_none(flowhouse, home):
    result = flowhouse("doctor", "--home", home)
    assert result.exit_code == 0
    assert f"home is {home}, not there yet: run `flowhouse build`" in result.output
    assert not home.exists()


@pytest.mark.parametrize(
    "command",
    [
        ("build",),
        ("ingest", "farside"),
        ("ingest", "nyse"),
        ("ingest", "prices"),
        ("ingest", "bitcoin", "--rpc", "http://127.0.0.1:9"),
        ("ingest", "evm"),
        ("status",),
        ("doctor",),
        ("serve",),
        ("config",),
    ],
    ids="-".join,
)
def test_a_wrong_setting_stops_every_command_that_reads_settings(flowhouse, tmp_path, monkeypatch, command):
    (tmp_path / "flowhouse.toml").write_text("[publish]\nkeep_build = 3\n")
    result = flowhouse(*command, "--home", tmp_path)
    assert result.exit_code == 2
    assert "line 2: there is no setting publish.keep_build: write keep_builds." in result.output
    (tmp_path / "flowhouse.toml").unlink()
    monkeypatch.setenv("FLOWHOUSE_MODE", "foo")
    result = flowhouse(*command, "--home", tmp_path)
    assert result.exit_code == 2
    assert "FLOWHOUSE_MODE is 'foo': set it to live or held." in result.output
    assert not list(tmp_path.iterdir())


def test_commands_that_read_no_settings_stay_light():
    code = (
        "import sys, orchestration.cli.main, orchestration.cli.config, orchestration.publishing.published;"
        "sys.exit('pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
