"""The Containerfile and its compose file, as far as can be told without a container engine."""

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

from orchestration.cli.serve import serve

ROOT = Path(__file__).parents[3]
CONTAINERFILE = ROOT / "Containerfile"
SERVICE = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["flowhouse"]


def instructions(name: str) -> list[str]:
    joined = CONTAINERFILE.read_text().replace("\\\n", " ")
    return [line.removeprefix(f"{name} ").strip() for line in joined.splitlines() if line.startswith(f"{name} ")]


def test_hadolint_has_nothing_to_say():
    hadolint = Path(sys.executable).with_name("hadolint")
    run = subprocess.run([hadolint, CONTAINERFILE], capture_output=True, text=True)
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


def test_it_copies_what_the_wheel_is_built_from_and_nothing_else():
    copied = {word for line in instructions("COPY") if "--from" not in line for word in line.split()[:-1]}
    assert all((ROOT / name).exists() for name in copied)
    assert copied == {"pyproject.toml", "uv.lock", "README.md", "LICENSE", "ingestion", "orchestration", "dbt_project"}


def test_it_serves_without_root_and_only_to_this_machine():
    assert instructions("USER") == ["10001"]
    assert SERVICE["ports"] == ["127.0.0.1:3000:3000"]
    assert SERVICE["read_only"] is True
    assert SERVICE["volumes"] == ["home:/data"]


def test_its_command_is_one_that_serve_takes():
    (command,) = map(json.loads, instructions("CMD"))
    context = serve.make_context(command[0], command[1:])
    assert (context.params["listen"], context.params["port"]) == ("0.0.0.0", 3000)


def test_its_python_is_one_that_the_project_takes():
    (version,) = {re.search(r"python:3\.(\d+)", line)[1] for line in instructions("FROM")}
    assert int(version) >= 11
