"""A home with a small build file made without dbt, a function that publishes it, and a browser."""

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from ingestion.refresh import RefreshResult
from orchestration.home import Home
from orchestration.inputs import Inputs
from orchestration.publishing import publish
from orchestration.settings import Publish, Settings

AT = datetime(2026, 1, 5, 6)
RESULTS = (
    RefreshResult("farside", "live", AT, failures=("farside/btc: answered 403: try again later.",)),
    RefreshResult("ishares", "live", AT, captures=1, added=2),
)


@pytest.fixture
def inputs() -> Inputs:
    """What the build file is said to be made from."""
    return Inputs(Path("inputs"), {"farside/flows": "1f"}, {"farside/flows": 2}, "project", RESULTS, is_sample=False)


@pytest.fixture
def home(tmp_path) -> Home:
    """A home whose build file has four marts, a macro over one of them, and what must not be published."""
    home = Home(tmp_path / "home")
    home.build.mkdir(parents=True)
    raw = tmp_path / "raw.parquet"
    with duckdb.connect(str(home.build_file)) as con:
        con.execute(f"copy (select 1 as n) to '{raw}'")
        con.execute("create schema marts; create schema staging; create schema seeds")
        con.execute(f"create view staging.stg_raw as select * from read_parquet('{raw}')")
        con.execute("create table seeds.facts (n integer)")
        con.execute("create table marts.flows (n integer primary key, amount double not null)")
        con.execute("comment on table marts.flows is 'One row per n.'; comment on column marts.flows.n is 'A number.'")
        con.execute("insert into marts.flows values (2, 0.5), (1, 1.5)")
        con.execute("create table marts.coins (day date primary key, coins decimal(38, 8))")
        con.execute("insert into marts.coins select date '2026-01-01' + n::integer, n / 7 from range(1000) as days(n)")
        con.execute("create macro marts.flows_from(first) as table select * from marts.flows where n >= first")
        con.execute("create table marts.etf_findings (kind varchar, detail varchar)")
        con.execute("insert into marts.etf_findings values ('late', 'x'), ('late', 'y')")
        con.execute(
            "create table marts.claim_checks"
            " (claim_id varchar, check_id varchar, verdict varchar, expected_verdict varchar)"
        )
    return home


@pytest.fixture
def publish_after(inputs) -> Callable[..., Path]:
    """Publish a home some time after 2026-01-05 06:00; returns the folder."""

    def run(home: Home, after: timedelta = timedelta(0), keep: int = 7, gib: float = 20, **partly: Any) -> Path:
        settings = Settings(publish=Publish(keep_builds=keep, keep_gib=gib))
        return publish.publish(home, partly.pop("inputs", inputs), AT + after, settings, **partly)

    return run


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium on this machine: Debian's package is named chromium")
    with sync_playwright() as playwright:
        # Chromium's sandbox refuses to run for root, as in a container
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser):
    """Open a file as a reader would; returns the page, with its requests and errors."""
    contexts = []

    def open_file(
        file: Path, width: int = 1280, scheme: str = "light", at: str | None = None
    ) -> tuple[Page, list[str], list[str]]:
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        contexts.append(context)
        if at:
            context.clock.set_fixed_time(at)
        shown, asked, complaints = context.new_page(), [], []
        shown.on("request", lambda request: asked.append(request.url))
        shown.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        shown.on("pageerror", lambda error: complaints.append(str(error)))
        shown.goto(file.as_uri())
        return shown, [url for url in asked if not url.startswith("data:")], complaints

    yield open_file
    for context in contexts:
        context.close()
