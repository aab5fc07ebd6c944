"""The models on Spark, then the marts of the build file from the rows that Spark wrote."""

from collections.abc import Collection, Sequence

from orchestration.dbt import OnNodeDone, Project, no_op
from orchestration.graph import Graph, NodeOutcome
from orchestration.home import Home
from orchestration.settings import Settings
from orchestration.spark.session import session
from orchestration.spark.warehouse import Warehouse

LOG = "spark.log"
SEMANTIC = "path:models/semantic"
"""Functions and views over published marts, which are DuckDB's."""


def build(
    home: Home,
    settings: Settings,
    graph: Graph,
    affected: Collection[str],
    selection: Collection[str],
    on_node_done: OnNodeDone = no_op,
) -> tuple[Project, Sequence[NodeOutcome]]:
    """Build seeds, models and tests on Spark, and the affected marts with their contracts, keys and tests on DuckDB.

    Args:
        affected: keys of the seeds and models to build.
        selection: the same as dbt's selectors; empty for everything.

    Returns:
        The project as the build file has it, and how each node went, once.

    Raises:
        BuildFailed: Spark does not start, or a model or a test failed.
    """
    warehouse = Warehouse(home)
    strict = settings.claims.strict
    with warehouse.attempt(affected, graph.models):
        with session(settings.engine, warehouse.folder, home.build / LOG) as spark:
            warehouse.register(spark, graph.tables)
            on_spark = Project(home, settings.engine, strict, "spark")
            # Views live as long as their session.
            wanted = [*selection, "config.materialized:view"] if selection else []
            nodes = on_spark.build(wanted, on_node_done, exclude=[SEMANTIC])
        project = Project(home, settings.engine, strict, is_from_spark=True)
        marts = [key.removeprefix("marts/") for key in affected if key.startswith("marts/")]
        # Only tests all of whose models are here: the others ran on Spark.
        published = project.build([*marts, SEMANTIC], on_node_done, indirect_selection="cautious")
    return project, list({node.name: node for node in (*nodes, *published)}.values())
