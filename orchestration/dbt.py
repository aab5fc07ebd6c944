"""dbt in this process: a subprocess costs several times the CPU. The only writer of the build file."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from graphlib import TopologicalSorter
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.artifacts.schemas.results import NodeResult
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import extended_mashumaro_encoder, extended_mashumuro_decoder
from dbt_common.events.base_types import EventMsg

from orchestration import kept
from orchestration.errors import BuildFailed
from orchestration.graph import Graph, Node, NodeOutcome, project_digest
from orchestration.home import DBT_PROJECT, Home
from orchestration.settings import Engine

FINISHED = ("LogSeedResult", "LogModelResult", "LogTestResult")
# An error is raised with its words; of one that a signal ends, dbt would print a traceback.
QUIET = ("--quiet", "--no-print", "--no-use-colors", "--log-level", "none", "--log-level-file", "none")

Target = Literal["local", "spark"]
LOCAL, SPARK = "local", "spark"
ADAPTERS = {LOCAL: "dbt-duckdb", SPARK: "dbt-spark"}
ON_SPARK = {"type": "spark", "method": "session", "host": "this process", "schema": "main"}
"""The session that was started before, with its settings."""

PARSES = "parses"
PACKAGES = ("dbt-core", "dbt-adapters", "dbt-common", "dbt-duckdb")

COMPILED_LOTS = Path(__file__).parent / "token_lots"
"""Code that gives rows of a model; where it changes, none of the rows that it gave are kept."""

OnNodeDone = Callable[[str, int, int], None]
"""Called with each finished node: its name, its number and the number of nodes."""


def no_op(name: str, number: int, total: int) -> None:
    """An `OnNodeDone` that does nothing."""


class NodesFailed(BuildFailed):
    """Models or tests failed.

    Attributes:
        nodes: how each went.
    """

    def __init__(self, message: str, nodes: Sequence[NodeOutcome]):
        super().__init__(message)
        self.nodes = nodes


class Project:
    """The dbt project, parsed once for one home.

    Attributes:
        manifest: what dbt knows of it.
    """

    manifest: Manifest

    def __init__(
        self,
        home: Home,
        engine: Engine | None = None,
        strict_claims: bool = False,
        target: Target = LOCAL,
        is_from_spark: bool = False,
    ):
        """Parse the project, or reuse a parse of the same files, be it of another home.

        Args:
            home: whose build file is written, from the snapshot in its build folder.
            engine: what DuckDB may use.
            strict_claims: whether a changed verdict of a claim fails the build.
            target: `local` for DuckDB, or `spark`, where a session was started.
            is_from_spark: whether tables take the rows that Spark wrote in place of those that their models select.

        Raises:
            BuildFailed: the project does not parse.
        """
        self._home = home
        self._variables = _variables(strict_claims, is_from_spark)
        self._options = _options(home, target)
        _write_profile(home, engine or Engine())
        # Parsing takes 5 to 9 s of CPU, reading what is kept 0.1.
        name = f"{parse_digest([json.dumps(self._variables), target, version(ADAPTERS[target])])}.msgpack"
        parse = kept.read(PARSES, name)
        if parse is None or (manifest := _unpacked(parse)) is None:
            # Nothing reads the manifest as a file: writing it takes 0.25 s of CPU.
            manifest = cast("Manifest", self._invoke(["parse", "--no-write-json"]).result)
            parse = cast("bytes", manifest.to_msgpack(cast("Any", extended_mashumaro_encoder)))
            kept.keep(PARSES, name, parse)
        self.manifest, self._parse = manifest, parse

    def build(
        self,
        selection: Collection[str],
        on_node_done: OnNodeDone = no_op,
        exclude: Collection[str] = (),
        indirect_selection: Literal["eager", "cautious"] = "eager",
        unchanged_before: date | None = None,
    ) -> list[NodeOutcome]:
        """Build seeds, models and tests into the home's build file.

        Args:
            selection: dbt's selectors, such as `source:farside.flows+`; empty for everything.
            on_node_done: called with each finished node.
            exclude: selectors of what is left out.
            indirect_selection: whether a test of a selected model is run where another of its models is not selected.
            unchanged_before: the day before which coins were spent as in the build file; None where nothing is known.

        Raises:
            BuildFailed: a model or a test failed; the message names the first ones.
        """

        def on_event(event: EventMsg) -> None:
            if event.info.name in FINISHED:
                data: Any = event.data  # dbt's messages are made at run time
                on_node_done(data.node_info.node_name, data.index, getattr(data, "total", 0) or data.num_models)

        command = ["build", "--no-write-json", "--exclude-resource-type", "unit_test"]
        command += ["--indirect-selection", indirect_selection]
        command += ["--select", *selection] if selection else []
        command += ["--exclude", *exclude] if exclude else []
        # A parse does not follow from this one.
        variables = {"unchanged_before": unchanged_before.isoformat()} if unchanged_before else {}
        outcome = self._invoke(command, [on_event], self.manifest, variables)
        return [_outcome(result) for result in _results(outcome)]

    def document(self) -> None:
        """Write dbt's page of models, columns and lineage: one file that needs no network.

        Raises:
            BuildFailed: the build file cannot be read.
        """
        # 0.3 s of CPU. Compiling every model again takes 1.4 s, and puts this machine's paths into the page.
        # From the parse: the manifest in memory has each model as it was built, with its path on this machine.
        manifest = _unpacked(self._parse)
        assert manifest
        manifest.write(str(self._home.dbt_target / "manifest.json"))
        self._invoke(["docs", "generate", "--static", "--no-compile"], manifest=manifest)

    def graph(self, digest: str) -> Graph:
        """The project as a graph.

        Args:
            digest: of the project's files.
        """
        return _graph(self.manifest, digest)

    def _invoke(
        self,
        command: Sequence[str],
        callbacks: Sequence[Callable[[EventMsg], None]] = (),
        manifest: Manifest | None = None,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> dbtRunnerResult:
        runner = dbtRunner(manifest=manifest, callbacks=list(callbacks))
        try:
            more = ["--vars", json.dumps({**self._variables, **variables})]
            outcome = runner.invoke([*QUIET, *command, *self._options, *more])
        finally:
            # An open connection keeps the build file's write lock in this process.
            DuckDBConnectionManager.close_all_connections()
        if isinstance(outcome.exception, KeyboardInterrupt):
            raise outcome.exception
        if outcome.exception:
            raise BuildFailed(f"dbt stopped: {_first_lines(outcome.exception)}")
        if not outcome.success:
            nodes = [_outcome(result) for result in _results(outcome)]
            failed = [f"{node.name}: {node.message}" for node in nodes if node.state in ("error", "fail")]
            raise NodesFailed(
                f"{len(failed)} of the warehouse's models or tests failed: {'; '.join(failed[:3])}", nodes
            )
        return outcome


def parse_digest(options: Collection[str]) -> str:
    """SHA-256 of all that a parse follows from.

    Args:
        options: what dbt was told beyond the project's files.
    """
    # A parse names the project's place, and holds the macros of dbt's packages.
    versions = [version(package) for package in PACKAGES]
    return hashlib.sha256(repr([project_digest(), str(DBT_PROJECT), versions, *options]).encode()).hexdigest()


def _variables(strict_claims: bool, is_from_spark: bool) -> dict[str, Any]:
    code = b"".join(module.read_bytes() for module in sorted(COMPILED_LOTS.glob("*.py")))
    digest = hashlib.md5(code, usedforsecurity=False).hexdigest()
    return {"strict_claims": strict_claims, "is_from_spark": is_from_spark, "compiled_lots": digest}


def _unpacked(parse: bytes) -> Manifest | None:
    """A parse as dbt's manifest; None where it is not whole."""
    try:
        manifest = Manifest.from_msgpack(parse, extended_mashumuro_decoder)
    except Exception:  # whatever dbt or msgpack make of other bytes
        return None
    manifest.build_flat_graph()
    return manifest


def _options(home: Home, target: Target) -> list[str]:
    where = ["--project-dir", DBT_PROJECT, "--profiles-dir", home.build, "--target-path", home.dbt_target]
    where += ["--log-path", home.dbt_target]
    return [*map(str, where), "--target", target]


def _write_profile(home: Home, engine: Engine) -> None:
    """dbt's profile of the home, written only where it changes: a changed profile makes the parse void."""
    folders = [home.build / "inputs", *([home.spark_warehouse] if engine.name == SPARK else [])]
    settings = {
        "file_search_path": ",".join(map(_literal, folders)),
        "preserve_insertion_order": False,
        "TimeZone": "UTC",
        "enable_progress_bar": False,
        **({"memory_limit": engine.memory_limit} if engine.memory_limit else {}),
    }
    output = {
        "type": "duckdb",
        "path": _literal(home.build_file),
        "threads": engine.threads,
        # Newer ways to compress: writing the coin flow takes a quarter less.
        "config_options": {"storage_compatibility_version": "v1.5.0"},
        "settings": settings,
    }
    outputs = {LOCAL: output, **({SPARK: ON_SPARK | {"threads": engine.threads}} if engine.name == SPARK else {})}
    profile = {"flowhouse": {"target": LOCAL, "outputs": outputs}}
    name = f"{home.name}/profiles.yml"  # YAML holds JSON
    if home.read_state(name) != profile:
        home.write_state(name, profile)


def _literal(path: Path) -> str:
    """A path as a profile has it, where braces are a template to dbt."""
    return str(path).replace("{{", "{{ '{{' }}").replace("{%", "{{ '{%' }}")


def _results(outcome: dbtRunnerResult) -> list[NodeResult]:
    return list(cast("Iterable[NodeResult]", outcome.result))  # of a command that builds


def _outcome(result: NodeResult) -> NodeOutcome:
    return NodeOutcome(result.node.name, str(result.status), result.execution_time, _first_lines(result.message or ""))


def _first_lines(message: object) -> str:
    lines = [line.strip() for line in str(message).splitlines() if line.strip()]
    # Of a model in Python dbt gives the whole traceback, whose last line is the error.
    return lines[-1] if any(line.startswith("Traceback") for line in lines) else " ".join(lines[:3])


def _graph(manifest: Manifest, digest: str) -> Graph:
    tables = {source.unique_id: f"{source.source_name}/{source.name}" for source in manifest.sources.values()}
    built = [node for node in manifest.nodes.values() if node.resource_type in ("seed", "model")]
    keys = tables | {node.unique_id: "/".join([*filter(None, [node.config.schema]), node.name]) for node in built}

    def parents(node) -> tuple[str, ...]:
        return tuple(sorted(keys[parent] for parent in node.depends_on.nodes))

    nodes = {
        keys[node.unique_id]: Node(
            node.name,
            "seed" if node.resource_type == "seed" else "model",
            () if node.resource_type == "seed" else parents(node),
            node.config.meta.get("dagster", {}).get("group", ""),
            node.description,
        )
        for node in built
    }
    by_name = {node.name: keys[node.unique_id] for node in built}
    nodes = {key: nodes[key] for key in _parents_first(nodes)}
    for test in sorted(
        (node for node in manifest.nodes.values() if node.resource_type == "test"), key=lambda test: test.name
    ):
        about = test.config.meta.get("dagster", {}).get("ref", {}).get("name")
        asset = by_name[about] if about else keys[getattr(test, "attached_node", None) or test.depends_on.nodes[0]]
        nodes[test.name] = Node(test.name, "test", parents(test), description=test.description, asset=asset)
    return Graph(digest, tuple(sorted(tables.values())), nodes)


def _parents_first(nodes: Mapping[str, Node]) -> Iterator[str]:
    order = TopologicalSorter(
        {key: [parent for parent in node.parents if parent in nodes] for key, node in nodes.items()}
    )
    order.prepare()
    while order.is_active():
        ready = sorted(order.get_ready())
        yield from ready
        order.done(*ready)
