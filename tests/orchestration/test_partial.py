"""A build of what changed publishes what a build of everything would, for a change in each raw table with rows of a
home that has many: the recorded archive, where it is next to the project, the sample's chains and own files.
"""

import json
import shutil
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from lake_changes import Which, alter_row, drop_row

from ingestion.archive import Archive, Served
from ingestion.sources import holder_series
from orchestration import pipeline, project
from orchestration.home import Home
from orchestration.ingest_mode import Held, IngestMode, Replay
from orchestration.outcome import Outcome
from orchestration.publishing import published
from orchestration.settings import Settings

ARCHIVE = Path(__file__).parents[3] / "shared" / "archive"

pytestmark = pytest.mark.skipif(not ARCHIVE.is_dir(), reason="no recorded archive beside the project (../shared)")

OWN_FILES = {
    "tokens": "chain_id,network,address,asset,decimals\n"
    "31337,anvil,0x5b0000000000000000000000000000000000ffff,MINE,8\n",
    "contracts": "chain_id,network,address,protocol,kind\n"
    "31337,anvil,0x5b0000000000000000000000000000000000fffe,mine,aave_v3_pool\n",
    "entities": "network,address,entity,kind\nanvil,0x5b00000000000000000000000000000000000702,Mine,exchange\n"
    "anvil,0x5b00000000000000000000000000000000000704,Yours,custodian\n",
    "fund_addresses": "ticker,network,address\nIBIT,anvil,0x5b00000000000000000000000000000000000708\n",
    "internal_moves": "move_date,amount_native,owner\n2025-10-20,5000,Me\n",
}
SERVED_AT = datetime(2026, 1, 1, 13)
BATCHES = 3
"""Builds of some of the tables, of different sources, at a time: one of each table would take a quarter of an hour."""


def run(home: Home, mode: IngestMode, **wanted: bool) -> Outcome:
    outcome = Outcome()
    request = pipeline.Request(mode, **wanted)
    pipeline.run(home, request, Settings.read(home.root, {}), pipeline.Listeners(), outcome)
    assert not outcome.failures
    return outcome


def build(home: Home, **wanted: bool) -> Outcome:
    """Build what the lake holds; nothing is gathered, so that a changed lake stays so."""
    outcome = Outcome()
    request = pipeline.Request(Held(), **wanted)
    pipeline.publish_changes(home, request, Settings.read(home.root, {}), pipeline.Listeners(), outcome)
    return outcome


@pytest.fixture(scope="module")
def home(sample_home, tmp_path_factory) -> Home:
    """A home with rows in every raw table, built."""
    home = Home(tmp_path_factory.mktemp("wide"))
    for name, text in OWN_FILES.items():
        (home.root / f"{name}.csv").write_text(text)
    named = "\n".join(f'{name} = "{name}.csv"' for name in OWN_FILES)
    (home.root / "flowhouse.toml").write_text(f"[seeds]\n{named}\n")
    run(home, Replay(ARCHIVE), derives=False)
    for source in ("bitcoin", "evm"):
        shutil.copytree(
            sample_home / "lake" / source,
            home.lake.root / source,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("loaded"),
        )
    put_own_series(home.archive)
    assert run(home, Held()).is_new
    return home


def put_own_series(archive: Archive) -> None:
    """Closes before the exchange's, Bitview's answer, and a series whose user named its definition."""
    days = [f"2017-08-{day:02}" for day in range(1, 17)]
    closes = "date,close\n" + "".join(f"{day},{2_700 + n}.5\n" for n, day in enumerate(days))
    archive.put("prices", "mine", Served("", closes.encode(), SERVED_AT), "csv")
    recorded = next((ARCHIVE / "holder_series").rglob("*.csv")).read_bytes()
    note = holder_series.note("age_150d_step")
    archive.put("holder_series", "mine", Served("", recorded, SERVED_AT), "csv", note=note)
    supply = "date,lth_supply_sats,sth_supply_sats\n"
    supply += "".join(
        f"2025-10-{day:02},{14_400_000 + day}00000000,{5_500_000 - day}00000000\n" for day in range(1, 32)
    )
    archive.put("bitview", "lth_sth_supply", Served("", supply.encode(), SERVED_AT), "csv")


@pytest.fixture(scope="module")
def twin(home, tmp_path_factory) -> Home:
    """A home of the same lake, in which everything is built each time."""
    twin = Home(tmp_path_factory.mktemp("twin"))
    (twin.root / "lake").symlink_to(home.lake.root)
    return twin


def has_rows(home: Home, table: str) -> bool:
    source, name = table.split("/")
    parts = home.lake.parts(source, name) or [None] * home.lake.has(source, name)
    return any(home.lake.height(source, name, part) for part in parts)


def content(folder: Path) -> dict[str, list[tuple[int, int]]]:
    """Rows, and a digest of them in their order, of every mart as the warehouse and as Parquet have it."""
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as con:
        names = con.sql("select table_name from duckdb_tables() where schema_name = 'marts' order by 1").fetchall()
        tables = {name: f"marts.{name}" for (name,) in names}
        tables |= {f"{name}.parquet": f"'{folder}/parquet/{name}.parquet'" for name in tables}
        numbered = "select rows, row_number() over () as number from {} as rows"
        digest = "select count(*), bit_xor(hash(number, rows)) from ({})"
        return {name: con.sql(digest.format(numbered.format(rows))).fetchall() for name, rows in tables.items()}


def manifest(folder: Path) -> dict:
    fields = json.loads((folder / "manifest.json").read_text())
    return {name: fields[name] for name in ("findings", "fingerprint", "marts", "versions")}


def assert_same(partial: Path, full: Path) -> None:
    one, other = content(partial), content(full)
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []
    assert manifest(partial) == manifest(full)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_what_changed_tables_rebuild_is_what_a_full_build_is(home, twin, batch):
    tables = [table for table in project.load(home).tables if has_rows(home, table)][batch::BATCHES]
    assert len(tables) > 2
    for table in tables:
        change(home, table, "oldest" if batch % 2 else "newest")
    assert build(home).is_new, tables
    assert build(twin, is_full=True).is_new
    assert_same(published.warehouse(home).parent, published.warehouse(twin).parent)


def change(home: Home, table: str, which: Which) -> None:
    if table == "farside/flows":
        drop_row(home, table, which)  # a fund's figure altered alone is not its page's total, which fails the build
    elif table == "evm/transfers":
        alter_row(home, table, "newest")  # a settled block is known by its hash, so that its transfers cannot differ
    else:
        alter_row(home, table, which)
