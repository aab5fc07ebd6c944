"""The wheel is complete: it builds the sample in an empty folder, without a checkout and a network."""

import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def install(tmp_path_factory) -> Path:
    """A folder with what the wheel installs."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(build, cwd=CHECKOUT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site-packages")
    return folder / "site-packages"


@pytest.fixture
def command(install) -> tuple[list[str], dict[str, str]]:
    """The installed command and its environment, without .pth files (-S), which name the checkout, and folder (-P)."""
    packages = os.pathsep.join([str(install), *(path for path in sys.path if path.endswith("site-packages"))])
    program = "from orchestration.cli.main import main; main()"
    return [sys.executable, "-S", "-P", "-c", program], os.environ | {"PYTHONPATH": packages, "PYTHONUNBUFFERED": "1"}


def test_an_installed_flowhouse_builds_the_sample_and_writes_nothing_into_its_project(install, command, tmp_path):
    project = sorted((install / "dbt_project").rglob("*"))
    arguments, environment = command
    run = subprocess.run(
        [*arguments, "build", "--sample"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "BTC by trade date" in run.stdout
    assert (tmp_path / "data/published/latest/report.html").exists()
    assert sorted((install / "dbt_project").rglob("*")) == project


def test_an_installed_flowhouse_serves(install, command, tmp_path):
    """Its processes run what was installed, not a folder of the same name where they were started."""
    (tmp_path / "orchestration").mkdir()
    (tmp_path / "orchestration/__init__.py").write_text("raise ImportError('this is another project')")
    arguments, environment = command
    served = [*arguments, "serve", "--port", "0", "--home", "data"]
    with subprocess.Popen(served, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
    assert line.startswith(f"flowhouse serves {tmp_path}/data on http://127.0.0.1:")
    assert process.returncode == 0
