"""The engine of SQL in the browser: downloaded from npm once, on request; builds then publish a page that uses it."""

import base64
import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from ingestion import durable
from ingestion.errors import FetchFailed, PageRefused, UsageError
from orchestration.home import Home
from orchestration.publishing import published, sql_page
from orchestration.publishing.published import MANIFEST, WAREHOUSE

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


def engine_file(home: Home) -> Path:
    """The path of the engine in this home, downloaded or not; each version has its own file."""
    return home.root / "browser" / f"duckdb-wasm-{DUCKDB[0].rpartition('@')[2]}.js"


def download_engine(home: Home) -> Path:
    """Download the engine from npm into the home, unless it is there.

    Raises:
        UsageError: npm is not installed.
        FetchFailed: npm could not download a package.
        PageRefused: a package has another checksum than expected.
    """
    file = engine_file(home)
    if not file.exists():
        durable.write({file: sql_page.engine_script(_package(*DUCKDB), _package(*ARROW)).encode()})
    return file


def add_page(home: Home, folder: Path) -> Path | None:
    """Write the page and its engine into a published folder; None, without writing, if the engine is not installed."""
    if not engine_file(home).exists():
        return None
    published.link(engine_file(home), folder / sql_page.ENGINE)
    manifest = json.loads((folder / MANIFEST).read_text())
    page = folder / PAGE
    durable.write({page: sql_page.page((folder / WAREHOUSE).read_bytes(), manifest).encode()})
    return page


def where(folder: Path) -> str:
    """One line that says where the page of a published folder is, or how to get one."""
    page = folder / PAGE
    todo = "run `flowhouse install-sql-page` once, with npm and a network."
    return f"SQL in the browser: {page if page.exists() else todo}"


def integrity(package: bytes) -> str:
    """The checksum of a package as npm's lock files write it."""
    return f"sha512-{base64.b64encode(hashlib.sha512(package).digest()).decode()}"


def _package(name: str, expected: str) -> bytes:
    """The archive of an npm package, checked against the checksum recorded here."""
    if not shutil.which("npm"):
        raise UsageError("The engine comes from npm: install Node.js, which includes npm, and run this again.")
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", folder, name]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=NPM_SECONDS)
        except (subprocess.SubprocessError, OSError) as error:
            raise FetchFailed(
                f"npm could not download {name} ({type(error).__name__}): run `npm pack {name}` to see why."
            ) from None
        content = next(Path(folder).glob("*.tgz")).read_bytes()
    if integrity(content) != expected:
        raise PageRefused(
            f"{name} from npm has an unexpected checksum, so it was discarded: check which npm registry you use."
        )
    return content
