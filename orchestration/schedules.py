"""The job, what starts it, and why it is not started. Each rhythm asks its own sources; all take the same road."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from dagster import (
    AssetKey,
    AssetSelection,
    DagsterRunStatus,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    OpExecutionContext,
    ResourceParam,
    RunRequest,
    RunsFilter,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    define_asset_job,
    in_process_executor,
    job,
    op,
)

from ingestion.printable import printable
from ingestion.source import PublisherSource
from orchestration import filing, inputs, rhythms
from orchestration.graph import Graph
from orchestration.health import archive_check, completeness, in_time, watch
from orchestration.health.warehouse import LAST_BUILD
from orchestration.home import Home, now
from orchestration.outcome import CHAIN_TABLES, PUBLISHED, Event, tables_of_result
from orchestration.partitions import RANGES
from orchestration.settings import Settings

refresh = define_asset_job(
    "refresh", AssetSelection.all() - AssetSelection.key_prefixes(RANGES), executor_def=in_process_executor
)

RHYTHM = "flowhouse/rhythm"
"""Tag of a run: what started it, of which one at a time may run."""
WATCH_SECONDS = 60
RETRY_AFTER = timedelta(hours=1)
BUSY = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]

Tick = Iterator[RunRequest | SkipReason]


def schedules(home: Home, settings: Settings, graph: Graph) -> list[ScheduleDefinition]:
    """A schedule per rhythm that the settings do not switch off."""
    asked = rhythms.of(settings)

    def ask_funds(context: ScheduleEvaluationContext) -> Tick:
        return _ask(context, home, "funds", asked.funds, graph, asked.why_none)

    def ask_others(context: ScheduleEvaluationContext) -> Tick:
        return _ask(context, home, "bars", asked.others, graph, asked.why_none)

    def read_chains(context: ScheduleEvaluationContext) -> Tick:
        return _read_chains(context, asked.chains, graph)

    def check(context: ScheduleEvaluationContext) -> Tick:
        yield RunRequest()

    times = settings.schedule
    found = [
        ("funds", times.funds, refresh, ask_funds),
        ("bars", times.bars, refresh, ask_others),
        ("chains", times.chains, refresh, read_chains),
        ("archive_check", times.archive_check, check_archive, check),
    ]
    return [
        ScheduleDefinition(
            name=name,
            job=runs,
            cron_schedule=cron,
            execution_timezone=times.time_zone,
            execution_fn=tick,
            default_status=DefaultScheduleStatus.RUNNING,
        )
        for name, cron, runs, tick in found
        if cron != rhythms.OFF
    ]


def sensors(home: Home) -> list[SensorDefinition]:
    """The watch: files what the command line did, and tells whom the settings name."""

    def look(context: SensorEvaluationContext) -> SkipReason:
        at = now()
        filed = filing.file_spool(home, context.instance)
        changes, found = watch.look(home, Settings.read(home.root), at)
        if found:
            _file_lateness(context, [*in_time.checks(found, at)], at)
        said = "; ".join(f"{each.subject}: {each.before} -> {each.after}" for each in changes)
        return SkipReason(f"{said or 'no change of state'}; {filed} events of the command line filed")

    return [
        SensorDefinition(
            name="watch",
            evaluation_fn=look,
            minimum_interval_seconds=WATCH_SECONDS,
            default_status=DefaultSensorStatus.RUNNING,
            description=sensors.__doc__,
        )
    ]


def _file_lateness(context: SensorEvaluationContext, checks: list[Event], at: datetime) -> None:
    """File whether each source is in time where that has changed since this was last called."""
    before: dict[str, bool] = json.loads(context.cursor or "{}")
    changed = [each for each in checks if before.get(each.asset) != each.passed]
    filing.file_events(context.instance, changed, at, "watch")
    if changed:
        context.update_cursor(json.dumps({each.asset: each.passed for each in checks}))


@op
def check_every_file(context: OpExecutionContext, home: ResourceParam[Home]) -> None:
    """Compare every file of the archive with its checksum."""
    check = archive_check.run(home)
    for problem in check.problems:
        context.log.warning(printable(problem))
    context.log.info(f"{check.files:,} files, {check.bytes:,} bytes, {len(check.problems)} problems")


@job(executor_def=in_process_executor)
def check_archive() -> None:
    """The weekly look at the archive; `status` and the alerts say what it found."""
    check_every_file()


def _ask(
    context: ScheduleEvaluationContext,
    home: Home,
    rhythm: str,
    sources: Sequence[PublisherSource],
    graph: Graph,
    why_none: str | None,
) -> Tick:
    """Ask the sources whose next figures can be out, or else build again what the last build did not finish."""
    if _is_busy(context, rhythm):
        yield SkipReason("the run before is not over")
        return
    at = context.scheduled_execution_time.astimezone(UTC).replace(tzinfo=None)
    reasons = {source.name: completeness.asks_now(home, source, at) for source in sources}
    due = [name for name, reason in reasons.items() if reason is None]
    if not due and not (sources and _is_left_over(home, graph, at)):
        said = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        yield SkipReason(said or why_none or "publishers.sources names none of this rhythm")
        return
    yield _request(rhythm, [table for name in due for table in tables_of_result(name)], graph, at)


def _read_chains(context: ScheduleEvaluationContext, names: Sequence[str], graph: Graph) -> Tick:
    """Read the chains of each kind in a run of its own: the first read of a history takes hours."""
    at = context.scheduled_execution_time.astimezone(UTC).replace(tzinfo=None)
    busy = [name for name in names if _is_busy(context, name)]
    for name in names:
        if name not in busy:
            yield _request(name, [f"{name}/{table}" for table in CHAIN_TABLES[name]], graph, at)
    if len(busy) == len(names):
        said = f"{', '.join(busy)}: the run before is not over" if busy else "no node or provider is configured"
        yield SkipReason(said)


def _is_left_over(home: Home, graph: Graph, at: datetime) -> bool:
    """Whether the last build failed or was broken off, and that is an hour ago: it may go well now.

    Nobody else would finish it: its figures are in the lake, so that their publisher is not asked again for days.
    """
    last, built = home.read_state(f"{home.name}/{LAST_BUILD}"), inputs.read_built(home)
    if last is None:  # the first build of all was broken off, or there was none
        return home.build.exists()
    is_whole = last["succeeded"] and built is not None and {*graph.tables} <= {*built.tables}
    return not is_whole and at - datetime.fromisoformat(last["at"]) >= RETRY_AFTER


def _request(rhythm: str, tables: Sequence[str], graph: Graph, at: datetime) -> RunRequest:
    """A run that fills raw tables and builds what depends on them; without any, all that is left over.

    Dagster writes down each asset and check of a run before it begins: 5 ms of CPU each, and two waits for the disk.
    """
    models = graph.affected(tables) if tables else [*graph.models]
    keys = [AssetKey(key.split("/")) for key in (*tables, *models, PUBLISHED)]
    return RunRequest(run_key=f"{rhythm}-{at.isoformat()}", asset_selection=keys, tags={RHYTHM: rhythm})


def _is_busy(context: ScheduleEvaluationContext, rhythm: str) -> bool:
    return context.instance.get_runs_count(RunsFilter(tags={RHYTHM: rhythm}, statuses=BUSY)) > 0
