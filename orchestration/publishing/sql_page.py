"""The page that runs SQL without a server: the page with the published warehouse in it, and DuckDB-WASM beside it.

A page opened from a file may not read other files, but it may load scripts: so the engine is a script, shared by all
builds, and the warehouse is text inside the page. It is the warehouse rather than its Parquet files because
DuckDB-WASM 1.32 would download its Parquet reader, and because the warehouse has keys, comments and macros.
"""

import base64
import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import IO, cast

from orchestration.answers.answers import shown_in

ENGINE = "duckdb-wasm.js"
"""The engine's file name beside the page."""
MAX_EMBEDDED_BYTES = 64 * 1024**2
"""A larger warehouse is not embedded in its page, which then asks for the file. A warehouse of 26 MB took 0.45 s of CPU
to compress and made a page of 21 MB."""
TEMPLATE, STYLE = "sql_page.html", "sql_page.css"
SCRIPTS = ("sql_completion.js", "sql_chart.js", "sql_page.js")
"""In the order in which they run: the last one begins."""
SHOWN = ("build_id", "built_at", "as_of", "is_sample", "failed_sources")


def page(warehouse: bytes, manifest: dict) -> str:
    """The page for one published build.

    Args:
        warehouse: the published DuckDB file.
        manifest: the build's manifest.
    """
    content = {
        "build": {name: manifest[name] for name in SHOWN},
        "queries": [{"question": one.question, "sql": one.sql} for one in shown_in("example")],
        "warehouse": _packed(warehouse) if len(warehouse) <= MAX_EMBEDDED_BYTES else None,
    }
    empty = _part(TEMPLATE).replace("__STYLE__", _part(STYLE)).replace("__SCRIPT__", "\n".join(map(_part, SCRIPTS)))
    # "</script>" in a text would end its block
    return empty.replace("__CONTENT__", json.dumps(content).replace("<", "\\u003c"))


def engine_script(duckdb: bytes, arrow: bytes) -> str:
    """The whole engine as one script; run by a page, it defines `duckdb` and `engineFiles`.

    Args:
        duckdb: the npm package @duckdb/duckdb-wasm, as packed.
        arrow: the npm package apache-arrow, which the former requires.
    """
    library = _member(duckdb, "dist/duckdb-browser.cjs").decode().partition("//# sourceMappingURL")[0]
    files = {
        "worker": _packed(_member(duckdb, "dist/duckdb-browser-eh.worker.js")),
        "wasm": _packed(_member(duckdb, "dist/duckdb-eh.wasm")),
    }
    return (
        "// DuckDB-WASM (MIT) and Apache Arrow (Apache-2.0), from their npm packages.\n"
        f"{_member(arrow, 'Arrow.es2015.min.js').decode()}\n"
        "const duckdb = ((module, require) => {\n"
        f"const exports = module.exports;\n{library}\nreturn module.exports;\n"
        "})({exports: {}}, () => Arrow);\n"
        f"const engineFiles = {json.dumps(files)};\n"
    )


def _part(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _packed(content: bytes) -> str:
    """Compressed, as base64; the same bytes give the same text."""
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode()


def _member(package: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        # None is for folders; the package's checksum vouches for a file of this name
        return cast(IO[bytes], archive.extractfile(f"package/{name}")).read()
