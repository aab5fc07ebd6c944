"""The one road from sources to what is published: the command line, schedules and the web UI all take it.

    gather    bring raw tables up to date, each source and chain by itself
    snapshot  link the lake's files into the build's folder, and digest them there
    decide    which tables differ from those that the last build read
    derive    dbt builds what depends on them
    publish   with the digest of the snapshot
    copy      to elsewhere, where the settings say so

Gathering holds the lake's lock for seconds, a chain its own; deriving and publishing hold the build's.
"""

import gc
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from ingestion import reading, registry
from ingestion.errors import UsageError
from ingestion.refresh import RefreshResult
from ingestion.source import PublisherSource
from orchestration import gather, inputs, project
from orchestration.errors import BuildFailed, CopyFailed, PublishedDamaged
from orchestration.health import integrity
from orchestration.home import Home, now
from orchestration.ingest_mode import Held, IngestMode, Live
from orchestration.inputs import Built, Inputs
from orchestration.outcome import Outcome
from orchestration.publishing import published
from orchestration.spark import requirements as spark

if TYPE_CHECKING:
    from orchestration.dbt import Project
    from orchestration.graph import NodeOutcome
    from orchestration.settings import Settings

OnSourceDone = Callable[[RefreshResult], None]
OnNodeDone = Callable[[str, int, int], None]
COMPUTED = ("flowhouse/", "nyse/", "holder_series/definitions", "own_seeds/")
"""How raw tables begin whose rows say nothing about a market."""


@dataclass(frozen=True)
class Request:
    """What a run shall do.

    Attributes:
        mode: how captures are gathered.
        sources: names of the sources and chains (`farside`, `bitcoin/main`) to bring up to date; None for all.
        asks_chains: whether configured nodes and providers are asked.
        derives: whether marts are built and published.
        is_full: whether everything is built anew.
        allows_empty: whether a warehouse without a row may be published, and a source may lose all that it had.
    """

    mode: IngestMode
    sources: Collection[str] | None = None
    asks_chains: bool = False
    derives: bool = True
    is_full: bool = False
    allows_empty: bool = False

    def wants(self, name: str) -> bool:
        """Whether a source or a chain is to be brought up to date."""
        return self.sources is None or name in self.sources


@dataclass(frozen=True)
class Listeners:
    """Who hears how a run goes on: sources' results, dbt's nodes (name, number, count), chains' words."""

    on_source_done: OnSourceDone = lambda result: None
    on_node_done: OnNodeDone = lambda name, number, count: None
    on_chain: Callable[[str], None] = lambda line: None


def run(home: Home, request: Request, settings: "Settings", listeners: Listeners, outcome: Outcome) -> None:
    """Bring the home up to date and publish it.

    Args:
        outcome: what the run came to, filled as it goes on, so that a failed run still says what it had done.

    Raises:
        UsageError: the home and the mode do not fit.
        BuildFailed: a model or a test failed, or rows were lost; the published folder is unchanged.
    """
    if request.derives and settings.engine.name == "spark":
        spark.require(home)
    try:
        for result in _gather(home, request, settings, listeners):
            outcome.results.append(result)
            listeners.on_source_done(result)
        if request.derives:
            publish_changes(home, request, settings, listeners, outcome)
            if settings.publish.to and not home.as_of:
                _copy(home, settings, outcome)
    finally:
        # Only where somebody is to be told: a look at everything takes 0.3 s of CPU.
        if settings.alerts.urls and not home.as_of:
            from orchestration.health import watch

            watch.observe(home, settings, now())


def publish_changes(home: Home, request: Request, settings: "Settings", listeners: Listeners, outcome: Outcome) -> None:
    """Build and publish what depends on the raw tables that changed since the last build.

    Raises:
        BuildFailed: as `run` says.
    """
    with home.build_lock():
        try:
            _derive_and_publish(home, request, settings, listeners, outcome)
        except Exception as error:
            with suppress(OSError):  # a full disk: that an attempt was begun is noted already
                _note_attempt(home, succeeded=False, reason=str(error))
            raise
        _note_attempt(home, succeeded=True, build_id=outcome.build_id)


def _gather(home: Home, request: Request, settings: "Settings", listeners: Listeners):
    with home.lock():
        gather.update_chain(home, request.mode)
        gather.update_tokens(home, request.mode)
    if own := gather.update_own_seeds(home, settings):
        yield own
    for source in registry.sources():
        if gather.is_idle(source, home, request.mode, settings):
            home.lake.create(source.name, reading.schemas(source))
            continue
        is_wanted = request.wants(source.name)
        # The models read every table, also that of a source which is asked at another time, or never.
        if is_wanted or (request.derives and not home.lake.has(source.name, source.table)):
            is_left_out = isinstance(source, PublisherSource) and not settings.asks(source)
            is_held = not is_wanted or (isinstance(request.mode, Live) and is_left_out)
            yield gather.update(source, home, Held() if is_held else request.mode)
        elif not home.lake.has(source.name, source.table):
            # dbt reads every raw table, also that of a source which nobody was asked for yet.
            gather.update(source, home, Held())
    with home.lock():
        gather.update_definitions(home)
        gather.update_sessions(home)
    if request.asks_chains:
        from orchestration import chains  # what reads nodes and providers takes 0.2 s of CPU to import

        for chain in chains.configured(settings):
            if request.wants(chain.name):
                yield chains.read(home, settings, chain, chains.log_progress(listeners.on_chain, chain))


def _derive_and_publish(
    home: Home, request: Request, settings: "Settings", listeners: Listeners, outcome: Outcome
) -> None:
    models = outcome.graph = project.load(home)
    try:
        engine = spark.versions() if settings.engine.name == "spark" else None
        taken = outcome.inputs = inputs.take(home, models, settings.claims.strict, engine)
    except FileNotFoundError as error:
        raise BuildFailed(" ".join(integrity.lost(home)[:3]) or f"{error.filename} is gone.") from None
    if not request.allows_empty:
        _refuse_loss(home, taken)
    before = inputs.read_built(home)
    built = before if before and before.project == taken.project and not request.is_full else None
    changed = [table for table, digest in taken.tables.items() if not built or built.tables.get(table) != digest]
    latest = None if changed else published.intact_manifest(home)
    if latest and latest["fingerprint"] == taken.fingerprint:
        outcome.folder, outcome.build_id = published.warehouse(home).parent, latest["build_id"]
        return
    _note_attempt(home, succeeded=False)  # should the process be killed
    # Nothing half new stays: until all of this has succeeded, these tables count as unread.
    if before:
        inputs.write_built(home, before.without(changed) if built else before.of_no_project())
    outcome.rebuilt = models.affected(changed) if built else list(models.models)
    unchanged_before = inputs.unchanged_before(taken, built)
    if changed:
        _refuse_rot(home, taken, {table for key in outcome.rebuilt for table in models.tables_of[key]})
        _derive(home, settings, changed if built else None, unchanged_before, listeners, outcome)
    from orchestration.publishing import publish  # DuckDB takes 0.1 s of CPU to import

    previous = published.folder_of(home, built.build_id) if built else None
    marts = [key.removeprefix("marts/") for key in outcome.rebuilt if key.startswith("marts/")]
    outcome.folder = publish.publish(
        home, taken, now(), settings, marts if previous else None, previous, unchanged_before
    )
    outcome.build_id, outcome.is_new = _build_id(home), True
    inputs.write_built(home, Built(taken.project, taken.tables, taken.rows, outcome.build_id, taken.first_days))


def _build_id(home: Home) -> str:
    return (published.manifest(home) or {})["build_id"]


def _derive(
    home: Home,
    settings: "Settings",
    changed: Collection[str] | None,
    unchanged_before: date | None,
    listeners: Listeners,
    outcome: Outcome,
) -> None:
    """Build what depends on the changed tables; everything, and the docs, where they are None."""
    # dbt takes 1.2 s of CPU to import, which a run with nothing new saves
    from orchestration.dbt import NodesFailed

    # A short run need not collect cycles: that saves 3 of 25 s of CPU for 45 of 540 MB.
    gc.disable()
    try:
        selection = [f"source:{table.replace('/', '.')}+" for table in changed or ()]
        dbt, outcome.nodes = _build(home, settings, selection, unchanged_before, listeners, outcome)
        if changed is None or not home.docs_page.exists():
            dbt.document()
    except NodesFailed as error:
        outcome.nodes = error.nodes
        raise
    finally:
        gc.enable()


def _build(
    home: Home,
    settings: "Settings",
    selection: Sequence[str],
    unchanged_before: date | None,
    listeners: Listeners,
    outcome: Outcome,
) -> "tuple[Project, Sequence[NodeOutcome]]":
    """Build on the engine that the settings name; returns the project as the build file has it, and how nodes went."""
    if settings.engine.name == "spark":
        from orchestration.spark.build import build

        assert outcome.graph
        return build(home, settings, outcome.graph, outcome.rebuilt, selection, listeners.on_node_done)
    from orchestration.dbt import Project

    dbt = Project(home, settings.engine, settings.claims.strict)
    return dbt, dbt.build(selection, listeners.on_node_done, unchanged_before=unchanged_before)


def _refuse_loss(home: Home, taken: Inputs) -> None:
    """Raise BuildFailed where the lake has lost rows, or where there is nothing at all to publish."""
    if lost := integrity.lost(home):
        raise BuildFailed(f"{' '.join(lost[:3])} Or publish without these rows with --allow-empty.")
    if not any(rows for name, rows in taken.rows.items() if not name.startswith(COMPUTED)):
        raise BuildFailed(
            f"{home.root} holds no rows yet: build with --sample, --live or --replay DIR, or publish an empty warehouse"
            " with --allow-empty."
        )


def _refuse_rot(home: Home, taken: Inputs, tables: Collection[str]) -> None:
    """Raise BuildFailed where the bytes of a file that models read have changed since they were written."""
    if rotten := inputs.changed_since_written(taken, tables):
        raise BuildFailed(" ".join(integrity.rotten(home.lake, name) for name in rotten[:3]))


def _copy(home: Home, settings: "Settings", outcome: Outcome) -> None:
    """Copy what is published to where the settings say; a failure is one of the outcome, and no failed build."""
    from orchestration.publishing.copy_build import copy_latest  # only where there is a target

    outcome.copied_to = str(settings.publish.to)
    try:
        copy_latest(home, outcome.copied_to, settings.publish.keep_builds)
    except (CopyFailed, PublishedDamaged, UsageError) as error:
        outcome.copy_failure = str(error)


def _note_attempt(home: Home, succeeded: bool, reason: str | None = None, build_id: str | None = None) -> None:
    """Say in the build's folder how its last attempt went; without a reason, one that is not over or was broken off."""
    content = {"at": now().isoformat(), "succeeded": succeeded, "reason": reason, "build_id": build_id}
    home.write_state(f"{home.name}/last_build.json", content)
