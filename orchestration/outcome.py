"""What a run of the pipeline came to, and the same as events of its assets."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ingestion import registry
from ingestion.bitcoin import ledger as coins
from ingestion.evm import ledger as account_chains
from ingestion.printable import printable
from ingestion.refresh import RefreshResult
from orchestration import own_seeds
from orchestration.graph import Graph, NodeOutcome
from orchestration.inputs import Inputs

PUBLISHED = "published"
READ = "read_without_failure"
IN_TIME = "in_time"
COPIED = "copied"
CHAIN_TABLES = {coins.SOURCE: tuple(coins.TABLES), account_chains.SOURCE: tuple(account_chains.TABLES)}

Metadata = Mapping[str, str | int | float | bool]


@dataclass(frozen=True)
class Event:
    """Something that happened to an asset.

    Attributes:
        kind: a materialization where somebody was asked for it or it was built; an observation where it was looked at.
        asset: its key, as `source/table`.
        data_version: digest of what its content depends on.
        check, passed: of a check.
    """

    kind: Literal["materialization", "observation", "check"]
    asset: str
    metadata: Metadata = field(default_factory=dict[str, str | int | float | bool])
    data_version: str = ""
    check: str = ""
    passed: bool = True


@dataclass
class Outcome:
    """What a run came to, filled as it goes on.

    Attributes:
        results: how each source and chain went.
        graph, inputs: the project, and what the build read of the lake; None before the snapshot.
        nodes: how each of dbt's nodes went.
        rebuilt: keys of the models that were built.
        folder: the published folder; None where none was reached.
        build_id: of that folder.
        is_new: whether this run published it.
        copied_to: where the folder was to be copied; None where that was not asked for.
        copy_failure: one sentence; empty where the copy is there.
    """

    results: list[RefreshResult] = field(default_factory=list[RefreshResult])
    graph: Graph | None = None
    inputs: Inputs | None = None
    nodes: Sequence[NodeOutcome] = ()
    rebuilt: Sequence[str] = ()
    folder: Path | None = None
    build_id: str = ""
    is_new: bool = False
    copied_to: str | None = None
    copy_failure: str = ""

    @property
    def failures(self) -> list[str]:
        """One sentence per failure of a source, and of the copy to elsewhere."""
        of_sources = [failure for result in self.results for failure in result.failures]
        return [*of_sources, *([self.copy_failure] if self.copy_failure else [])]


def events(outcome: Outcome) -> Iterator[Event]:
    """What happened to each asset."""
    graph = outcome.graph
    of_kind: defaultdict[str, list[RefreshResult]] = defaultdict(list)
    for result in outcome.results:
        of_kind[result.source.split("/")[0]].append(result)
    for results in of_kind.values():
        yield from _of_results(results, outcome.inputs)
    if graph is None or outcome.inputs is None:
        return
    for node in outcome.nodes:
        # One that was skipped for a failure above it was not looked at.
        if (test := graph.tests.get(node.name)) and node.state != "skipped":
            metadata = {"state": node.state, "message": printable(node.message)}
            yield Event("check", test.asset, metadata, check=node.name, passed=node.state in ("pass", "warn"))
    if outcome.folder is None:
        return
    for key in outcome.rebuilt if outcome.is_new else ():
        yield Event("materialization", key, {"build_id": outcome.build_id}, data_version(key, graph, outcome.inputs))
    kind = "materialization" if outcome.is_new else "observation"
    metadata = {"build_id": outcome.build_id, "folder": str(outcome.folder), "nothing_new": not outcome.is_new}
    yield Event(kind, PUBLISHED, metadata, outcome.inputs.fingerprint)
    if outcome.copied_to:
        copy = {"to": outcome.copied_to, "failure": printable(outcome.copy_failure)}
        yield Event("check", PUBLISHED, copy, check=COPIED, passed=not outcome.copy_failure)


def data_version(key: str, graph: Graph, inputs: Inputs) -> str:
    """Digest of what a model's content depends on: the project, and the raw tables above it."""
    above = {table: inputs.tables[table] for table in sorted(graph.tables_of[key])}
    return hashlib.sha256(json.dumps([inputs.project, above]).encode()).hexdigest()[:16]


def tables_of_result(source: str) -> list[str]:
    """The raw tables, as `source/table`, that a source or a chain (`bitcoin/main`) fills."""
    name = source.split("/")[0]
    if tables := CHAIN_TABLES.get(name) or (tuple(own_seeds.COLUMNS) if name == own_seeds.SOURCE else None):
        return [f"{name}/{table}" for table in tables]
    return [f"{name}/{registry.source(name).table}"]


def _of_results(results: Sequence[RefreshResult], inputs: Inputs | None) -> Iterator[Event]:
    """Of one source, or of all chains of a kind, which share their tables."""
    kind = "materialization" if any(each.was_asked or each.captures for each in results) else "observation"
    metadata = {
        "source": ", ".join(result.source for result in results),
        "mode": results[0].mode,
        "captures_read": sum(result.captures for result in results),
        "observations_added": sum(result.added for result in results),
        "nothing_new": not any(result.added for result in results),
    }
    tables = tables_of_result(results[0].source)
    for table in tables:
        version = inputs.tables.get(table, "")[:16] if inputs else ""
        yield Event(kind, table, metadata, version)
    failures = (f"{result.source}: {failure}" for result in results for failure in result.failures)
    said = printable("\n".join(failures))
    yield Event("check", tables[0], {"failures": said} if said else {}, check=READ, passed=not said)
