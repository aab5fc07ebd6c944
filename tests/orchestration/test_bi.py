"""What the recipes for BI tools promise, read from their text; tests/bi runs them for real."""

from pathlib import Path

import pytest
import yaml

from orchestration.answers.answers import answers
from orchestration.bi.superset import CHARTS

MODELS = Path(__file__).parents[2] / "dbt_project/models"


def primary_key(mart: str) -> set[str]:
    (path,) = MODELS.rglob(f"{mart}.yml")
    (model,) = yaml.safe_load(path.read_text())["models"]
    return next(set(rule["columns"]) for rule in model["constraints"] if rule["type"] == "primary_key")


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_a_chart_never_mixes_two_rows_of_its_mart(chart):
    drawn = {chart.date, *chart.series, *chart.measures} if chart.kind == "table" else {chart.date, *chart.series}
    fixed = {name for name, value in chart.filters.items() if value is not None}
    if "is_preferred" in fixed:  # one row of each asset, day and window, as a data test checks
        fixed |= {"holder_series", "definition_id"}
    assert primary_key(chart.mart) <= drawn | fixed


def exposed(name: str) -> set[str]:
    exposures = yaml.safe_load((MODELS / "exposures.yml").read_text())["exposures"]
    return next(set(exposure["depends_on"]) for exposure in exposures if exposure["name"] == name)


def test_the_dashboard_is_an_exposure_of_the_marts_it_shows():
    assert exposed("dashboard") == {f"ref('{chart.mart}')" for chart in CHARTS}


def test_the_report_is_an_exposure_of_the_marts_it_shows():
    places = {"tile", "chart", "stress", "table", "report"}
    shown = [answer for answer in answers().values() if places & answer.shown.keys()]
    assert exposed("report") == {f"ref('{mart}')" for answer in shown for mart in answer.marts}


def test_a_metric_is_guarded_on_every_key_but_its_day():
    semantic = yaml.safe_load((MODELS / "semantic/semantic.yml").read_text())
    measures = {one["name"]: one for model in semantic["semantic_models"] for one in model["measures"]}
    for metric in semantic["metrics"]:
        guards = [name for name in metric["type_params"]["metrics"] if measures[name]["agg"] == "count_distinct"]
        assert [f"{name} = 1" in metric["type_params"]["expr"] for name in guards] == [True], metric["name"]
    keys = primary_key("onchain_lth_flows_daily") - {"value_date"}
    assert set(measures["guard_holder_keys"]["expr"].split(" || ' ' || ")) == keys
    # Windows overlap, so that days are not added up either.
    assert set(measures["guard_demand_windows"]["expr"].split(" || ' ' || ")) == primary_key("demand_vs_supply_daily")
