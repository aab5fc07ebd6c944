"""Vega, Vega-Lite and their interpreter for the page, as the installed vl-convert bundles them: one script.

Bundling takes 1.5 to 3 s of CPU, so the script is kept by the version that made it: in the home, which may be all that
outlives a run in a container, and for a user's next home.
"""

from functools import cache
from importlib.metadata import version
from pathlib import Path

from ingestion import durable
from orchestration import kept

KIND = "report"
LICENSE = "// Vega, Vega-Lite and Vega-Embed, BSD-3-Clause, https://github.com/vega; defines vegaEmbed.\n"


def script(folder: Path | None) -> str:
    """The script; run by a page, it defines `vegaEmbed`.

    Args:
        folder: keeps the script; None to keep none.
    """
    if folder is None:
        return _bundle()
    file = folder / f"vega-{version('vl-convert-python')}.js"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        script = kept.read(KIND, file.name)
        if script is None:
            script = _bundle().encode()
            kept.keep(KIND, file.name, script)
        durable.write({file: script})
        for other in set(folder.glob("vega-*.js")) - {file}:
            other.unlink(missing_ok=True)
    return file.read_text(encoding="utf-8")


@cache
def _bundle() -> str:
    import vl_convert

    return LICENSE + vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
