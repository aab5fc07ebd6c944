"""The `flowhouse` command. Heavy imports wait until a subcommand needs them."""

import logging

import click

from orchestration.cli.alerts import alerts
from orchestration.cli.build import build
from orchestration.cli.claims import claims
from orchestration.cli.collect import collect
from orchestration.cli.completion import completion
from orchestration.cli.config import config
from orchestration.cli.decide import accept, reject
from orchestration.cli.definition import definition
from orchestration.cli.doctor import doctor
from orchestration.cli.ending import Commands, program
from orchestration.cli.ingest import ingest
from orchestration.cli.install_sql_page import browser, install_sql_page
from orchestration.cli.labels import labels
from orchestration.cli.mcp import mcp
from orchestration.cli.publish import publish
from orchestration.cli.serve import serve
from orchestration.cli.service import service
from orchestration.cli.show import show
from orchestration.cli.sql import sql
from orchestration.cli.status import status
from orchestration.cli.why import why


class _Lines(logging.Handler):
    """What flowhouse says while it works, as plain lines beside the output."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(record.getMessage(), err=True)


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
    collect,
    show,
    sql,
    claims,
    why,
    mcp,
    status,
    publish,
    accept,
    reject,
    labels,
    alerts,
    config,
    definition,
    doctor,
    serve,
    service,
    install_sql_page,
    browser,
    completion,
):
    main.add_command(command)


def run() -> None:
    """The `flowhouse` program."""
    program(main)
