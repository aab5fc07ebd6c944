"""What starts a run and why none is started, by the ticks of the schedules and of the watch themselves."""

import shutil
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from dagster import (
    AssetCheckEvaluation,
    DagsterInstance,
    DagsterRunStatus,
    Definitions,
    build_schedule_context,
    build_sensor_context,
)
from flow_pages import FUNDS, put_page

from ingestion import registry
from ingestion.archive import META_SUFFIX
from ingestion.refresh import RefreshResult, refresh, write_reading
from ingestion.sample.pages import flow_page
from orchestration import project, schedules
from orchestration.assets import warehouse
from orchestration.health import completeness
from orchestration.home import Home
from orchestration.instance import open_instance
from orchestration.outcome import IN_TIME, PUBLISHED
from orchestration.settings import BitcoinNode, EvmProvider, Publishers, Schedule, Settings

ARCHIVE = Path(__file__).parents[3] / "shared" / "archive"
FARSIDE, INDEX = registry.source("farside"), registry.source("alternative_me")
LIVE = Settings(publishers=Publishers(mode="live", sources=("farside", "alternative_me")))
GRAPH = project.load(Home(Path("unused")))
MODELS = {*GRAPH.models, PUBLISHED}
HALF_HOUR = timedelta(minutes=30)
FRIDAY, SATURDAY = date(2025, 11, 7), datetime(2025, 11, 8)


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


@pytest.fixture(scope="module")
def opened(tmp_path_factory) -> Iterator[DagsterInstance]:
    """An instance on disk: a schedule is given a reference to it."""
    with open_instance(Home(tmp_path_factory.mktemp("instance"))) as found:
        yield found


@pytest.fixture
def instance(opened) -> Iterator[DagsterInstance]:
    yield opened
    for run in opened.get_runs():
        opened.delete_run(run.run_id)


@pytest.fixture
def job(home):
    """A job that a run can be of."""
    definitions = Definitions(jobs=[schedules.check_archive], resources={"home": home})
    return definitions.resolve_job_def("check_archive")


@pytest.fixture
def tick(home, instance):
    """What a schedule does at a time: the runs it asks for, and why there are none."""

    def evaluate(name: str, at: datetime, settings: Settings = LIVE, zone=UTC):
        (schedule,) = [each for each in schedules.schedules(home, settings, GRAPH) if each.name == name]
        scheduled = (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(zone)
        with build_schedule_context(instance=instance, scheduled_execution_time=scheduled) as context:
            found = schedule.evaluate_tick(context)
        return found.run_requests, found.skip_message

    return evaluate


def put_flows(home: Home, at: datetime, *days: date, reported: int = len(FUNDS)) -> None:
    """A page that is complete but for the last day, of which the first funds have reported."""
    rows = [
        (day, ["1.0", *("0.0" if day < days[-1] or n < reported else None for n in range(1, len(FUNDS)))], "1.0")
        for day in days
    ]
    put_page(home.root / "archive", at, flow_page(FUNDS, rows))
    refresh(FARSIDE, home.archive, home.lake, "live", at)


def tables(request) -> set[str]:
    """The raw tables that a run is to fill; what depends on them goes with them, and all models with none."""
    keys = {key.to_user_string() for key in request.asset_selection}
    found = keys - MODELS
    assert keys - found == {*(GRAPH.affected(found) if found else GRAPH.models), PUBLISHED}
    return found


def test_each_rhythm_has_its_schedule_that_runs_by_itself(home):
    found = {each.name: each for each in schedules.schedules(home, LIVE, GRAPH)}
    assert {name: each.cron_schedule for name, each in found.items()} == {
        "funds": "*/30 * * * *",
        "bars": "20 0,6 * * *",
        "chains": "7 * * * *",
        "archive_check": "40 3 * * 0",
    }
    assert {each.default_status.value for each in found.values()} == {"RUNNING"}
    assert {each.execution_timezone for each in found.values()} == {"UTC"}
    assert {each.job_name for each in found.values()} == {"refresh", "check_archive"}


def test_times_zone_and_off_are_the_settings(home):
    times = Schedule(funds="5 * * * *", bars="off", archive_check="off", time_zone="America/New_York")
    found = {each.name: each for each in schedules.schedules(home, Settings(schedule=times), GRAPH)}
    assert [*found] == ["funds", "chains"]
    assert found["funds"].cron_schedule == "5 * * * *"
    assert found["funds"].execution_timezone == "America/New_York"


def test_the_first_round_asks_every_source_of_its_rhythm_in_one_run(tick):
    (funds,), _ = tick("funds", SATURDAY)
    (bars,), _ = tick("bars", SATURDAY)
    assert (tables(funds), tables(bars)) == ({"farside/flows"}, {"alternative_me/fng"})
    assert (funds.tags[schedules.RHYTHM], bars.tags[schedules.RHYTHM]) == ("funds", "bars")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (Settings(), "publishers.mode is held: nobody is asked"),
        (Settings(publishers=Publishers(mode="live", sources=())), "publishers.sources is empty: nobody is asked"),
        (
            Settings(publishers=Publishers(mode="live", sources=("alternative_me",))),
            "publishers.sources names none of this rhythm",
        ),
    ],
)
def test_with_nobody_to_ask_it_says_so(tick, settings, reason):
    assert tick("funds", SATURDAY, settings) == ([], reason)


def test_without_a_list_of_sources_all_publishers_are_asked(tick):
    live = Settings(publishers=Publishers(mode="live"))
    (funds,), _ = tick("funds", SATURDAY, live)
    (bars,), _ = tick("bars", SATURDAY, live)
    assert tables(funds) == {"farside/flows", "ishares/fund_daily"}
    assert tables(bars) == {"alternative_me/fng", "binance_vision/bars_daily", "bitview/supply"}


def test_one_run_of_a_rhythm_at_a_time(tick, instance, job):
    busy = instance.create_run_for_job(job, tags={schedules.RHYTHM: "funds"}, status=DagsterRunStatus.STARTED)
    assert tick("funds", SATURDAY) == ([], "the run before is not over")
    assert len(tick("bars", SATURDAY)[0]) == 1
    instance.report_run_failed(busy)
    assert len(tick("funds", SATURDAY)[0]) == 1


def test_a_tick_that_is_looked_at_twice_is_one_run_and_each_time_of_a_rhythm_another(tick):
    zone = ZoneInfo("America/New_York")
    autumn = [datetime(2025, 11, 2, 1, 30, tzinfo=zone, fold=fold) for fold in (0, 1)]  # 05:30 and 06:30 UTC
    keys = [tick(name, at)[0][0].run_key for name in ("funds", "bars") for at in (SATURDAY, *autumn)]
    assert len(set(keys)) == 6
    assert tick("funds", SATURDAY)[0][0].run_key == tick("funds", SATURDAY)[0][0].run_key == keys[0]


def test_a_time_in_another_zone_is_the_same_time(tick, home):
    put_flows(home, datetime(2025, 11, 4, 6), date(2025, 11, 3))
    zone = ZoneInfo("America/New_York")
    assert tick("funds", datetime(2025, 11, 4, 20, 59), zone=zone)[0] == []
    assert len(tick("funds", datetime(2025, 11, 4, 21), zone=zone)[0]) == 1


@pytest.mark.parametrize(
    ("complete", "closed_at"),
    [
        (date(2025, 11, 3), datetime(2025, 11, 4, 21)),  # the next day
        (FRIDAY, datetime(2025, 11, 10, 21)),  # over a weekend
        (date(2025, 11, 26), datetime(2025, 11, 28, 18)),  # Thanksgiving, and a half day after it
        (date(2025, 10, 31), datetime(2025, 11, 3, 21)),  # New York's clocks go back: 20:00 before, 21:00 after
        (date(2025, 10, 30), datetime(2025, 10, 31, 20)),
        (date(2026, 1, 16), datetime(2026, 1, 20, 21)),  # Martin Luther King Day beside a weekend
    ],
)
def test_funds_that_have_all_reported_are_asked_again_from_the_next_close(tick, home, complete, closed_at):
    put_flows(home, datetime.combine(complete, datetime.min.time()) + timedelta(days=1, hours=5), complete)
    requests, reason = tick("funds", closed_at - HALF_HOUR)
    assert requests == []
    assert f"every listed fund has reported for {complete}" in reason
    assert len(tick("funds", closed_at)[0]) == 1


def test_rounds_after_a_close_go_on_until_the_last_fund_has_reported(tick, home):
    put_flows(home, datetime(2025, 11, 4, 6), date(2025, 11, 3))
    asked = []
    for number in range(34):
        at = datetime(2025, 11, 4, 19) + number * HALF_HOUR
        if tick("funds", at)[0]:
            asked.append(at)
            done = at >= datetime(2025, 11, 5, 4)
            put_flows(home, at, date(2025, 11, 3), date(2025, 11, 4), reported=len(FUNDS) if done else 7)
    assert (asked[0], asked[-1]) == (datetime(2025, 11, 4, 21), datetime(2025, 11, 5, 4))
    assert len(asked) == 15


def test_a_publisher_that_is_down_is_asked_at_each_tick_and_no_more(tick, home):
    put_flows(home, datetime(2025, 11, 8, 6), FRIDAY)
    assert tick("funds", datetime(2025, 11, 8, 7))[0] == []
    rounds = []
    for number in range(12):
        at = datetime(2025, 11, 8, 7) + number * HALF_HOUR
        refresh(FARSIDE, home.archive, home.lake, "live", at, ["farside/btc: 403."])
        rounds += tick("funds", at + HALF_HOUR)[0]
    assert len(rounds) == len({each.run_key for each in rounds}) == 12
    put_flows(home, datetime(2025, 11, 9, 9), FRIDAY)
    assert tick("funds", datetime(2025, 11, 9, 9, 30))[0] == []


def test_sentiment_is_asked_for_once_its_day_is_over(tick, home):
    put_index(home, datetime(2025, 11, 8, 0, 20), date(2025, 11, 7))
    requests, reason = tick("bars", datetime(2025, 11, 8, 6, 20))
    assert requests == []
    assert "figures of 2025-11-07 are in, and those of 2025-11-08 are asked for from 2025-11-09 00:10 UTC" in reason
    assert tick("bars", datetime(2025, 11, 9, 0, 9))[0] == []
    assert len(tick("bars", datetime(2025, 11, 9, 0, 20))[0]) == 1


def put_index(home: Home, at: datetime, *days: date) -> None:
    from ingestion.sample.pages import index_json

    content = index_json([(day, "50", "Neutral") for day in days])
    put_page(home.root / "archive", at, content, "alternative_me", "fng", "json")
    refresh(INDEX, home.archive, home.lake, "live", at)


CHAINS = LIVE.model_copy(
    update={
        "bitcoin": {"regtest": BitcoinNode(datadir=Path("/node"))},
        "evm": {"ethereum": EvmProvider(rpc=("http://127.0.0.1:1",))},
    }
)


def test_chains_of_each_kind_are_read_in_a_run_of_their_own(tick, instance, job):
    bitcoin, evm = tick("chains", SATURDAY, CHAINS)[0]
    assert {table.split("/")[0] for table in tables(bitcoin)} == {"bitcoin"}
    assert {table.split("/")[0] for table in tables(evm)} == {"evm"}
    assert bitcoin.run_key != evm.run_key
    instance.create_run_for_job(job, tags=bitcoin.tags, status=DagsterRunStatus.NOT_STARTED)
    (rest,), _ = tick("chains", SATURDAY + timedelta(hours=1), CHAINS)
    assert rest.tags == evm.tags
    instance.create_run_for_job(job, tags=evm.tags, status=DagsterRunStatus.STARTED)
    later = SATURDAY + timedelta(hours=2)
    assert tick("chains", later, CHAINS) == ([], "bitcoin, evm: the run before is not over")


def test_without_a_node_no_chain_is_read(tick):
    assert tick("chains", SATURDAY) == ([], "no node or provider is configured")


def test_the_archive_is_checked_without_a_condition(tick, home, instance, job):
    (request,), _ = tick("archive_check", datetime(2025, 11, 9, 3, 40))
    assert request.asset_selection is None
    assert job.execute_in_process(instance=instance).success
    assert home.read_state("archive_check.json")["problems"] == []


def policies(settings: Settings) -> dict[str, timedelta]:
    """The time within which each asset is to be materialized, of those with a policy."""
    specs = warehouse(GRAPH, settings).specs
    return {
        spec.key.to_user_string(): spec.freshness_policy.fail_window.to_timedelta()
        for spec in specs
        if spec.freshness_policy
    }


def test_freshness_says_asked_of_what_is_asked_on_schedule_and_of_nothing_else():
    found = policies(CHAINS)
    assert {name.split("/")[0] for name in found} == {"farside", "alternative_me", "bitcoin", "evm"}
    assert policies(Settings()) == {}
    off = CHAINS.model_copy(update={"schedule": Schedule(funds="off", chains="off")})
    assert {*policies(off)} == {"alternative_me/fng"}


def test_freshness_does_not_cry_while_nobody_is_asked(home):
    closes = [each.closes_at for each in completeness.sessions(home.lake, datetime(2025, 11, 8))]
    longest = max(after - before for before, after in pairwise(closes))
    found = policies(CHAINS)
    assert longest + timedelta(hours=1) <= found["farside/flows"] <= longest + timedelta(days=2)
    assert timedelta(days=1, hours=6) <= found["alternative_me/fng"] <= timedelta(days=2)
    assert timedelta(hours=2) <= found["bitcoin/coin_flow"] <= timedelta(hours=12)


@pytest.mark.parametrize(
    ("cron", "hours"),
    [("*/10 * * * *", 6), ("0 */8 * * *", 29), ("0 3 * * 1", 5 + 7 * 24), ("0 3 1 * *", 5 + 31 * 24)],
)
def test_freshness_follows_the_users_own_times(cron, hours):
    settings = CHAINS.model_copy(update={"schedule": Schedule(chains=cron)})
    assert policies(settings)["bitcoin/coin_flow"] == timedelta(hours=hours)


@pytest.fixture
def watch(home, instance, monkeypatch):
    """A look of the watch at a time, with the cursor of the last one."""
    (sensor,) = schedules.sensors(home)
    cursor: list[str | None] = [None]

    def look(at: datetime) -> str:
        monkeypatch.setattr(schedules, "now", lambda: at)
        with build_sensor_context(instance=instance, cursor=cursor[0]) as context:
            found = sensor.evaluate_tick(context)
            cursor[0] = found.cursor
        return found.skip_message

    return look


def test_whether_each_source_is_in_time_is_filed_when_it_changes(watch, home, instance, monkeypatch):
    filed: list[AssetCheckEvaluation] = []
    monkeypatch.setattr(type(instance), "report_runless_asset_event", lambda self, event: filed.append(event))
    (home.root / "flowhouse.toml").write_text("[publishers]\nmode = 'live'\nsources = ['farside']\n")
    put_flows(home, datetime(2025, 11, 4, 6), date(2025, 11, 3))

    def changed(at: datetime) -> dict[str, bool]:
        filed.clear()
        watch(at)
        assert {event.check_name for event in filed} <= {IN_TIME}
        return {event.asset_key.to_user_string(): event.passed for event in filed}

    first = changed(datetime(2025, 11, 4, 7))
    assert first["farside/flows"]
    assert "prices/daily" not in first
    assert {"bitcoin/coin_flow", "evm/transfers"} & {*first}
    assert changed(datetime(2025, 11, 5, 11, 59)) == {}
    assert changed(datetime(2025, 11, 5, 12, 1)) == {"farside/flows": False}
    (event,) = filed
    assert "figures of 2025-11-04 were expected by 2025-11-05 12:00 UTC" in event.metadata["reason"].value
    assert event.severity.value == "WARN"
    assert changed(datetime(2025, 11, 5, 12, 2)) == {}
    put_flows(home, datetime(2025, 11, 5, 12, 3), date(2025, 11, 3), date(2025, 11, 4))
    assert changed(datetime(2025, 11, 5, 12, 4)) == {"farside/flows": True}


def test_the_watch_says_what_has_changed(watch, home):
    assert watch(SATURDAY) == "no change of state; 0 events of the command line filed"
    failures = ("farside/btc: 403.",)
    write_reading(home.lake, RefreshResult("farside", "live", SATURDAY, failures=failures, asked_at=SATURDAY))
    assert watch(SATURDAY) == "farside: ok -> failed; 0 events of the command line filed"
    assert watch(SATURDAY) == "no change of state; 0 events of the command line filed"


@pytest.mark.skipif(not ARCHIVE.is_dir(), reason="no recorded archive beside the project (../shared)")
def test_the_rounds_of_november_2025_stop_by_themselves_on_each_session(tick, home):
    """Ticks from 24 to 29 November, Thanksgiving and half day included: a run reads the pages recorded by then.

    Of the ticks between the last round and the next close every twelfth is looked at, and the one before the close.
    """
    pages = sorted((ARCHIVE / "farside" / "btc").glob("*" + META_SUFFIX))
    folder = home.root / "archive" / "farside" / "btc"
    folder.mkdir(parents=True)
    farside = LIVE.model_copy(update={"publishers": Publishers(mode="live", sources=("farside",))})
    at, end = datetime(2025, 11, 24, 12), datetime(2025, 11, 30)
    sessions = [each for each in completeness.sessions(home.lake, end) if each.day >= date(2025, 11, 21)]
    asked: dict[date, list[datetime]] = {}
    while at <= end:
        requests, reason = tick("funds", at, farside)
        if requests:
            asked.setdefault([each.day for each in sessions if each.closes_at <= at][-1], []).append(at)
            for page in [page for page in pages if datetime.strptime(page.name[:16], "%Y%m%dT%H%M%SZ") <= at]:
                pages.remove(page)
                for file in page.parent.glob(page.name[:16] + "*"):
                    shutil.copy(file, folder / file.name)
            refresh(FARSIDE, home.archive, home.lake, "live", at)
            at += HALF_HOUR
        else:
            assert "every listed fund has reported" in reason
            before = min(each.closes_at - HALF_HOUR for each in sessions if each.closes_at > at)
            at = max(at + HALF_HOUR, min(at + 12 * HALF_HOUR, before))
    closes = {each.day: each.closes_at for each in sessions if date(2025, 11, 24) <= each.day <= date(2025, 11, 28)}
    sought = {day: rounds for day, rounds in asked.items() if day in closes}
    assert {day: rounds[0] for day, rounds in sought.items()} == closes  # none for 27 November, Thanksgiving
    # The first pages on which every fund had reported, read from the recorded bytes by hand.
    assert sought[date(2025, 11, 24)][-1] == datetime(2025, 11, 25, 9, 30)
    assert sought[date(2025, 11, 28)][-1] == datetime(2025, 11, 29, 5, 30)


def note_build(home: Home, at: datetime, *, succeeded: bool, tables: Collection[str]) -> None:
    home.write_state("current/last_build.json", {"at": at.isoformat(), "succeeded": succeeded})
    home.write_state(
        "current/built.json", {"project": "", "tables": dict.fromkeys(tables, ""), "rows": {}, "build_id": ""}
    )
    home.build_file.touch()


@pytest.mark.parametrize(
    ("succeeded", "tables_built"), [(False, GRAPH.tables), (False, GRAPH.tables[1:]), (True, GRAPH.tables[1:])]
)
def test_a_build_that_failed_or_was_killed_is_tried_again_after_an_hour(tick, home, succeeded, tables_built):
    """The last fund's figure is in the lake: its publisher would not be asked before the next close."""
    put_flows(home, SATURDAY, FRIDAY)
    note_build(home, SATURDAY, succeeded=succeeded, tables=tables_built)
    assert tick("funds", SATURDAY + HALF_HOUR)[0] == []
    (request,), _ = tick("funds", SATURDAY + 2 * HALF_HOUR)
    assert tables(request) == set()
    note_build(home, SATURDAY + 2 * HALF_HOUR, succeeded=True, tables=GRAPH.tables)
    assert tick("funds", SATURDAY + 5 * HALF_HOUR)[0] == []


def test_a_first_build_that_was_killed_is_begun_again(tick, home):
    put_flows(home, SATURDAY, FRIDAY)
    home.build.mkdir(parents=True)
    assert len(tick("funds", SATURDAY + HALF_HOUR)[0]) == 1
    assert tick("funds", SATURDAY + HALF_HOUR, Settings())[0] == []
