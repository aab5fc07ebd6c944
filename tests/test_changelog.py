"""The changelog has a dated section for the version of pyproject.toml, the one place that names it."""

import re
import tomllib
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parent.parent
SECTIONS = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
RELEASES = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})", section) for section in SECTIONS[1:]]


def test_what_is_not_released_stands_first_and_each_release_is_dated():
    assert SECTIONS[0] == "[Unreleased]"
    assert None not in RELEASES


def test_the_newest_release_is_the_version_of_the_package():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert RELEASES[0].group(1) == version


def test_releases_stand_newest_first():
    order = [
        (tuple(map(int, release.group(1).split("."))), date.fromisoformat(release.group(2))) for release in RELEASES
    ]
    assert order == sorted(order, reverse=True)
