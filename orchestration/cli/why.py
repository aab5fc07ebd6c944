"""`flowhouse why TICKER DATE`."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ingestion.errors import UsageError
from orchestration.cli.options import format_option, home_option, open_configured_home
from orchestration.cli.output import print_rows, print_table
from orchestration.home import Home

if TYPE_CHECKING:
    import duckdb

    from orchestration.provenance.asked import Asked
    from orchestration.provenance.history import Value

SHA_SHOWN = 12
"""Hexadecimal digits that name one file among thousands."""
LEAST_SHA = 6
THE_FIGURES_OWN = "that of the figure"
"""Stands for the checksum where --bytes has none."""


@click.command()
@click.argument("ticker")
@click.argument("day", metavar="DATE")
@click.option("--asset", help="With TOTAL or ALL: only this asset, such as BTC.")
@click.option("--source", help="Only figures of this source, such as farside.")
@click.option(
    "--bytes",
    "sha256",
    is_flag=False,
    flag_value=THE_FIGURES_OWN,
    metavar="[SHA256]",
    help="Print the page that a figure is from, byte for byte: of the flow that counts, or the one of this checksum.",
)
@format_option
@home_option
def why(
    ticker: str, day: str, asset: str | None, source: str | None, sha256: str | None, form: str, root: Path | None
) -> None:
    """Show every value that a fund's figures of a session had, when, and the bytes they came from.

    \b
    flowhouse why IBIT 2025-11-04
    flowhouse why IBIT 2025-11-04 --bytes > page.html
    flowhouse why TOTAL 2025-11-04 --asset BTC
    flowhouse why ALL 2025-11-04 --asset ETH
    flowhouse why IBIT 2025-W45

    With the printed flow come the two share counts and the NAV that the issuer's flow is derived from, and the filing
    that the fund's coins go back to. Times are UTC. TOTAL is the sum that a publisher prints, ALL every fund.
    """
    from orchestration.provenance.asked import resolve
    from orchestration.provenance.history import Value, history
    from orchestration.publishing.connection import connect

    home, _ = open_configured_home(root, must_exist=True)
    with connect(home) as con:
        asked = resolve(con, ticker, day, asset)
        values = [value for value in history(con, home, asked) if source in (None, value.source)]
        unseen = _unseen(con, asked, values, source)
        if sha256 is not None:
            _print_bytes(home, values, sha256, unseen)
            return
        if form == "table":
            _print_desk(con, asked)
    if form == "table":
        _print_values(home, values, asked)
    else:
        print_rows([field.name for field in fields(Value)], [tuple(asdict(value).values()) for value in values], form)
    if unseen:
        click.echo(unseen, err=True)
    if form == "table" and asked.is_named_like_asset:
        (name,) = asked.tickers
        click.echo(f"{name} is a fund here; the sum of all {name} funds: flowhouse why TOTAL {day} --asset {name}")


def _unseen(con: "duckdb.DuckDBPyConnection", asked: "Asked", values: "Sequence[Value]", source: str | None) -> str:
    """A sentence where no page has shown a figure yet, else nothing."""
    from orchestration.provenance.asked import newest_figure

    if any(value.role != "filing" for value in values):
        return ""
    by = f" by {source}" if source else ""
    newest = newest_figure(con, asked)
    days = f"{asked.dates[0]}" if len(asked.dates) == 1 else f"{asked.dates[0]} to {asked.dates[-1]}"
    return f"No page has shown a figure of {_names(asked)} on {days}{by}: " + (
        f"the newest day with one is {newest}; `flowhouse status` says what is due."
        if newest
        else "none was ever read; `flowhouse status` says what is known of each source."
    )


def _names(asked: "Asked") -> str:
    names = ", ".join(asked.tickers) or "any fund"
    return f"{names} for {asked.asset}" if asked.asset else names


DESK = """
select trade_date as session, ticker, net_flow_usd / 1e6 as "flow, US$ m", flow_source as "counted from",
    flow_difference_usd / 1e6 as "issuer less next, US$ m", held_native as "coins held", held_method as "by"
from marts.etf_fund_daily
where ticker in ? and trade_date in ? and asset = coalesce(?, asset)
order by trade_date, ticker
"""


def _print_desk(con: "duckdb.DuckDBPyConnection", asked: "Asked") -> None:
    """What the desk says of the figures: which of the sources counts."""
    import duckdb

    try:
        desk = con.execute(DESK, [list(asked.tickers), list(asked.dates), asked.asset])
    except duckdb.CatalogException:  # published by a version without a desk
        return
    columns, rows = [column[0] for column in desk.description or ()], desk.fetchall()
    if rows:
        print_table(columns, rows)


def _print_values(home: Home, values: "Sequence[Value]", asked: "Asked") -> None:
    """The values as a table, and below it the page of each with the command that prints its bytes."""
    if not values:
        return
    columns = [
        "session",
        "asset",
        "ticker",
        "source",
        "figure",
        "of the day",
        "printed",
        "value",
        "seen, UTC",
        "standing",
        "page",
    ]
    print_table(
        columns,
        [
            (
                value.trade_date,
                value.asset,
                value.ticker,
                value.source,
                _figure(value),
                value.value_date,
                value.raw_text,
                value.value,
                value.observed_at,
                value.standing.replace("_", " "),
                (value.archive_sha256 or value.source_url or "")[: SHA_SHOWN if value.archive_sha256 else None],
            )
            for value in values
        ],
    )
    pages = {value.archive_sha256: value for value in reversed(values) if value.archive_sha256}
    for sha256, value in sorted(pages.items(), key=lambda page: page[1].observed_at):
        where = home.root / value.file if value.file else "not in this folder: the archive's .meta.json names it"
        click.echo(f"{sha256[:SHA_SHOWN]}  {where}")
        click.echo(f"  sha256 {sha256}")
        if value.source_url:
            made = ", reconstructed" if value.origin == "reconstructed" else ""
            click.echo(f"  from   {value.source_url}, {value.observed_at:%Y-%m-%d %H:%M:%S} UTC{made}")
        if value.file:
            command = ["flowhouse", "why", value.ticker, str(value.trade_date), "--bytes", sha256[:SHA_SHOWN]]
            click.echo(f"  bytes  {shlex.join([*command, '--home', str(home.root)])}")


FIGURES = {
    "flow": "flow, US$",
    "flow_native": "flow, coins",
    "count_before": "shares before",
    "count_after": "shares after",
    "nav": "NAV, US$",
    "filing": "coins filed",
}


def _figure(value: "Value") -> str:
    return FIGURES.get(value.role, value.metric)


def _print_bytes(home: Home, values: "Sequence[Value]", sha256: str, unseen: str) -> None:
    """Write a page to standard output as it is.

    Raises:
        UsageError: it is not that of a figure shown here, or standard output is a terminal and it is no text.
        ArchiveDamaged: its bytes are gone, or are not those that were stored.
    """
    from orchestration.provenance.captures import capture_bytes

    chosen = _chosen(values, sha256, unseen)
    capture, content = capture_bytes(home, chosen.archive_source or "", chosen.archive_sha256 or "")
    if sys.stdout.isatty() and b"\0" in content:
        raise UsageError(f"{capture.file} is no text: send it to a file, as in `--bytes > {capture.file}`.")
    click.echo(content, nl=False)


def _chosen(values: "Sequence[Value]", sha256: str, unseen: str) -> "Value":
    from_pages = [value for value in values if value.archive_sha256]
    if not from_pages:
        raise UsageError(unseen or "No figure shown here is from a page.")
    if sha256 == THE_FIGURES_OWN:
        counted = [value for value in from_pages if value.standing == "counts"]
        return (counted or from_pages)[0]
    found = [value for value in from_pages if (value.archive_sha256 or "").startswith(sha256.lower())]
    if not found or len(sha256) < LEAST_SHA:
        known = ", ".join(dict.fromkeys((value.archive_sha256 or "")[:SHA_SHOWN] for value in from_pages))
        raise UsageError(f"No page of these figures has a sha256 that begins with {sha256}: give one of {known}.")
    return found[0]
