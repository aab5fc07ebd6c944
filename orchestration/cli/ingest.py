"""`flowhouse ingest SOURCE`: one source alone. Every module of `ingestion/sources/` is a command here."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingestion import registry
from ingestion.errors import UsageError
from orchestration.cli.ingest_chains import bitcoin, evm
from orchestration.cli.options import file_option, home_option, ingest_mode, mode_options, open_configured_home
from orchestration.cli.progress import result_line, say_failures, say_if_leaving_sample
from orchestration.home import Home, now
from orchestration.ingest_mode import IngestMode, UserUpload

if TYPE_CHECKING:
    from ingestion.source import Source, UploadSource

PUBLISHER_HELP = """Read what is new; with none of the options, read again what the home's archive holds.

\b
flowhouse ingest {name} --live
flowhouse ingest {name} --replay ~/archive
"""
NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}"
ASSET = r"[A-Z0-9]{2,10}"


@click.group()
def ingest() -> None:
    """Bring one source up to date.

    \b
    flowhouse ingest farside --live
    flowhouse ingest bitcoin --datadir ~/.bitcoin --network main
    flowhouse ingest bitcoin --rpc http://127.0.0.1:8332
    flowhouse ingest evm --rpc http://127.0.0.1:8545
    flowhouse ingest holder_series --file supply.csv --name mine --definition age_155d_step
    flowhouse ingest prices --file closes.csv --name mine
    flowhouse ingest hong_kong --file flows.csv --name mine
    """


@ingest.command()
@home_option
def nyse(root: Path | None) -> None:
    """Sessions of the New York Stock Exchange, computed.

    \b
    flowhouse ingest nyse
    """
    from orchestration import gather

    home, _ = open_configured_home(root)
    with home.lock():
        click.echo(f"nyse: {gather.update_sessions(home):,} sessions")


@ingest.command("holder_series")
@mode_options
@file_option
@click.option("--name", help="What your series is called.")
@click.option("--definition", help="What long-term means in your series: a definition's id.")
@home_option
def holder_series(
    sample: bool,
    replay: Path | None,
    live: bool,
    file: Path | None,
    name: str | None,
    definition: str | None,
    root: Path | None,
) -> None:
    """Your own series of long- and short-term supply: a CSV with the columns date, lth_btc, sth_btc.

    \b
    flowhouse ingest holder_series --file supply.csv --name mine --definition age_155d_step
    """
    from ingestion.sources.holder_series import SOURCE, note
    from orchestration import gather

    if definition and definition not in gather.known_definitions():
        raise UsageError(
            f"There is no definition '{definition}': choose one of {', '.join(gather.known_definitions())}."
        )
    if definition and not file:
        raise UsageError("A definition goes with a file: give --file F and --name N too.")
    upload = _user_upload(SOURCE, file, name, lambda name: name, note(definition))
    home, settings = open_configured_home(root)
    _update(SOURCE, home, ingest_mode(settings, sample, replay, live, upload))


@ingest.command()
@mode_options
@file_option
@click.option("--name", help="What your venue is called.")
@click.option("--asset", default="BTC", show_default=True, help="What the prices are of.")
@home_option
def prices(
    sample: bool,
    replay: Path | None,
    live: bool,
    file: Path | None,
    name: str | None,
    asset: str,
    root: Path | None,
) -> None:
    """Your own daily closes, back to 2010 if you like: a CSV with the columns date, close.

    \b
    flowhouse ingest prices --file closes.csv --name mine
    flowhouse ingest prices --file eth.csv --name mine --asset ETH
    """
    from ingestion.sources.prices import SOURCE, resource

    if not re.fullmatch(ASSET, asset):
        raise UsageError(f"'{asset}' is not an asset: write it in capitals, such as BTC or ETH.")
    upload = _user_upload(SOURCE, file, name, lambda name: resource(name, asset))
    home, settings = open_configured_home(root)
    _update(SOURCE, home, ingest_mode(settings, sample, replay, live, upload))


@ingest.command("hong_kong")
@mode_options
@file_option
@click.option("--name", help="Whose figures they are: the source of their flows.")
@home_option
def hong_kong(
    sample: bool, replay: Path | None, live: bool, file: Path | None, name: str | None, root: Path | None
) -> None:
    """Your own flows of Hong Kong's funds: a CSV with trade_date, ticker, net_flow_native, net_flow_usd.

    \b
    flowhouse ingest hong_kong --file flows.csv --name mine
    """
    from ingestion.sources.hong_kong import SOURCE

    upload = _user_upload(SOURCE, file, name, lambda name: name)
    home, settings = open_configured_home(root)
    _update(SOURCE, home, ingest_mode(settings, sample, replay, live, upload))


def _publisher(name: str) -> click.Command:
    """The command of a source that needs no option of its own."""

    @click.command(name=name, short_help=f"What {name} publishes.", help=PUBLISHER_HELP.format(name=name))
    @mode_options
    @home_option
    def command(sample: bool, replay: Path | None, live: bool, root: Path | None) -> None:
        home, settings = open_configured_home(root)
        source = registry.source(name)
        if live and source.api_key and source.api_key.name not in settings.publishers.keys:
            key = f"{source.api_key.name}_key_env"
            raise UsageError(
                f'{name} is not asked without a key: write {key} = "NAME" into [publishers] of flowhouse.toml.'
            )
        _update(source, home, ingest_mode(settings, sample, replay, live))

    return command


ingest.add_command(bitcoin)
ingest.add_command(evm)
for source_name in registry.names():
    if source_name not in ingest.commands:
        ingest.add_command(_publisher(source_name))


def _update(source: "Source[Any]", home: Home, mode: IngestMode) -> None:
    from orchestration import gather, spool
    from orchestration.outcome import Outcome, events

    say_if_leaving_sample(home, mode)
    result = gather.update(source, home, mode)
    with home.lock():
        gather.update_definitions(home)
    spool.put(home, list(events(Outcome([result]))), now())
    click.echo(result_line(result))
    sys.exit(say_failures(result.failures))


def _user_upload(
    source: "UploadSource[Any]",
    file: Path | None,
    name: str | None,
    resource: Callable[[str], str],
    note: str = "",
) -> UserUpload | None:
    """The user's own file as the options describe it; None where none of them is given.

    Raises:
        UsageError: the options do not fit each other, or the file cannot be read.
        PageRefused: the file cannot be trusted.
    """
    from orchestration import gather

    if not file and not name:
        return None
    if not (file and name):
        raise UsageError("Your own file needs a name: give both --file F and --name N.")
    if not re.fullmatch(NAME, name) or name in source.reserved_names:
        reserved = " and ".join(source.reserved_names)
        raise UsageError(f"'{name}' cannot be its name: take letters, digits, - and _, other than {reserved}.")
    return gather.user_upload(source, file, resource(name), note)
