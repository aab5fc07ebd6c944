"""The graph of the dbt project as it is now, known without dbt, which takes 3 s of CPU to import and parse.

`graph.json` beside this module is made by `python -m orchestration.project` and belongs to one state of the project, by
its digest. An edited project is parsed once, and its graph is kept in the home.
"""

import tempfile
from pathlib import Path

from orchestration import graph
from orchestration.graph import Graph
from orchestration.home import Home

PACKAGED = Path(__file__).with_name("graph.json")


def load(home: Home) -> Graph:
    """The graph of the project as it is now.

    Raises:
        BuildFailed: the project was edited and does not parse.
    """
    digest = graph.project_digest()
    kept = home.root / "build" / "graph.json"
    for path in (PACKAGED, kept):
        if (known := graph.read(path)) and known.digest == digest:
            return known
    from orchestration.dbt import Project

    parsed = Project(home).graph(digest)
    graph.write(parsed, kept)
    return parsed


if __name__ == "__main__":
    from orchestration.dbt import Project

    with tempfile.TemporaryDirectory() as folder:
        graph.write(Project(Home(Path(folder))).graph(graph.project_digest()), PACKAGED)
