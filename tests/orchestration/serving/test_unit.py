"""The unit that `flowhouse service --systemd` prints, as systemd itself reads it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ingestion.errors import UsageError
from orchestration.serving.unit import unit

ANALYZE = shutil.which("systemd-analyze")
NAMES = ["plain", "two words", "100% $HOME %h ${HOME}", "ünïcode"]
QUOTED = 'a "quoted" \\ name'


@pytest.fixture
def verify(tmp_path):
    """What `systemd-analyze verify` says of a unit; it exits 0 on keys it does not know, but says so."""
    if ANALYZE is None:
        pytest.skip("there is no systemd here: apt-get install systemd")

    def run(text: str) -> str:
        file = tmp_path / "flowhouse.service"
        file.write_text(text)
        environment = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)}
        command = [ANALYZE, "verify", "--user", "--man=no", str(file)]
        result = subprocess.run(command, env=environment, capture_output=True, text=True)
        return result.stdout + result.stderr + (f"exit code {result.returncode}" if result.returncode else "")

    return run


def executable(folder: Path) -> Path:
    folder.mkdir()
    command = folder / "flowhouse"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    return command


@pytest.mark.parametrize("name", NAMES)
def test_systemd_accepts_it_without_a_word_whatever_the_paths(verify, tmp_path, name):
    """It finds the command only where it reads the path as it is."""
    assert verify(unit(executable(tmp_path / name), tmp_path / name / "home", 3000)) == ""


def test_a_word_of_systemd_would_be_noticed(verify, tmp_path):
    text = unit(executable(tmp_path / "bin"), tmp_path, 3000)
    assert "Unknown key" in verify(text.replace("Nice=", "Niceness="))
    assert "not executable" in verify(unit(tmp_path / "absent", tmp_path, 3000))


def test_a_path_that_no_unit_can_hold_is_refused(tmp_path):
    with pytest.raises(UsageError, match="give the home another name"):
        unit(tmp_path / "flowhouse", tmp_path / "two\nlines", 3000)
    with pytest.raises(UsageError, match=r"install .* elsewhere"):
        unit(tmp_path / QUOTED / "flowhouse", tmp_path, 3000)


def test_a_home_with_quotes_in_its_name_is_accepted(verify, tmp_path):
    assert verify(unit(executable(tmp_path / "bin"), tmp_path / QUOTED, 3000)) == ""


def test_the_command_names_this_installation_and_home(flowhouse, tmp_path, verify):
    result = flowhouse("service", "--systemd", "--home", tmp_path / "my home", "--port", 3001)
    assert result.exit_code == 0
    assert f'/bin/flowhouse" serve --home "{tmp_path}/my home" --port 3001\n' in result.output
    assert verify(result.output) == ""


def test_without_a_system_it_says_which_there_is(flowhouse):
    result = flowhouse("service")
    assert (result.exit_code, result.output) == (2, "flowhouse: Say for which system: --systemd is the one there is.\n")
