"""The published sample, and the environments that the recipes need."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """Make an environment from a recipe's requirements; returns its folder of commands."""

    def make(recipe: str) -> Path:
        folder = tmp_path_factory.mktemp(recipe) / "env"
        requirements = ROOT / "orchestration/bi" / f"{recipe}.txt"
        subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, folder], check=True)
        subprocess.run([UV, "pip", "install", "--quiet", "--python", folder, "-r", requirements], check=True)
        return folder / "bin"

    return make


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Path:
    """A home with the sample, built by the command line."""
    home = tmp_path_factory.mktemp("a home")
    flowhouse = Path(sys.executable).with_name("flowhouse")
    subprocess.run([flowhouse, "build", "--sample", "--quiet", "--home", home], check=True, stdout=subprocess.DEVNULL)
    return home


@pytest.fixture(scope="session")
def warehouse(home) -> Path:
    return home / "published" / "latest" / "warehouse.duckdb"
