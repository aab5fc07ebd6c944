"""SQL in the browser: its engine is taken once from npm, on request; builds then publish a page that uses it."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ingestion.errors import FetchFailed, PageRefused, UsageError
from orchestration.home import Home
from orchestration.publishing import sql_page

PAGE = "sql.html"
DUCKDB = (
    "@duckdb/duckdb-wasm@1.32.0",
    "sha512-IewXTNYEjsZCPE9weUWgtjGxUlMRo7qhX0GF6tq/KjK8bnY+RAl4cyUdYUfcdzbyb4b9ZxPC+FOsCcxgaKFWMg==",
)
ARROW = (
    "apache-arrow@17.0.0",
    "sha512-X0p7auzdnGuhYMVKYINdQssS4EcKec9TCXyez/qtJt32DrIMGbzqiaMiQ0X6fQlQpw8Fl0Qygcv4dfRAr5Gu9Q==",
)
NPM_SECONDS = 600


def engine(home: Home) -> Path:
    """Where this home keeps the engine, taken or not; another version is another file."""
    return home.root / "browser" / f"duckdb-wasm-{DUCKDB[0].rpartition('@')[2]}.js"


def take(home: Home) -> Path:
    """Take the engine from npm into the home, unless it is there.

    Raises:
        UsageError: there is no npm.
        FetchFailed: npm could not get a package.
        PageRefused: a package is not the one it should be.
    """
    file = engine(home)
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_text(sql_page.engine(_package(*DUCKDB), _package(*ARROW)))
        os.replace(part, file)
    return file


def add_page(home: Home, folder: Path) -> Path | None:
    """Write the page and its engine into a published folder; None, and nothing is written, without the engine."""
    if not engine(home).exists():
        return None
    _link(engine(home), folder / sql_page.ENGINE)
    manifest = json.loads((folder / "manifest.json").read_text())
    part = folder / f".{PAGE}.part"
    part.write_text(sql_page.page((folder / "warehouse.duckdb").read_bytes(), manifest))
    return part.replace(folder / PAGE)


def where(folder: Path) -> str:
    """One line on the page of a published folder: where it is, or how to have one."""
    page = folder / PAGE
    todo = "run `flowhouse install-sql-page` once, with npm and a network."
    return f"SQL in the browser: {page if page.exists() else todo}"


def integrity(package: bytes) -> str:
    """The sum of a package as npm's lock files write it."""
    return f"sha512-{base64.b64encode(hashlib.sha512(package).digest()).decode()}"


def _package(name: str, known: str) -> bytes:
    """The archive of an npm package, checked against its known sum."""
    if not shutil.which("npm"):
        raise UsageError("The engine comes from npm: install Node.js, which brings it, and run this again.")
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", folder, name]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=NPM_SECONDS)
        except (subprocess.SubprocessError, OSError) as error:
            raise FetchFailed(f"npm could not get {name} ({type(error).__name__}): see `npm pack {name}`.") from None
        content = next(Path(folder).glob("*.tgz")).read_bytes()
    if integrity(content) != known:
        raise PageRefused(f"What npm gave as {name} is not the package known here: nothing was kept; ask who runs it.")
    return content


def _link(file: Path, beside: Path) -> None:
    """The same file under a second name, so that it takes its room once; a copy where links are refused."""
    beside.unlink(missing_ok=True)
    try:
        os.link(file, beside)
    except OSError:
        shutil.copyfile(file, beside)
