"""`flowhouse labels check`."""

import sys
from dataclasses import astuple, fields
from pathlib import Path

import click

from orchestration.cli.exit_codes import DONE, FAILED
from orchestration.cli.options import format_option, home_option, open_configured_home
from orchestration.cli.output import print_rows


@click.group()
def labels() -> None:
    """Say whose an address is: entities, and wallets of funds.

    \b
    flowhouse labels check
    """


@labels.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE|FOLDER]...")
@format_option
@home_option
def check(paths: tuple[Path, ...], form: str, root: Path | None) -> None:
    """Check labels: checksums, sources, licences, and whether they contradict each other.

    \b
    flowhouse labels check
    flowhouse labels check entities.csv tagpacks/

    Without names, the labels of the project and of [seeds] in flowhouse.toml are checked. A line per finding; exits 1
    if there is any.
    """
    from orchestration.labels import Finding, check

    _, settings = open_configured_home(root)
    count, findings = check(settings, paths)
    if form == "table":
        for finding in findings:
            said = f"{finding.address}: {finding.sentence}" if finding.address else finding.sentence
            click.echo(f"{finding.file}, line {finding.line}: {said}")
        click.echo(f"{count:,} labels checked, {len(findings):,} findings.", err=True)
    else:
        print_rows([each.name for each in fields(Finding)], [astuple(finding) for finding in findings], form)
    sys.exit(FAILED if findings else DONE)
