"""Options that commands share, and the values they become."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ingestion.errors import UsageError
from orchestration import environment
from orchestration.home import Home
from orchestration.ingest_mode import Held, IngestMode, Replay, Sample, UserUpload

if TYPE_CHECKING:
    from orchestration.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

home_option = click.option(
    "--home", "root", type=click.Path(path_type=Path), help="Home folder (FLOWHOUSE_HOME, default ./data)."
)
FORMATS = ("table", "csv", "json")
format_option = click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
file_option = click.option("--file", type=click.Path(path_type=Path), help="Read your own CSV.")


class Moment(click.ParamType):
    """A time such as 2025-11-20T02:15:00Z; without a zone it is UTC. Read as UTC without zone."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"'{value}' is not a time: write it like 2025-11-20T02:15:00Z.", param, ctx)
        moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        return moment.replace(microsecond=0)


class SparkMaster(click.ParamType):
    """Where Spark runs."""

    name = "address"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from orchestration.configuration import checks  # it knows all sources

        try:
            return checks.spark_master(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def mode_options(command: Command) -> Command:
    """--sample, --replay and --live, of which at most one may be given."""
    options = (
        click.option("--sample", is_flag=True, help="Read the bundled sample."),
        click.option("--replay", type=click.Path(path_type=Path), help="Read an archive folder."),
        click.option("--live", is_flag=True, help="Fetch from the publishers."),
    )
    for option in options:
        command = option(command)
    return command


def node_options(command: Command) -> Command:
    """Where a node is: its files, its JSON-RPC or its REST interface."""
    options = (
        click.option("--network", default="main", show_default=True, help="main, signet, testnet4 or regtest."),
        click.option("--cookie", type=click.Path(path_type=Path), help="The node's .cookie file, for --rpc."),
        click.option("--rest", help="Address of a node's REST interface."),
        click.option("--rpc", help="Address of a node's JSON-RPC, without user and password."),
        click.option("--datadir", type=click.Path(path_type=Path), help="A node's data folder; it may be running."),
    )
    for option in options:
        command = option(command)
    return command


def open_home(root: Path | None, as_of: datetime | None = None, must_exist: bool = False) -> Home:
    """The home of the option, or else of the environment.

    Args:
        must_exist: for commands that only read, so that a mistyped name makes no home.

    Raises:
        UsageError: there is no such home, or it is not a folder, or its path has a comma or '?'.
    """
    home = Home(root or environment.home_root(), as_of)
    if "," in str(home.root):  # ends an entry of DuckDB's file_search_path, which knows no quotes
        raise UsageError(f"{home.root} has a comma in its path, which DuckDB cannot read from: name another home.")
    if "?" in str(home.root):  # begins the options of an address, and DuckDB puts its log beside the part before
        raise UsageError(f"{home.root} has a '?' in its path, which DuckDB cannot write to: name another home.")
    if home.root.exists() and not home.root.is_dir():
        raise UsageError(f"{home.root} is not a folder: name another home with --home.")
    if must_exist and not home.root.is_dir():
        raise UsageError(f"There is no home at {home.root}: run `flowhouse build` there, or name another with --home.")
    return home


def open_configured_home(
    root: Path | None, as_of: datetime | None = None, must_exist: bool = False
) -> "tuple[Home, Settings]":
    """The home of the option, or else of the environment, with its settings.

    Raises:
        UsageError: there is no such home, or a setting is invalid.
    """
    from orchestration.settings import Settings  # pydantic takes 0.3 s of CPU to import

    home = open_home(root, as_of, must_exist)
    settings = Settings.read(home.root)
    return replace(home, lock_wait_seconds=settings.lock_wait_seconds, lake_url=settings.lake.url), settings


def ingest_mode(
    settings: "Settings", sample: bool, replay: Path | None, live: bool, upload: UserUpload | None = None
) -> IngestMode:
    """The ingest mode that the options ask for; `Held` without any.

    Raises:
        UsageError: more than one was given.
    """
    modes: list[IngestMode] = [Sample()] if sample else []
    modes += [Replay(replay)] if replay is not None else []
    modes += [settings.publishers.live()] if live else []
    modes += [upload] if upload is not None else []
    if len(modes) > 1:
        raise UsageError("--sample, --replay, --live and --file exclude each other: give one of them.")
    return modes[0] if modes else Held()
