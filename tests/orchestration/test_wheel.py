"""The wheel is complete: it builds the sample in an empty folder, without a checkout and a network."""

import os
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


def test_an_installed_flowhouse_builds_the_sample_and_writes_nothing_into_its_project(install, tmp_path):
    project = sorted((install / "dbt_project").rglob("*"))
    packages = os.pathsep.join([str(install), *(path for path in sys.path if path.endswith("site-packages"))])
    # -S leaves out the .pth files, and with them the checkout.
    command = [sys.executable, "-S", "-c", "from orchestration.cli.main import main; main()", "build", "--sample"]
    run = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": packages}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "BTC by trade date" in run.stdout
    assert (tmp_path / "data/published/latest/report.html").exists()
    assert sorted((install / "dbt_project").rglob("*")) == project
