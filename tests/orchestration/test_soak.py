"""Two days of a home that runs by itself, in fast-forward: schedules' ticks, their runs, and the watch.

Publishers and receivers of alerts are on the loopback interface; the clock stands still until the test sets it. Runs
are Dagster's own, in this process, in an instance on disk.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import duckdb
import pytest
from click.testing import CliRunner
from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRunStatus,
    Definitions,
    RunRequest,
    build_schedule_context,
    build_sensor_context,
)
from market import Clock, Market, serving
from receiver import Receiver

from orchestration import instance as instances
from orchestration import pipeline, project, schedules
from orchestration.assets import SCHEDULED, warehouse
from orchestration.cli.main import main
from orchestration.errors import BuildFailed
from orchestration.home import Home
from orchestration.publishing import published
from orchestration.settings import Settings


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A time in March 2026, of whose days no claim speaks; the 3rd was a Tuesday."""
    return datetime(2026, 3, day, hour, minute)


START, END = at(3, 12), at(5, 12)
MINUTE, HALF_HOUR = timedelta(minutes=1), timedelta(minutes=30)
KEEP_RUNS = 20
ALL = 99
"""More funds than there are."""
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Left(Exception):
    """A run that was asked for did not end as it must."""


class Server:
    """What `serve` does, one step after the other, with the clock in a test's hands.

    Attributes:
        ran: rhythm and outcome of each run, by the time of its tick.
        skipped: number of ticks that started nothing.
    """

    def __init__(self, home: Home, instance: DagsterInstance, clock: Clock) -> None:
        self.home, self.clock, self._instance = home, clock, instance
        settings, graph = Settings.read(home.root), project.load(home)
        self._schedules = {each.name: each for each in schedules.schedules(home, settings, graph)}
        (self._watch,) = schedules.sensors(home)
        self._cursor: str | None = None
        self._job = Definitions(
            assets=[warehouse(graph, settings)], jobs=[schedules.refresh], resources={"home": home}
        ).resolve_job_def("refresh")
        self.ran: list[tuple[datetime, str, bool]] = []
        self.skipped = 0

    def tick(self, name: str) -> None:
        """A schedule's tick, and the runs that it asks for."""
        scheduled = self.clock.at.replace(tzinfo=UTC)
        with build_schedule_context(instance=self._instance, scheduled_execution_time=scheduled) as context:
            found = self._schedules[name].evaluate_tick(context)
        self.skipped += not found.run_requests
        for request in found.run_requests or ():
            self._run(name, request)

    def look(self) -> str:
        """A look of the watch, which asks for nothing."""
        with build_sensor_context(instance=self._instance, cursor=self._cursor) as context:
            found = self._watch.evaluate_tick(context)
        self._cursor = found.cursor
        assert not found.run_requests
        return found.skip_message or ""

    def _run(self, name: str, request: RunRequest) -> None:
        result = self._job.execute_in_process(
            run_config=QUIET,
            instance=self._instance,
            asset_selection=[*(request.asset_selection or ())],
            tags={**request.tags, SCHEDULED: name},
            raise_on_error=False,
        )
        status = self._instance.get_run_by_id(result.run_id).status
        if status not in (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE):
            raise Left(f"{name} at {self.clock.at}: {status}")
        self.ran.append((self.clock.at, name, result.success))


@pytest.fixture(scope="module")
def soak(tmp_path_factory) -> Iterator["Soak"]:
    root = tmp_path_factory.mktemp("soak") / "home"
    clock = Clock(START)
    market = Market(clock)
    near, far = Receiver(), Receiver()
    root.mkdir()
    (root / "flowhouse.toml").write_text(
        "[publishers]\nmode = 'live'\nsources = ['farside', 'alternative_me']\n"
        f"[alerts]\nurls = ['{near.url()}', '{far.url()}']\n[publish]\nkeep_builds = 2\n"
    )
    home = Home(root)
    # Two days in fast-forward take a minute and a half of CPU: ten builds, and 24 runs of Dagster.
    with pytest.MonkeyPatch.context() as patch, serving(market) as port, instances.open_instance(home) as instance:
        clock.install(patch)
        market.install(patch, port)
        soak = Soak(home, instance, clock, market, near, far, patch)
        soak.run()
        yield soak
    near.close()
    far.close()


class Soak:
    """The two days: what happens in the world at which time, and what the home made of it."""

    def __init__(
        self,
        home: Home,
        instance: DagsterInstance,
        clock: Clock,
        market: Market,
        near: Receiver,
        far: Receiver,
        patch: pytest.MonkeyPatch,
    ) -> None:
        self.home, self.instance, self.clock, self.market = home, instance, clock, market
        self.near, self.far = near, far
        self.server = Server(home, instance, clock)
        self.told: list[tuple[datetime, str]] = []
        self.told_far: list[tuple[datetime, str]] = []
        self.commands: list[tuple[int, str]] = []
        self.builds: list[str] = []
        self._patch = patch
        self._derive = pipeline._derive
        self.events = {
            at(3, 20, 30): self._no_fund_has_reported,
            at(3, 22): lambda: market.down.update(farside=503),
            at(3, 23, 30): lambda: (market.down.clear(), setattr(market, "reported", 3)),
            at(4, 0): lambda: (setattr(market, "lies", True), setattr(far, "is_down", True)),
            at(4, 0, 10): lambda: market.down.update(alternative_me=403),
            at(4, 0, 30): lambda: (setattr(market, "lies", False), setattr(market, "reported", 8)),
            at(4, 3): lambda: (setattr(market, "reported", ALL), self._break_builds()),
            at(4, 3, 10): self._mend_builds,
            at(4, 6): lambda: (market.down.clear(), setattr(far, "is_down", False), self._hold_the_index()),
            at(4, 13, 10): lambda: (market.until.clear(), self._build()),
            at(4, 14, 10): lambda: (self._break_builds(), self._build(), self._mend_builds()),
            at(4, 20, 30): self._no_fund_has_reported,
            at(4, 23): lambda: setattr(market, "reported", ALL),
        }

    def run(self) -> None:
        """Let the time pass: ticks of the schedules at their times, and looks of the watch between them."""
        while self.clock.at < END:
            time = self.clock.at
            self.events.get(time, lambda: None)()
            if time.minute in (0, 30):
                self.server.tick("funds")
            if (time.hour, time.minute) in ((0, 20), (6, 20)):
                self.server.tick("bars")
            self._note(time)
            if time.minute in (0, 30):
                self.clock.at = time + MINUTE
                self.server.look()
                self._note(self.clock.at)
            if (time.hour % 6, time.minute) == (5, 50):
                instances.remove_old_runs(self.instance, KEEP_RUNS)
            self.clock.at = time + 10 * MINUTE

    def _note(self, time: datetime) -> None:
        self.told += [(time, title.removeprefix("flowhouse: ")) for title in self.near.titles()]
        self.told_far += [(time, title.removeprefix("flowhouse: ")) for title in self.far.titles()]
        latest = published.manifest(self.home)
        if latest and latest["build_id"] not in self.builds:
            self.builds.append(latest["build_id"])

    def _no_fund_has_reported(self) -> None:
        self.market.reported = 0

    def _hold_the_index(self) -> None:
        """The publisher answers again, with a page of the day before yesterday."""
        self.market.until["alternative_me"] = date(2026, 3, 2)

    def _break_builds(self) -> None:
        def derive(*arguments: object) -> None:
            raise BuildFailed("a test failed.")

        self._patch.setattr(pipeline, "_derive", derive)

    def _mend_builds(self) -> None:
        self._patch.setattr(pipeline, "_derive", self._derive)

    def _build(self) -> None:
        """A person's `flowhouse build --live`."""
        result = CliRunner().invoke(main, ["build", "--live", "--quiet", "--home", str(self.home.root)])
        self.commands.append((result.exit_code, result.output))


def marts(home: Home) -> dict[str, list[tuple]]:
    with duckdb.connect(str(published.warehouse(home)), read_only=True) as con:
        names = con.sql("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
        return {name: con.sql(f"from marts.{name} order by all").fetchall() for (name,) in names}


def test_no_run_is_lost_and_funds_are_asked_until_they_have_reported(soak):
    funds = [time for time, name, _ in soak.server.ran if name == "funds"]
    first_night = [at(3, 21) + number * HALF_HOUR for number in range(13)]  # to 03:00, when all had reported
    second_night = [at(4, 21) + number * HALF_HOUR for number in range(5)]  # to 23:00
    left_over = [at(4, 4), at(4, 15, 30)]  # an hour and more after the builds that failed
    assert funds == [START, *first_night, *left_over, *second_night]
    assert [time for time, name, _ in soak.server.ran if name == "bars"] == [at(4, 0, 20), at(4, 6, 20), at(5, 0, 20)]
    assert [time for time, _, succeeded in soak.server.ran if not succeeded] == [at(4, 3)]
    assert soak.server.skipped == 2 * 48 + 4 - len(soak.server.ran)


def test_each_change_is_told_once(soak):
    assert soak.told == [
        (at(3, 22), "farside failed"),
        (at(3, 23, 30), "all well again"),
        (at(4, 0), "farside failed"),
        (at(4, 0, 20), "alternative_me failed"),
        (at(4, 0, 30), "1 well again"),
        (at(4, 3), "build failed"),
        (at(4, 4), "1 well again"),
        (at(4, 6, 20), "all well again"),
        (at(4, 12, 31), "alternative_me late"),  # by hours with one decimal: a minute is 0.0
        (at(4, 13, 10), "all well again"),
        (at(4, 14, 10), "build failed"),
        (at(4, 15, 30), "all well again"),
    ]


def test_an_address_that_was_down_is_told_what_is_left_once_it_is_up_again(soak):
    heard = [told for told in soak.told if not at(4, 0) <= told[0] < at(4, 6)]
    assert soak.told_far == sorted([*heard, (at(4, 6, 1), "alternative_me failed")])


def test_the_command_line_is_seen_by_dagster(soak):
    (fine, said), (failed, _) = soak.commands
    assert (fine, failed) == (0, 1), said
    (record,) = soak.instance.fetch_materializations(AssetKey(["alternative_me", "fng"]), limit=1).records
    assert record.asset_materialization.metadata["captures_read"].value == 1
    events = soak.instance.fetch_materializations(AssetKey(["farside", "flows"]), limit=100).records
    assert "command line" in {
        each.asset_materialization.metadata["by"].value
        for each in events
        if "by" in each.asset_materialization.metadata
    }


def test_dagster_knows_of_every_model_though_a_run_names_only_those_it_may_change(soak):
    keys = [AssetKey(key.split("/")) for key in project.load(soak.home).models]
    entries = [record.asset_entry for record in soak.instance.get_asset_records(keys)]
    assert {entry.asset_key for entry in entries if entry.last_materialization} == {*keys}


def test_nothing_is_left_over(soak):
    files = [path.relative_to(soak.home.root).as_posix() for path in soak.home.root.rglob("*") if not path.is_dir()]
    left = [name for name in files if name.endswith((".part", ".probe", ".tmp", ".sock")) or "/spool/" in name]
    assert [name for name in left if not name.endswith("spool/.lock")] == []
    assert [path.name for path in soak.home.published.iterdir() if path.name.endswith(".part")] == []


def test_what_is_kept_is_bounded(soak):
    instances.remove_old_runs(soak.instance, KEEP_RUNS)
    finished = [run for run in soak.instance.get_runs() if run.is_finished]
    assert len(finished) == len(soak.instance.get_runs())
    assert len(finished) <= KEEP_RUNS + instances.KEEP_FAILED + 10
    size = sum(path.stat().st_size for path in (soak.home.root / "build" / "dagster").rglob("*") if path.is_file())
    assert size < 50_000_000
    kept = [path for path in soak.home.published.glob("*T*Z-*") if path.is_dir()]
    last = datetime.strptime(soak.builds[-1][:15], "%Y%m%dT%H%M%S")
    within_a_day = {name[:11] for name in soak.builds if name >= f"{last - timedelta(days=1):%Y%m%dT%H%M%S}"}
    assert len(soak.builds) >= 8
    assert len(kept) <= 2 + len(within_a_day)


def test_what_was_published_last_equals_a_build_from_scratch(soak):
    piecemeal = marts(soak.home)
    result = CliRunner().invoke(main, ["build", "--full", "--quiet", "--home", str(soak.home.root)])
    assert result.exit_code == 0, result.output
    assert marts(soak.home) == piecemeal
    flows = [row for row in piecemeal["etf_flows_daily"] if date(2026, 3, 4) in row]
    assert flows
