"""Published marts in a DuckLake whose catalogue is Debian's Postgres: two writers, a desk's own rows, two readers."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import postgres_server
import pytest

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "orchestration/bi/ducklake.py"
SECONDS = 300
SESSION = f"import sys; sys.path.insert(0, {str(RECIPE.parent)!r}); import ducklake, json, time\n"
CONNECT = SESSION + "con = ducklake.connect(*sys.argv[1:3])\n"
# Whether the marts are of one build, again and again until a build that is the last is there.
READ = (
    SESSION
    + """
seen, end = [], time.monotonic() + 240
while (not seen or seen[-1][0] != sys.argv[3]) and time.monotonic() < end:
    with ducklake.connect(*sys.argv[1:3]) as con:
        con.execute("begin")
        try:
            row = [con.execute(f"select {each}").fetchone()[0] for each in sys.argv[4:]]
        except Exception as error:
            row = None if "does not exist" in str(error) else [str(error)]
    if row and row not in seen:
        seen.append(row)
print(json.dumps(seen))
"""
)
APPEND = (
    CONNECT
    + """
con.execute("create schema lake.desk; create table lake.desk.notes (n bigint)")
for n in range(20):
    con.execute("insert into lake.desk.notes select $n", {"n": n})
"""
)
ROWS = CONNECT + "print(json.dumps([con.sql(query).fetchall() for query in sys.argv[3:]], default=str))"


@pytest.fixture(scope="module")
def builds(home, tmp_path_factory) -> list[Path]:
    """The published build, and a later one that has other rows in two marts."""
    first = (home / "published/latest").resolve()
    later = tmp_path_factory.mktemp("later") / "20991231T000000Z-later"
    shutil.copytree(first, later)
    manifest = json.loads((later / "manifest.json").read_text())
    (later / "manifest.json").write_text(json.dumps(manifest | {"build_id": later.name}))
    for mart in ("etf_flows_daily", "claims"):
        table = duckdb.read_parquet(str(first / f"parquet/{mart}.parquet"))
        table.limit(5).write_parquet(str(later / f"parquet/{mart}.parquet"))
    return [first, later]


@pytest.fixture(scope="module")
def start(environment, tmp_path_factory) -> Callable[..., subprocess.Popen]:
    """Start a Python of the recipe's environment with the lake's two addresses among its arguments."""
    if (bin := postgres_server.commands()) is None:
        pytest.skip("no Postgres: apt install postgresql")
    python, files = environment("ducklake") / "python", tmp_path_factory.mktemp("files")
    with postgres_server.serve(bin) as server:
        given = {**os.environ, "PGPASSWORD": server.password}

        def run(*before: object, after: tuple[object, ...] = ()) -> subprocess.Popen:
            command = [python, *map(str, before), server.connection, files, *map(str, after)]
            return subprocess.Popen(command, env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

        yield run


def result(process: subprocess.Popen) -> str:
    output, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, errors[-2000:]
    return output


def test_writers_and_readers_at_once_see_one_build_or_the_other(start, builds):
    first, later = builds
    expected = [[each.name, *(count(each, mart) for mart in ("etf_flows_daily", "claims"))] for each in builds]
    counts = [f"(select count(*) from lake.marts.{mart})" for mart in ("etf_flows_daily", "claims")]
    questions = ["(select build_id from lake.flowhouse.build)", *counts]
    readers = [start("-c", READ, after=(later.name, *questions)) for _ in range(2)]
    writers = [start(RECIPE, each) for each in builds]
    desk = start("-c", APPEND)
    said = [result(writer).strip() for writer in writers]
    assert said[1] == f"{later.name} written"
    assert said[0] in {f"{first.name} written", f"{first.name} is held, or a newer one"}
    for reader in readers:
        seen = json.loads(result(reader))
        assert all(row in expected for row in seen), seen
        assert seen[-1] == expected[1]
    result(desk)
    assert result(start(RECIPE, first)).strip() == f"{first.name} is held, or a newer one"
    (notes,) = json.loads(result(start("-c", ROWS, after=("select count(*), sum(n) from lake.desk.notes",))))
    assert notes == [[20, 190]]


def test_the_lake_has_the_rows_of_the_build(start, builds):
    result(start(RECIPE, builds[1]))
    marts = sorted(builds[1].glob("parquet/*.parquet"))
    differences = [
        f"select count(*) from ((from {one} except all from {other}) union all (from {other} except all from {one}))"
        for mart in marts
        for one, other in [(f"lake.marts.{mart.stem}", f"read_parquet('{mart}')")]
    ]
    found = json.loads(result(start("-c", ROWS, after=tuple(differences))))
    assert found == [[[0]]] * len(marts)
    assert len(marts) > 50


def count(build: Path, mart: str) -> int:
    return len(duckdb.read_parquet(str(build / f"parquet/{mart}.parquet")))
