"""The `flowhouse` command. Heavy imports wait until a subcommand needs them."""

import errno
import logging

import click

from ingestion.errors import IngestionError, UsageError
from orchestration.cli.alerts import alerts
from orchestration.cli.build import build
from orchestration.cli.claims import claims
from orchestration.cli.completion import completion
from orchestration.cli.config import config
from orchestration.cli.decide import accept, reject
from orchestration.cli.doctor import doctor
from orchestration.cli.exit_codes import FAILED, WRONG_USAGE
from orchestration.cli.ingest import ingest
from orchestration.cli.install_sql_page import browser, install_sql_page
from orchestration.cli.serve import serve
from orchestration.cli.service import service
from orchestration.cli.sql import sql
from orchestration.cli.status import status
from orchestration.errors import BuildFailed, HomeBusy, ServeFailed

NOT_WRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


class _Lines(logging.Handler):
    """What flowhouse says while it works, as plain lines beside the output."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(record.getMessage(), err=True)


class Commands(click.Group):
    """Errors end in one sentence and an exit code; `--debug` shows the traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            click.echo(f"flowhouse: {_sentence(error)}", err=True)
            ctx.exit(WRONG_USAGE if isinstance(error, UsageError) else FAILED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show a traceback instead of one sentence.")
@click.version_option(package_name="flowhouse")
def main(debug: bool) -> None:
    """Who sells Bitcoin and its peers, who buys, and can I check it?

    \b
    flowhouse build --sample
    flowhouse sql "from etf_market_flows_weekly"
    flowhouse COMMAND --help
    """
    log = logging.getLogger("flowhouse")
    if not log.handlers:
        log.addHandler(_Lines(logging.WARNING))


for command in (
    build,
    ingest,
    sql,
    claims,
    status,
    accept,
    reject,
    alerts,
    config,
    doctor,
    serve,
    service,
    install_sql_page,
    browser,
    completion,
):
    main.add_command(command)


def _sentence(error: Exception) -> str:
    if isinstance(error, IngestionError | BuildFailed | HomeBusy | ServeFailed):
        return str(error)
    if isinstance(error, OSError) and error.errno in NOT_WRITABLE:
        place = error.filename or "The home"
        return f"{place} cannot be written ({error.strerror}): make room, or name another home with --home."
    return (
        f"This should not have happened ({type(error).__name__}): run `flowhouse --debug …` and report the traceback."
    )
