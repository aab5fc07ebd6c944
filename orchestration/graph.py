"""The dbt project as a graph of raw tables, models and tests."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from orchestration.home import DBT_PROJECT

PROJECT = {".sql", ".yml", ".csv", ".md"}
GENERATED = {"target", "logs", "dbt_packages"}


@dataclass(frozen=True)
class Node:
    """A seed, model or test of the project.

    Attributes:
        name: as dbt calls it.
        parents: keys of the nodes and raw tables it reads.
        group: where the UI shows it.
        asset: of a test, the key of the node it is about.
    """

    name: str
    kind: Literal["seed", "model", "test"]
    parents: tuple[str, ...]
    group: str = ""
    description: str = ""
    asset: str = ""


@dataclass(frozen=True)
class NodeOutcome:
    """How one seed, model or test went.

    Attributes:
        name: as dbt calls it.
        state: success, pass, warn, error, fail or skipped.
        seconds: of wall time.
        message: what dbt says of it.
    """

    name: str
    state: str
    seconds: float
    message: str


@dataclass(frozen=True)
class Graph:
    """The project.

    Attributes:
        digest: of the project that it is of.
        tables: the raw tables that models read, as `source/table`.
        nodes: seeds and models by `schema/name`, each after its parents, then tests by name.
    """

    digest: str
    tables: tuple[str, ...]
    nodes: Mapping[str, Node]

    @cached_property
    def models(self) -> dict[str, Node]:
        """Seeds and models."""
        return {key: node for key, node in self.nodes.items() if node.kind != "test"}

    @cached_property
    def tests(self) -> dict[str, Node]:
        """Tests."""
        return {key: node for key, node in self.nodes.items() if node.kind == "test"}

    @cached_property
    def tables_of(self) -> dict[str, frozenset[str]]:
        """The raw tables that each seed and model depends on, however far up."""
        found: dict[str, frozenset[str]] = {table: frozenset([table]) for table in self.tables}

        def tables(key: str) -> frozenset[str]:
            if key not in found:
                found[key] = frozenset().union(*map(tables, self.models[key].parents))
            return found[key]

        return {key: tables(key) for key in self.models}

    def affected(self, tables: Collection[str]) -> list[str]:
        """Keys of the models that depend on any of the raw tables."""
        return [key for key, above in self.tables_of.items() if not above.isdisjoint(tables)]


def project_digest() -> str:
    """SHA-256 of the dbt project's files."""
    digest = hashlib.sha256()
    paths = (path for path in DBT_PROJECT.rglob("*") if path.suffix in PROJECT)
    for path in sorted(path for path in paths if not GENERATED & set(path.relative_to(DBT_PROJECT).parts)):
        digest.update(path.relative_to(DBT_PROJECT).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def of_fields(fields: Mapping[str, Any]) -> Graph | None:
    """A graph that was kept as the fields of its dataclass; None where another version kept it."""
    try:
        nodes = {key: Node(**node | {"parents": tuple(node["parents"])}) for key, node in fields["nodes"].items()}
        return Graph(fields["digest"], tuple(fields["tables"]), nodes)
    except (KeyError, TypeError):
        return None
