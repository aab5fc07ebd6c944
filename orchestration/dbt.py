"""dbt as Dagster assets, run in this process: a subprocess with its event log costs several times the CPU."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

from dagster import AssetExecutionContext, AssetsDefinition, ResourceParam
from dagster_dbt import DbtProject, dbt_assets
from dagster_dbt.asset_utils import get_updated_cli_invocation_params_for_context
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage
from dagster_dbt.dagster_dbt_translator import DagsterDbtTranslator
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.artifacts.schemas.results import NodeResult
from dbt.cli.main import dbtRunner
from dbt_common.events.base_types import EventMsg
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from orchestration import inputs
from orchestration.errors import BuildFailed
from orchestration.home import DBT_PROJECT, Home
from orchestration.publishing import published

RESULTS = ("LogSeedResult", "LogModelResult", "LogTestResult", "LogUnitTestResult")
QUIET = ("--quiet", "--no-print", "--no-use-colors", "--log-level-file", "none")

OnNodeDone = Callable[[str, int, int], None]
"""Called with each finished node: its name, its number and the number of nodes."""


def no_op(name: str, number: int, total: int) -> None:
    """An `OnNodeDone` that does nothing."""


def prepare(home: Home) -> Path:
    """Parse the project, or reuse the parse of the same files; returns the manifest's path.

    Raises:
        BuildFailed: the project does not parse.
    """
    _invoke(home, ["parse"], [])
    return home.dbt_target / "manifest.json"


def run(home: Home, selection: Sequence[str], on_node_done: OnNodeDone = no_op) -> Iterator[dict]:
    """Build the selected seeds, models and tests into the home's build file; yields dbt's result events.

    Raises:
        BuildFailed: a model or a test failed; the message names the first ones.
    """
    results: list[dict] = []

    def on_event(event: EventMsg) -> None:
        if event.info.name in RESULTS:
            results.append(MessageToDict(cast("Message", event), preserving_proto_field_name=True))
            data = results[-1]["data"]
            on_node_done(data["node_info"]["node_name"], data["index"], data.get("total") or data["num_models"])

    # The parse wrote the manifest already; writing it and the results again takes 1.2 s of CPU.
    command = ["build", "--no-write-json", "--exclude-resource-type", "unit_test"]
    _invoke(home, [*command, *selection], [on_event])
    yield from results


def document(home: Home) -> None:
    """Write dbt's page of models, columns and lineage: one file that needs no network.

    Raises:
        BuildFailed: the build file cannot be read.
    """
    # 0.3 s of CPU. Compiling every model again takes 1.4 s, and puts this machine's paths into the page.
    _invoke(home, ["docs", "generate", "--static", "--no-compile"], [])


def models(home: Home) -> AssetsDefinition:
    """Every dbt seed and model as an asset, their tests as checks, for the project as it is now."""
    manifest = prepare(home)

    @dbt_assets(
        manifest=manifest,
        project=DbtProject(DBT_PROJECT, target_path=manifest.parent),
        name="warehouse_models",
    )
    def warehouse_models(
        context: AssetExecutionContext, home: ResourceParam[Home], on_node_done: ResourceParam[OnNodeDone]
    ) -> Iterator[object]:
        content = json.loads(manifest.read_bytes())
        translator = DagsterDbtTranslator()
        params = get_updated_cli_invocation_params_for_context(context, content, translator)
        if published.is_current(home, inputs.of_lake(home).fingerprint):
            context.log.info("Nothing new: the published build has the same inputs.")
            return
        with home.lock():
            for event in run(home, params.selection_args, on_node_done):
                message = DbtCoreCliEventMessage(raw_event=event, event_history_metadata={})
                yield from message.to_default_asset_events(content, params.dagster_dbt_translator, context)
            document(home)

    return warehouse_models


def _invoke(home: Home, command: list[str], callbacks: list[Callable[[EventMsg], None]]) -> None:
    home.configure_dbt()
    where = ["--project-dir", DBT_PROJECT, "--profiles-dir", DBT_PROJECT, "--target-path", home.dbt_target]
    where += ["--log-path", home.dbt_target]
    try:
        outcome = dbtRunner(callbacks=callbacks).invoke([*QUIET, *command, *map(str, where)])
    finally:
        # An open connection keeps the build file's write lock in this process.
        DuckDBConnectionManager.close_all_connections()
    if outcome.exception:
        raise BuildFailed(f"dbt stopped: {_first_lines(outcome.exception)}")
    if not outcome.success:
        results = cast("Iterable[NodeResult]", outcome.result)  # of a command that builds
        bad = [result for result in results if result.status in ("error", "fail")]
        failed = [f"{result.node.name}: {_first_lines(result.message)}" for result in bad]
        raise BuildFailed(f"{len(failed)} of the warehouse's models or tests failed: {'; '.join(failed[:3])}")


def _first_lines(message: object) -> str:
    lines = [line.strip() for line in str(message).splitlines() if line.strip()]
    return " ".join(lines[:3])
