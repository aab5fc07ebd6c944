"""Up to which day figures are complete, and when a schedule asks, on made pages and on the recorded rounds."""

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from flow_pages import FUNDS, put_page

from ingestion import registry
from ingestion.archive import META_SUFFIX
from ingestion.refresh import refresh
from ingestion.sample.pages import flow_page
from orchestration.health.completeness import asks_now, read, sessions
from orchestration.home import Home

ARCHIVE = Path(__file__).parents[4] / "shared" / "archive"
MONDAY, TUESDAY = date(2025, 11, 3), date(2025, 11, 4)
FARSIDE = registry.source("farside")


def day(value_date, reported):
    """A row of the flow table on which the first funds have reported: the first of them 1.0, the others 0.0."""
    figures = ["1.0", *("0.0" if number < reported else None for number in range(1, len(FUNDS)))]
    return value_date, figures, "1.0"


def put(home, at, *days):
    put_page(home.root / "archive", at, flow_page(FUNDS, days))
    refresh(FARSIDE, home.archive, home.lake, "live", at)


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def complete_day(home, at):
    return read(home.lake, FARSIDE, sessions(home.lake, at)).complete_day


def test_a_source_that_was_never_asked_is_asked(home):
    assert asks_now(home, FARSIDE, datetime(2025, 11, 4)) is None


def test_funds_are_asked_from_the_close_until_every_one_has_reported_and_then_no_more(home):
    put(home, datetime(2025, 11, 4, 4), day(MONDAY, 11))
    assert complete_day(home, datetime(2025, 11, 4, 4)) == MONDAY
    assert asks_now(home, FARSIDE, datetime(2025, 11, 4, 20, 59)).startswith("no session has closed since")
    assert asks_now(home, FARSIDE, datetime(2025, 11, 4, 21)) is None
    put(home, datetime(2025, 11, 5, 1), day(MONDAY, 11), day(TUESDAY, 10))
    assert asks_now(home, FARSIDE, datetime(2025, 11, 5, 1, 30)) is None
    put(home, datetime(2025, 11, 5, 4), day(MONDAY, 11), day(TUESDAY, 11))
    assert "every listed fund has reported for 2025-11-04" in asks_now(home, FARSIDE, datetime(2025, 11, 5, 4, 30))


def test_a_source_whose_last_ask_failed_is_asked_again(home):
    put(home, datetime(2025, 11, 4, 4), day(MONDAY, 11))
    at = datetime(2025, 11, 4, 5)
    assert asks_now(home, FARSIDE, at)
    refresh(FARSIDE, home.archive, home.lake, "live", at, ["farside/btc: 403"])
    assert asks_now(home, FARSIDE, at) is None
    refresh(FARSIDE, home.archive, home.lake, "held", at)
    assert asks_now(home, FARSIDE, at) is None


def test_nobody_is_asked_for_a_users_own_files(home):
    assert (
        asks_now(home, registry.source("prices"), datetime(2025, 11, 4)) == "nobody can be asked for a user's own files"
    )


def bars(home, at, *days):
    lines = [f"{int(datetime(*each.timetuple()[:3], tzinfo=UTC).timestamp())}" for each in days]
    entries = [{"value": "50", "value_classification": "Neutral", "timestamp": line} for line in lines]
    content = json.dumps({"metadata": {"error": None}, "data": entries}).encode()
    put_page(home.root / "archive", at, content, "alternative_me", "fng", "json")
    refresh(registry.source("alternative_me"), home.archive, home.lake, "live", at)


def test_a_figure_of_a_day_that_is_not_over_is_asked_for_again_once_it_is(home):
    """The index of a day is published while it runs: it may change until midnight."""
    source = registry.source("alternative_me")
    bars(home, datetime(2025, 11, 4, 0, 20), MONDAY, TUESDAY)
    assert "figures of 2025-11-03 are in" in asks_now(home, source, datetime(2025, 11, 4, 6, 20))
    assert asks_now(home, source, datetime(2025, 11, 5, 0, 20)) is None
    bars(home, datetime(2025, 11, 5, 0, 20), MONDAY, TUESDAY, date(2025, 11, 5))
    assert "figures of 2025-11-04 are in" in asks_now(home, source, datetime(2025, 11, 5, 6, 20))


@pytest.mark.skipif(not ARCHIVE.is_dir(), reason="no recorded archive beside the project (../shared)")
def test_the_recorded_rounds_stop_by_themselves_on_each_session(home):
    """Half-hourly rounds from 17 November to 5 December 2025: each gets the newest page that was recorded by then."""
    pages = sorted((ARCHIVE / "farside" / "btc").glob("*" + META_SUFFIX))
    at, end = datetime(2025, 11, 17, 12, 30), datetime(2025, 12, 5, 20, 30)
    folder = home.root / "archive" / "farside" / "btc"
    folder.mkdir(parents=True)
    calendar = sessions(home.lake, end)
    asked: dict[date, list[datetime]] = {}
    while at <= end:
        if asks_now(home, FARSIDE, at) is None:
            closed = [session.day for session in calendar if session.closes_at <= at]
            asked.setdefault(closed[-1], []).append(at)
            for page in [page for page in pages if datetime.strptime(page.name[:16], "%Y%m%dT%H%M%SZ") <= at]:
                pages.remove(page)
                for file in page.parent.glob(page.name[:16] + "*"):
                    shutil.copy(file, folder / file.name)
            refresh(FARSIDE, home.archive, home.lake, "live", at)
        at += timedelta(minutes=30)
    by_session = {session.day: session.closes_at for session in calendar if date(2025, 11, 17) <= session.day}
    sought = {session: rounds for session, rounds in asked.items() if session >= date(2025, 11, 17)}
    # 27 November was Thanksgiving, 28 November ended at 13:00 New York
    assert [*sought] == [day for day in by_session if day < date(2025, 12, 5)]
    for session, rounds in sought.items():
        assert rounds[0] == by_session[session]
        assert rounds[-1] - rounds[0] <= timedelta(hours=13), session
    assert complete_day(home, end) == date(2025, 12, 4)
    # the last page of each session was complete at these times, read from the recorded bytes by hand
    assert sought[date(2025, 11, 17)][-1] == datetime(2025, 11, 18, 6, 30)
    assert sought[date(2025, 11, 24)][-1] == datetime(2025, 11, 25, 9, 30)
    assert sought[date(2025, 11, 28)][-1] == datetime(2025, 11, 29, 5, 30)
