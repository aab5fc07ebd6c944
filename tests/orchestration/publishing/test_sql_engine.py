"""The engine of the SQL page: downloaded once, checked, shared by all builds; without it, everything else works."""

import gzip
import io
import json
import os
import shutil
import subprocess
import tarfile
from base64 import b64decode
from pathlib import Path

import pytest

from ingestion.errors import FetchFailed, PageRefused, UsageError
from orchestration.home import Home
from orchestration.publishing import sql_engine, sql_page

MANIFEST = {
    "build_id": "20260105T060000Z-0123abcd",
    "built_at": "2026-01-05T06:00:00Z",
    "as_of": None,
    "is_sample": True,
    "failed_sources": ["</script><script>alert(1)</script>"],
    "fingerprint": "not shown",
}


def package(files: dict[str, bytes]) -> bytes:
    """A synthetic npm package."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    return content.getvalue()


DUCKDB = package(
    {
        "dist/duckdb-browser.cjs": b"module.exports = {library: 1};\n//# sourceMappingURL=elsewhere.map",
        "dist/duckdb-browser-eh.worker.js": b"worker",
        "dist/duckdb-eh.wasm": b"wasm",
    }
)
ARROW = package({"Arrow.es2015.min.js": b"var Arrow = {};"})


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def folder(home) -> Path:
    """A published folder, as far as a page needs one."""
    folder = home.published / MANIFEST["build_id"]
    folder.mkdir(parents=True)
    (folder / "warehouse.duckdb").write_bytes(b"a warehouse" * 100)
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    return folder


@pytest.fixture
def npm(monkeypatch) -> list[str]:
    """An npm that returns synthetic packages, and a list of its requests."""
    asked = []

    def run(command, **_):
        *_, target, name = command
        asked.append(name)
        (Path(target) / "package.tgz").write_bytes(DUCKDB if "duckdb" in name else ARROW)

    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "run", run)
    return asked


@pytest.fixture
def known(monkeypatch) -> None:
    """The synthetic packages are the expected ones."""
    for name, content in (("DUCKDB", DUCKDB), ("ARROW", ARROW)):
        monkeypatch.setattr(sql_engine, name, (getattr(sql_engine, name)[0], sql_engine.integrity(content)))


def put_engine(home: Home) -> None:
    sql_engine.engine_file(home).parent.mkdir(parents=True)
    sql_engine.engine_file(home).write_text("const duckdb = 1;")


def content_of(page: str) -> dict:
    return json.loads(page.split('<script type="application/json" id="content">')[1].split("</script>")[0])


def test_the_engine_is_one_script_with_all_it_needs():
    script = sql_page.engine_script(DUCKDB, ARROW)
    assert script.index("var Arrow") < script.index("module.exports = {library: 1};")
    assert "sourceMappingURL" not in script
    files = json.loads(script.split("const engineFiles = ")[1].rstrip(";\n"))
    assert {name: gzip.decompress(b64decode(text)) for name, text in files.items()} == {
        "worker": b"worker",
        "wasm": b"wasm",
    }


def test_the_engine_is_downloaded_from_npm_once(home, npm, known):
    file = sql_engine.download_engine(home)
    assert sql_engine.download_engine(home) == file
    assert npm == ["@duckdb/duckdb-wasm@1.32.0", "apache-arrow@17.0.0"]
    assert file.parent.parent == home.root
    assert file.read_text() == sql_page.engine_script(DUCKDB, ARROW)
    assert list(file.parent.iterdir()) == [file]


def test_a_package_with_another_checksum_is_refused_and_nothing_is_kept(home, npm):
    with pytest.raises(PageRefused, match="has an unexpected checksum, so it was discarded"):
        sql_engine.download_engine(home)
    assert list(sql_engine.engine_file(home).parent.glob("*")) == []


def test_an_npm_that_fails_is_named(home, npm, monkeypatch):
    def fail(command, **_):
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(FetchFailed, match="npm could not download @duckdb/duckdb-wasm"):
        sql_engine.download_engine(home)


def test_without_npm_one_sentence_says_what_to_do(home, flowhouse, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match="install Node"):
        sql_engine.download_engine(home)
    result = flowhouse("browser", "--home", home.root)
    assert result.exit_code == 2
    assert "install Node.js" in result.output


def test_without_the_engine_nothing_is_written_and_one_line_says_so(home, folder):
    before = sorted(folder.iterdir())
    assert sql_engine.add_page(home, folder) is None
    assert sorted(folder.iterdir()) == before
    where = sql_engine.where(folder)
    assert where == "SQL in the browser: run `flowhouse install-sql-page` once, with npm and a network."


def test_the_page_and_its_engine_lie_beside_the_warehouse(home, folder):
    put_engine(home)
    page = sql_engine.add_page(home, folder)
    assert sql_engine.where(folder) == f"SQL in the browser: {page}"
    assert {file.name for file in folder.iterdir()} == {
        "warehouse.duckdb",
        "manifest.json",
        "sql.html",
        "duckdb-wasm.js",
    }
    assert (folder / "duckdb-wasm.js").samefile(sql_engine.engine_file(home))
    assert sql_engine.add_page(home, folder) == page


def test_the_engine_is_copied_where_links_are_refused(home, folder, monkeypatch):
    def refuse(*_):
        raise OSError("not permitted")

    monkeypatch.setattr(os, "link", refuse)
    put_engine(home)
    sql_engine.add_page(home, folder)
    assert (folder / "duckdb-wasm.js").read_text() == "const duckdb = 1;"
    assert not (folder / "duckdb-wasm.js").samefile(sql_engine.engine_file(home))


def test_the_command_takes_the_engine_and_adds_the_page_to_what_is_published(home, folder, npm, known, flowhouse):
    (home.published / "latest").symlink_to(folder.name)
    result = flowhouse("browser", "--home", home.root)
    assert result.exit_code == 0, result.output
    assert f"SQL in the browser: {folder / 'sql.html'}" in result.output


def test_the_page_holds_the_warehouse_to_the_byte():
    content = content_of(sql_page.page(b"a warehouse", MANIFEST))
    assert gzip.decompress(b64decode(content["warehouse"])) == b"a warehouse"
    assert content["build"]["build_id"] == MANIFEST["build_id"]
    assert "fingerprint" not in content["build"]


def test_a_warehouse_too_large_is_left_out(monkeypatch):
    monkeypatch.setattr(sql_page, "MAX_EMBEDDED_BYTES", 10)
    assert content_of(sql_page.page(b"a warehouse", MANIFEST))["warehouse"] is None


def test_no_text_ends_the_block_that_holds_it():
    page = sql_page.page(b"", MANIFEST)
    assert "</script><script>alert" not in page
    assert content_of(page)["build"]["failed_sources"] == MANIFEST["failed_sources"]


def test_no_clock_goes_into_the_page():
    packed = b64decode(content_of(sql_page.page(b"a warehouse", MANIFEST))["warehouse"])
    assert packed[4:8] == bytes(4)  # where gzip keeps the time
