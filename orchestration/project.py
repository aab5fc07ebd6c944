"""The graph of the dbt project as it is now, known without dbt, which takes 3 s of CPU to import and parse.

`graph.json` beside this module is what `python -m orchestration.project` prints (`make graph`) and belongs to one state
of the project, by its digest. An edited project is parsed once, and its graph is kept in the home.
"""

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from orchestration.graph import Graph, of_fields, project_digest
from orchestration.home import Home

PACKAGED = Path(__file__).with_name("graph.json")
KEPT = "graph.json"


def load(home: Home) -> Graph:
    """The graph of the project as it is now.

    Raises:
        BuildFailed: the project was edited and does not parse.
    """
    digest = project_digest()
    packaged = json.loads(PACKAGED.read_text())
    for fields in (packaged, home.read_state(KEPT) or {}):
        if fields.get("digest") == digest and (known := of_fields(fields)):
            return known
    from orchestration.dbt import Project

    parsed = Project(home).graph(digest)
    home.write_state(KEPT, asdict(parsed))
    return parsed


if __name__ == "__main__":
    from orchestration.dbt import Project

    with tempfile.TemporaryDirectory() as folder:
        json.dump(asdict(Project(Home(Path(folder))).graph(project_digest())), sys.stdout, indent=1)
