"""Change the named files in one place after the other, and list the changes that their tests do not notice.

Run by `make test-mutants`, in a copy of the project: mutmut writes beside what it changes. The tests of a file are
test_<its name>.py or those of the folder that mirrors its own; further ones can be named.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
PACKAGES = ("ingestion", "orchestration")
NOTICED = ("killed", "timeout", "caught by type check")


def changed_files(base: str) -> list[str]:
    """Code of the project that differs from a revision."""
    if subprocess.run(["git", "rev-parse", "--verify", "--quiet", base], cwd=ROOT, capture_output=True).returncode:
        sys.exit(f"{base} is no revision here: name one with BASE=…, or the files with FILES=….")
    return _output("git", "diff", "--name-only", "--diff-filter=d", base, "--", *(f"{each}/*.py" for each in PACKAGES))


def tests_of(file: str) -> str:
    """The tests of a file: test_<its name>.py where its folder's mirror has that, else the mirror, or one above it."""
    path = Path(file)
    mirror = Path("tests") / path.parent
    if (ROOT / mirror / f"test_{path.name}").is_file():
        return str(mirror / f"test_{path.name}")
    return str(next(each for each in (mirror, *mirror.parents) if (ROOT / each).is_dir()))


def copy_project(folder: Path) -> None:
    for name in _output("git", "ls-files", "--cached", "--others", "--exclude-standard"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def configure(folder: Path, files: Sequence[str], tests: Sequence[str]) -> None:
    """What mutmut reads from the copy's pyproject.toml; JSON's strings and lists are TOML's too."""
    settings = {
        "source_paths": list(PACKAGES),
        "only_mutate": list(files),
        "also_copy": ["dbt_project"],
        "pytest_add_cli_args_test_selection": list(tests),
        # a pool of threads, such as Polars has, does not outlive a fork
        "process_isolation": "forkserver",
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    with (folder / "pyproject.toml").open("a") as file:
        file.write("\n".join(["", "[tool.mutmut]", *lines, ""]))


def run(files: Sequence[str], tests: Sequence[str]) -> None:
    """Try every change; prints the counts and the changes that survive."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        copy_project(folder)
        configure(folder, files, tests)
        mutmut = [sys.executable, "-m", "mutmut"]
        # Its progress is for a terminal only.
        tried = subprocess.run([*mutmut, "run"], cwd=folder, capture_output=not sys.stdout.isatty(), text=True)
        if tried.returncode:
            sys.exit(f"mutmut stopped, or a test fails as it is: {(tried.stdout or '')[-2000:]}{tried.stderr or ''}")
        results = [line.strip().rpartition(": ") for line in _output(*mutmut, "results", "--all", "true", cwd=folder)]
        survivors = [name for name, _, status in results if status not in NOTICED]
        for survivor in survivors:
            print("\n".join(_output(*mutmut, "show", survivor, cwd=folder)), end="\n\n")
        print(f"{len(results):,} changes in {', '.join(files)}: {len(survivors):,} went unnoticed by {' '.join(tests)}")


def _output(*command: str, cwd: Path = ROOT) -> list[str]:
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout.splitlines()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", help="the code to change; what differs from the base unless given")
    parser.add_argument("--base", default="main", help="a revision (main)")
    parser.add_argument("--tests", nargs="*", default=[], help="tests beside those of the files' own folders")
    given = parser.parse_args()
    files = given.files or changed_files(given.base)
    if not files:
        sys.exit(f"No code differs from {given.base}: name the files to change.")
    run(files, [*dict.fromkeys([*map(tests_of, files), *given.tests])])
