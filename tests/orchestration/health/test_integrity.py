"""What a home has lost is named, and nothing else is."""

import json
from datetime import datetime
from itertools import cycle

import polars as pl
import pytest
from flow_pages import FIRST, FUNDS, flows, put_page

from ingestion import captures, registry
from ingestion.bitcoin import ledger as coins
from ingestion.evm import ledger as events
from ingestion.lake import parts
from ingestion.refresh import RefreshResult, write_reading
from ingestion.sample.pages import flow_page
from ingestion.source import RowSource
from orchestration import gather
from orchestration.health import archive_check, integrity
from orchestration.home import Home
from orchestration.ingest_mode import Held, Sample

AT = datetime(2025, 11, 4, 6)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A home with the sample's sources and chains, as real ones."""
    home = Home(tmp_path_factory.mktemp("integrity"))
    gather.update_chain(home, Sample())
    gather.update_tokens(home, Sample())
    for source in registry.sources():
        gather.update(source, home, Sample())
    gather.update_definitions(home)
    gather.update_sessions(home)
    return home


@pytest.fixture
def home(made, tmp_path):
    import shutil

    return Home(shutil.copytree(made.root, tmp_path / "home"))


def files(lake, source):
    return sorted(path.relative_to(lake.root).as_posix() for path in lake.root.glob(f"{source}/**/*") if path.is_file())


def test_a_whole_lake_has_lost_nothing(home, tmp_path):
    assert integrity.lost(home) == []
    assert integrity.lost(Home(tmp_path / "nothing")) == []


def named_parts(home):
    for path in sorted(home.lake.root.glob("*/*.json")):
        for table, names in json.loads(path.read_text()).get("parts", {}).items():
            yield from (f"{path.parent.name}/{table}/{name}.parquet" for name in names)


def rows_of(home, source):
    """The rows of a source of rows that count, whatever the names of its parts."""
    names = parts.counted_parts(home.lake, source.name, source.table)
    return pl.concat([home.lake.read(source.name, source.table, source.schema, each) for each in (None, *names)]).sort(
        pl.all()
    )


@pytest.mark.parametrize("how", ["gone", "cut", "garbage"])
def test_every_part_that_a_chains_record_names_is_named_when_it_is_damaged(home, how):
    names = [name for name in named_parts(home) if name.startswith(("bitcoin/", "evm/"))]
    assert len(names) > 8
    for name in names:
        path = home.lake.root / name
        content = path.read_bytes()
        if how == "gone":
            path.unlink()
        else:
            path.write_bytes(content[: len(content) // 2] if how == "cut" else b"garbage" * 50)
        (sentence,) = integrity.lost(home)
        assert f"lake/{name} {'is gone' if how == 'gone' else 'cannot be read'}: remove lake/" in sentence
        assert "flowhouse ingest " in sentence
        path.write_bytes(content)
    assert integrity.lost(home) == []


@pytest.mark.parametrize("content", ["", "garbage", "[]", '{"parts": 3}'])
@pytest.mark.parametrize("source", [coins.SOURCE, events.SOURCE])
def test_a_chains_record_that_cannot_be_read_is_named(home, source, content):
    (name,) = home.lake.records(source)
    home.lake.write_record(source, name, content)
    (sentence,) = integrity.lost(home)
    assert sentence.startswith(f"lake/{source}/{name} cannot be read: remove lake/{source}/{name}, then")


@pytest.mark.parametrize("source", [coins.SOURCE, events.SOURCE])
def test_a_chains_record_that_is_gone_is_named_where_it_was_read_or_built(home, source):
    (name,) = home.lake.records(source)
    (home.lake.root / source / name).unlink()
    network = {"bitcoin": "regtest", "evm": "anvil"}[source]
    write_reading(home.lake, RefreshResult(f"{source}/{network}", "live", AT, captures=5, asked_at=AT))
    (sentence,) = integrity.lost(home)
    assert sentence.startswith(f"the lake's record of {source}/{network} is gone")


@pytest.mark.parametrize("table", ["cells", "captures"])
def test_a_table_of_observations_that_is_gone_is_named_until_it_is_built_again(home, table):
    table = "flows" if table == "cells" else table
    (home.lake.root / "farside" / table / f"{table}.parquet").unlink()
    sentence = f"lake/farside/{table}/{table}.parquet is gone: run `flowhouse build`, which reads the archive again."
    assert integrity.lost(home) == [sentence]
    assert gather.update(registry.source("farside"), home, Held()).repaired
    assert integrity.lost(home) == []


def test_a_source_that_had_rows_in_the_last_build_and_has_none_is_named(home):
    home.write_state("current/built.json", {"rows": {"farside/flows": 360, "prices/closes": 0, "own/tokens": 4}})
    assert integrity.lost(home) == []
    for path in sorted((home.lake.root / "farside").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (sentence,) = integrity.lost(home)
    assert sentence.startswith("farside/flows had 360 rows in the last build and has none now: ")


def test_a_home_that_left_the_sample_is_not_asked_for_the_samples_rows(home):
    home.write_state("current/built.json", {"rows": {"farside/flows": 360}})
    publish_manifest(home, is_sample=True)
    home.lake.drop()
    assert integrity.lost(home) == []
    publish_manifest(home, is_sample=False)
    assert len(integrity.lost(home)) == 1


def publish_manifest(home, is_sample):
    folder = home.published / "b1"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps({"is_sample": is_sample}))
    if not (home.published / "latest").is_symlink():
        (home.published / "latest").symlink_to("b1")


@pytest.mark.parametrize("hows", [("gone",), ("cut", "garbage")], ids=["gone", "damaged"])
def test_no_damage_to_a_file_of_a_lake_is_silent(home, hows):
    """Each file of the lake in turn, in one of these ways; a build's first steps run over it: as before, or named."""
    spare = {
        name for name in files(home.lake, "*") if name.startswith(("bitcoin/", "evm/")) and name.endswith(".parquet")
    }
    spare -= {*named_parts(home)}
    home.write_state("current/built.json", {"rows": {"bitcoin/coin_flow": 9, "evm/transfers": 9}})
    before = {name: (home.lake.root / name).read_bytes() for name in files(home.lake, "*")}
    of_rows = [source for source in registry.sources() if isinstance(source, RowSource)]
    rows = {source.name: rows_of(home, source) for source in of_rows}
    (home.lake.root / "sample.txt").unlink()
    with home.lock():
        assert home.lake.is_sample
    for (name, content), how in zip(before.items(), cycle(hows), strict=False):
        path, of_rows = home.lake.root / name, rows.get(name.split("/")[0])
        if of_rows is not None and not path.exists():  # written anew under another name
            continue
        if name.endswith("loaded"):  # says that the sample's chain was read whole: read again where it is gone
            continue
        if how == "gone":
            path.unlink()
        else:
            path.write_bytes(content[: len(content) // 2] if how == "cut" else b"\xffgarbage" * 50)
        named = integrity.lost(home)
        source = name.split("/")[0]
        if source in registry.names():
            result = gather.update(registry.source(source), home, Held())
            gather.update_definitions(home)
            named += [*result.failures, *result.repaired]
        if name in spare:
            coins.create_tables(home.lake)
            events.create_tables(home.lake)
        gather.update_sessions(home)
        if of_rows is not None:  # a part is written anew under another name
            assert rows_of(home, registry.source(source)).equals(of_rows), name
            continue
        if not named and path.suffix == ".parquet":
            assert path.read_bytes() == content, name
        assert named or path.suffix == ".parquet" or path.name == "tables.json", name
        path.write_bytes(content)


def test_the_archive_is_checked_file_by_file(tmp_path):
    home = Home(tmp_path)
    put_page(home.root / "archive", FIRST, flow_page(FUNDS, [flows(FIRST.date())]))
    put_page(home.root / "archive", AT, flow_page(FUNDS, [flows(AT.date())]))
    gather.update(registry.source("farside"), home, Held())
    folder = home.root / "archive" / "farside" / "btc"
    found = archive_check.run(home, AT)
    assert (found.files, found.problems, found.at) == (2, (), AT)
    assert found.bytes == sum(path.stat().st_size for path in folder.glob("*.html"))
    assert archive_check.last(home) == found


OLD = "20251007T060000Z"


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda folder: (folder / f"{OLD}.html").unlink(), f"farside/btc/{OLD}.html is named by its meta.json but is"),
        (lambda folder: (folder / f"{OLD}.html").write_text("x"), f"farside/btc/{OLD}.html does not have the sha256"),
        (lambda folder: (folder / f"{OLD}.meta.json").write_text("x"), f"farside/btc/{OLD}.meta.json is not a prove"),
        (lambda folder: (folder / f"{OLD}.meta.json").unlink(), f"farside/btc/{OLD}.html has no provenance record"),
    ],
)
def test_what_is_wrong_with_the_archive_is_named(tmp_path, damage, problem, monkeypatch):
    monkeypatch.setattr(archive_check, "BEING_WRITTEN_SECONDS", -1)
    home = Home(tmp_path)
    put_page(home.root / "archive", FIRST, flow_page(FUNDS, [flows(FIRST.date())]))
    gather.update(registry.source("farside"), home, Held())
    damage(home.root / "archive" / "farside" / "btc")
    problems = archive_check.run(home, AT).problems
    assert problems[0].startswith(problem)
    assert archive_check.last(home).problems == problems


def test_a_capture_that_was_read_once_and_is_gone_altogether_is_named(tmp_path):
    home = Home(tmp_path)
    put_page(home.root / "archive", FIRST, flow_page(FUNDS, [flows(FIRST.date())]))
    gather.update(registry.source("farside"), home, Held())
    for path in (home.root / "archive" / "farside" / "btc").iterdir():
        path.unlink()
    assert archive_check.run(home, AT).problems == (
        f"farside/btc/{OLD}.html was read once and its provenance record is gone: restore it.",
    )


@pytest.mark.parametrize("content", ["garbage", "{}", '{"at": "x", "files": 1, "bytes": 1, "problems": []}'])
def test_a_result_that_cannot_be_read_counts_as_no_check(tmp_path, content):
    home = Home(tmp_path)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / archive_check.RECORD).write_text(content)
    assert archive_check.last(home) is None


def test_the_check_reads_back_every_file_of_the_lake_and_names_a_flipped_bit(home):
    of_cells = [source for source in registry.sources() if not isinstance(source, RowSource)]
    journaled = {f"{source.name}/{table}" for source in of_cells for table in captures.tables(source)}
    names = [*named_parts(home), *(f"{table}/{table.split('/')[1]}.parquet" for table in journaled)]
    assert archive_check.run(home, AT).lake_files == len(names) + len(["nyse/sessions"])
    assert archive_check.run(home, AT).problems == ()
    for name in names:
        path = home.lake.root / name
        content = path.read_bytes()
        path.write_bytes(content[:20] + bytes([content[20] ^ 1]) + content[21:])
        (problem,) = archive_check.run(home, AT).problems
        assert problem.startswith(f"lake/{name} is not what was written: r")
        path.write_bytes(content)
