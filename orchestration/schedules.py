"""The job, what starts it, and why it is not started. Each rhythm asks its own sources; all take the same road."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

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

from ingestion import registry
from ingestion.source import PublisherSource
from orchestration import chains, filing
from orchestration.graph import Graph
from orchestration.health import archive_check, completeness, watch
from orchestration.home import Home, now
from orchestration.outcome import CHAIN_TABLES, PUBLISHED, tables_of_result
from orchestration.settings import Settings

refresh = define_asset_job("refresh", AssetSelection.all(), executor_def=in_process_executor)

RHYTHM = "flowhouse/rhythm"
"""Tag of a run: what started it, of which one at a time may run."""
WATCH_SECONDS = 60
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
    publishers = [source for source in registry.publishers() if _is_chosen(source, settings)]
    funds = [source for source in publishers if source.cadence and source.cadence.funds]
    others = [source for source in publishers if source not in funds]
    models = [*graph.models, PUBLISHED]
    times = settings.schedule
    found = [
        _schedule("funds", times.funds, settings, lambda context: _ask(context, home, "funds", funds, models)),
        _schedule("bars", times.bars, settings, lambda context: _ask(context, home, "bars", others, models)),
        _schedule("chains", times.chains, settings, lambda context: _read_chains(context, settings, models)),
        ScheduleDefinition(
            name="archive_check",
            job=check_archive,
            cron_schedule=times.archive_check if times.archive_check != "off" else "0 0 1 1 *",
            execution_timezone=times.time_zone,
            default_status=DefaultScheduleStatus.RUNNING,
        ),
    ]
    return [schedule for schedule in found if getattr(times, schedule.name) != "off"]


def sensors(home: Home) -> list[SensorDefinition]:
    """The watch: files what the command line did, and tells whom the settings name."""

    def look(context: SensorEvaluationContext) -> SkipReason:
        filed = filing.file_spool(home, context.instance)
        changes = watch.observe(home, Settings.read(home.root), now())
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


@op
def check_every_file(context: OpExecutionContext, home: ResourceParam[Home]) -> None:
    """Compare every file of the archive with its checksum."""
    check = archive_check.run(home)
    for problem in check.problems:
        context.log.warning(problem)
    context.log.info(f"{check.files:,} files, {check.bytes:,} bytes, {len(check.problems)} problems")


@job(executor_def=in_process_executor)
def check_archive() -> None:
    """The weekly look at the archive; `status` and the alerts say what it found."""
    check_every_file()


def _schedule(
    name: str, cron: str, settings: Settings, tick: Callable[[ScheduleEvaluationContext], Tick]
) -> ScheduleDefinition:
    return ScheduleDefinition(
        name=name,
        job=refresh,
        cron_schedule=cron if cron != "off" else "0 0 1 1 *",
        execution_timezone=settings.schedule.time_zone,
        execution_fn=tick,
        default_status=DefaultScheduleStatus.RUNNING,
    )


def _ask(
    context: ScheduleEvaluationContext,
    home: Home,
    rhythm: str,
    sources: Sequence[PublisherSource],
    models: Sequence[str],
) -> Tick:
    """Ask the sources whose next figures can be out."""
    if _is_busy(context, rhythm):
        yield SkipReason("the run before is not over")
        return
    at = context.scheduled_execution_time.astimezone(UTC).replace(tzinfo=None)
    reasons = {source.name: completeness.asks_now(home, source, at) for source in sources}
    due = [name for name, reason in reasons.items() if reason is None]
    if not due:
        yield SkipReason("; ".join(f"{name}: {reason}" for name, reason in reasons.items()) or "no source is chosen")
        return
    yield _request(rhythm, [table for name in due for table in tables_of_result(name)], models, at)


def _read_chains(context: ScheduleEvaluationContext, settings: Settings, models: Sequence[str]) -> Tick:
    """Read the chains of each kind in a run of its own: the first read of a history takes hours."""
    at = context.scheduled_execution_time.astimezone(UTC).replace(tzinfo=None)
    names = sorted({chain.source for chain in chains.configured(settings)})
    busy = [name for name in names if _is_busy(context, name)]
    for name in names:
        if name not in busy:
            yield _request(name, [f"{name}/{table}" for table in CHAIN_TABLES[name]], models, at)
    if len(busy) == len(names):
        said = f"{', '.join(busy)}: the run before is not over" if busy else "no node or provider is configured"
        yield SkipReason(said)


def _request(rhythm: str, tables: Sequence[str], models: Sequence[str], at: datetime) -> RunRequest:
    keys = [AssetKey(key.split("/")) for key in (*tables, *models)]
    return RunRequest(run_key=f"{rhythm}-{at.isoformat()}", asset_selection=keys, tags={RHYTHM: rhythm})


def _is_busy(context: ScheduleEvaluationContext, rhythm: str) -> bool:
    return context.instance.get_runs_count(RunsFilter(tags={RHYTHM: rhythm}, statuses=BUSY)) > 0


def _is_chosen(source: PublisherSource, settings: Settings) -> bool:
    chosen = settings.publishers.sources
    return settings.publishers.mode == "live" and (chosen is None or source.name in chosen)
