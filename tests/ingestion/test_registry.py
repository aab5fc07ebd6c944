"""Every module of `ingestion/sources/` is a source, without being listed anywhere."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from ingestion import registry
from ingestion.errors import PageRefused
from ingestion.formats import fund_days
from ingestion.source import PublisherSource, UploadSource

ROOT = Path(__file__).parents[2]
MODULES = {path.stem for path in (ROOT / "ingestion/sources").glob("*.py")} - {"__init__"}


def test_every_module_is_found():
    assert set(registry.names()) == MODULES
    assert [*registry.names()] == sorted(registry.names())


def test_publishers_are_the_sources_that_fetch():
    publishers = {source.name for source in registry.publishers()}
    assert "farside" in publishers
    assert {source.name for source in registry.sources() if isinstance(source, UploadSource)} == MODULES - publishers


@pytest.mark.parametrize("name", registry.names())
def test_a_source_is_described_and_keyed(name):
    source = registry.source(name)
    assert source.name == name
    assert isinstance(source, PublisherSource | UploadSource)
    assert source.description
    assert "Limits:" in source.description
    assert "Exercised" in source.description
    assert source.terms.endswith(".")
    assert source.key["value_date"] == pl.Date
    assert source.resources if isinstance(source, PublisherSource) else source.reserved_names


@pytest.mark.parametrize("name", registry.names())
def test_a_source_has_a_test_and_a_staging_view_with_its_yml(name):
    source = registry.source(name)
    folder = "issuers" if source.table == fund_days.TABLE else name
    staging = ROOT / "dbt_project/models/staging" / folder
    assert (ROOT / f"tests/ingestion/sources/test_{name}.py").is_file()
    assert (staging / f"{folder}.yml").is_file()
    assert (staging / f"stg_{folder}__{source.table}.sql").is_file()


def test_a_page_without_any_figure_is_refused():
    source = registry.source("prices")
    empty = replace(source, parse=lambda content: [])
    with pytest.raises(PageRefused, match="it has no figure: look at the page"):
        empty.read(b"", "mine")


def test_names_are_known_without_importing_a_source():
    program = "import sys; from ingestion import registry; registry.names(); print('polars' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT).stdout
    assert said == "False\n"
