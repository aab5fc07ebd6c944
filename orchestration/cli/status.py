"""`flowhouse status`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestration.cli.exit_codes import DONE, FAILED
from orchestration.cli.options import format_option, home_option, open_configured_home
from orchestration.cli.output import print_rows, print_table, to_json
from orchestration.home import Home, now

if TYPE_CHECKING:
    from orchestration.health.status import Status
    from orchestration.health.warehouse import WarehouseState

SOURCE_COLUMNS = {
    "source": "source",
    "mode": "mode",
    "last asked": "asked_at",
    "last answer": "captured_at",
    "last observation": "observed_at",
    "newest day": "newest",
    "complete": "is_complete",
    "due": "due_at",
    "late by h": "late_hours",
    "state": "state",
}
"""Headings of the table of sources, and the names in CSV and JSON."""

CHAIN_COLUMNS = {
    "chain": "name",
    "transport": "transport",
    "last asked": "asked_at",
    "first height": "first_height",
    "height": "height",
    "newest day": "newest",
    "finalized up to": "finalized_height",
    "due": "due_at",
    "late by h": "late_hours",
    "state": "state",
}


@click.command()
@format_option
@home_option
def status(form: str, root: Path | None) -> None:
    """Show what was last seen of each source and chain, what is due, and how the last build went.

    \b
    flowhouse status
    flowhouse status --format json

    Exits 1 if something is late, failed, lost, or empty that had rows; 2 where there is no such home or its settings
    are wrong. CSV has the sources alone.
    """
    from orchestration.health import status

    home, settings = open_configured_home(root, must_exist=True)
    found = status.read(home, settings, now())
    if form == "json":
        click.echo(json.dumps(asdict(found), indent=1, default=to_json))
    else:
        names = SOURCE_COLUMNS.values()
        rows = [tuple(getattr(state, name) for name in names) for state in found.sources]
        print_rows(list(SOURCE_COLUMNS if form == "table" else names), rows, form)
    if form == "table":
        _say_chains(found)
        _say_warehouse(found.warehouse)
    _say_sentences(found)
    sys.exit(DONE if found.is_well else FAILED)


def say_findings(home: Home) -> None:
    """Print one line on the findings about publishers, if there are any."""
    from orchestration.publishing import published

    found = (published.manifest(home) or {}).get("findings", [])
    _say_counted({each["kind"]: each["rows"] for each in found})


def _say_counted(findings: dict[str, int]) -> None:
    if findings:
        counted = ", ".join(f"{rows:,} {kind}" for kind, rows in findings.items())
        click.echo(f"\nFindings about publishers, in marts.etf_findings: {counted}")


def _say_chains(found: "Status") -> None:
    if found.chains:
        names = CHAIN_COLUMNS.values()
        print_table([*CHAIN_COLUMNS], [tuple(getattr(chain, name) for name in names) for chain in found.chains])


def _say_warehouse(warehouse: "WarehouseState") -> None:
    if warehouse.build_id:
        kind = "the bundled sample, which is never late" if warehouse.is_sample else "published"
        click.echo(f"Build {warehouse.build_id}, {kind}, {warehouse.age_hours:,.1f} h old.")
    else:
        click.echo("Nothing is published yet: run `flowhouse build`.")
    if warehouse.verdicts_changed:
        click.echo(f"{warehouse.verdicts_changed} claims have another verdict than expected: see `flowhouse claims`.")
    if check := warehouse.archive_check:
        found = f"{len(check.problems):,} problems" if check.problems else "all as they were stored"
        click.echo(f"Archive checked {check.at:%Y-%m-%d %H:%M} UTC: {check.files:,} files, {found}.")
    else:
        click.echo("The archive was never checked: run `flowhouse doctor --archive`.")
    _say_counted(warehouse.findings)


def _say_sentences(found: "Status") -> None:
    """Everything that is wrong, in words, and what was put right by itself."""
    named = [(each.source, each.sentences) for each in found.sources]
    named += [(each.name, each.sentences) for each in found.chains]
    named.append(("warehouse", found.warehouse.sentences))
    if found.warehouse.archive_check:
        named.append(("archive", found.warehouse.archive_check.problems))
    for name, sentences in named:
        for sentence in sentences:
            click.echo(f"{name}: {sentence}", err=True)
    for each in found.sources:
        for sentence in each.repaired:
            click.echo(f"{each.source}: repaired: {sentence}", err=True)
