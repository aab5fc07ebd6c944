"""Every module of `ingestion/sources/` is a source, without being listed anywhere."""

import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime
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


def with_figure(source, figure):
    """The source with a page of one row that has the figure wherever it has numbers."""
    day = date(2025, 11, 4)
    values = {pl.String: "x", pl.Date: day, pl.Boolean: True}
    row = {
        name: [
            figure
            if type_.is_float()
            else datetime(2025, 11, 4)
            if type_.is_temporal() and type_ != pl.Date
            else values.get(type_.base_type(), 1)
        ]
        for name, type_ in (source.key | source.values).items()
    }
    schema = source.key | source.values
    return replace(
        source, parse=lambda content: [content], frame=lambda rows, resource: pl.DataFrame(row, schema=schema)
    )


FIGURES = [1e30, -1e30, 1e99, float("inf"), float("-inf"), float("nan")]


@pytest.mark.parametrize("name", registry.names())
@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_that_no_model_can_hold_is_refused_by_name(name, figure):
    with pytest.raises(PageRefused, match=r"it has the figure \S+ \(.*2025-11-04.*\), where none comes to 1e\+"):
        with_figure(registry.source(name), figure).read(b"", "made")


@pytest.mark.parametrize("name", registry.names())
@pytest.mark.parametrize("figure", [-9.9e14, 0.0, 9.6e10])
def test_a_figure_that_there_may_be_is_read(name, figure):
    source = registry.source(name)
    assert with_figure(source, figure).read(b"", "made").height == 1


def test_volumes_of_coins_of_a_millionth_of_a_dollar_are_read():
    volume = 81_251_043_670_000.0 * 1_000
    assert with_figure(registry.source("binance_bars"), volume).read(b"", "made").height == 1


def test_a_page_without_any_figure_is_refused():
    source = registry.source("prices")
    empty = replace(source, parse=lambda content: [])
    with pytest.raises(PageRefused, match="it has no figure: look at the page"):
        empty.read(b"", "mine")


def test_names_are_known_without_importing_a_source():
    program = "import sys; from ingestion import registry; registry.names(); print('polars' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT).stdout
    assert said == "False\n"
