"""dbt in this process, its models in several threads."""

import shutil
import time

import pytest
from dbt.adapters.cache import RelationsCache
from dbt.parser.manifest import ManifestLoader

from orchestration import dbt, kept
from orchestration.home import DBT_PROJECT, Home


def test_models_are_replaced_however_slowly_dbt_learns_what_is_there(sample_home, tmp_path, monkeypatch):
    home = Home(shutil.copytree(sample_home, tmp_path / "home", symlinks=True))
    add = RelationsCache.add

    def add_slowly(cache, relation):
        add(cache, relation)
        time.sleep(0.02)

    monkeypatch.setattr(RelationsCache, "add", add_slowly)
    nodes = dbt.Project(home).build(["path:models/marts/market"])
    assert "market_sessions" in {node.name for node in nodes}


@pytest.fixture
def parses(monkeypatch, tmp_path) -> list[int]:
    """Grows with each parse of dbt's; none is kept yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found: list[int] = []
    load = ManifestLoader.load
    monkeypatch.setattr(ManifestLoader, "load", lambda loader: found.append(1) or load(loader))
    return found


def test_another_home_is_not_parsed_again_unless_what_is_kept_is_damaged(parses, tmp_path, monkeypatch):
    first = dbt.Project(Home(tmp_path / "first"))
    second = dbt.Project(Home(tmp_path / "second"))
    assert len(parses) == 1
    assert second.graph("") == first.graph("")
    (parse,) = (tmp_path / "cache/flowhouse/parses").iterdir()
    parse.write_bytes(parse.read_bytes()[:-1])
    assert dbt.Project(Home(tmp_path / "third")).graph("") == first.graph("")
    assert len(parses) == 2


def test_a_parse_is_of_one_project_and_its_options(parses, monkeypatch):
    digest = dbt.parse_digest([])
    assert dbt.parse_digest(["{}"]) != digest
    monkeypatch.setattr(dbt, "project_digest", lambda: "another")
    assert dbt.parse_digest([]) != digest


def test_the_oldest_that_is_kept_is_dropped_and_nothing_kept_where_there_is_no_room(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for number in range(kept.MOST + 1):
        kept.keep("made", f"{number}.js", b"it")
    assert len([*(tmp_path / "flowhouse/made").iterdir()]) == kept.MOST
    assert kept.read("made", f"{kept.MOST}.js") == b"it"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / f"flowhouse/made/{kept.MOST}.js"))  # a file
    kept.keep("made", "new.js", b"it")
    assert kept.read("made", "new.js") is None


def test_lots_that_changed_code_matched_are_not_kept(tmp_path, monkeypatch):
    def rules() -> str:
        return dbt._variables(strict_claims=False, is_from_spark=False)["compiled_lots"]

    before = rules()
    code = shutil.copytree(dbt.COMPILED_LOTS, tmp_path / "token_lots")
    monkeypatch.setattr(dbt, "COMPILED_LOTS", code)
    assert rules() == before
    (code / "compiled.py").write_text((code / "compiled.py").read_text() + "# another")
    assert rules() != before
    assert "var('compiled_lots')" in (DBT_PROJECT / "macros/tokens.sql").read_text()


def test_of_a_traceback_the_error_is_told():
    said = 'Python model failed:\nTraceback (most recent call last):\n  File "/home/me/x.py", line 1\nValueError: no'
    assert dbt._first_lines(said) == "ValueError: no"
    assert dbt._first_lines("one\n\ntwo\nthree\nfour") == "one two three"
