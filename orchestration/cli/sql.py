"""`flowhouse sql`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ingestion.errors import UsageError
from orchestration.cli.options import FORMATS, home_option, open_home
from orchestration.cli.output import Row, print_rows

if TYPE_CHECKING:
    import duckdb

SHOWN_ROWS = 1_000
"""Rows of a table; a format for programs has all."""
FETCHED_ROWS = 5_000
BINARY = ("parquet", "xlsx")


@click.command()
@click.argument("query")
@click.option("--unsafe", is_flag=True, help="Let QUERY use files, the network and extensions too.")
@click.option("--format", "form", type=click.Choice([*FORMATS, *BINARY]), default="table", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="Write parquet or xlsx to this file.")
@home_option
def sql(query: str, unsafe: bool, form: str, output: Path | None, root: Path | None) -> None:
    """Run QUERY on the published warehouse, read-only and confined to it.

    \b
    flowhouse sql "select * from etf_market_flows_weekly order by week_start_date desc limit 5"
    flowhouse sql "from etf_flows_daily_as_of('2025-11-20 02:15')" --format csv
    flowhouse sql "from etf_fund_daily where ticker = 'IBIT'" --format xlsx --output ibit.xlsx
    flowhouse sql --unsafe "copy funds to 'funds.csv'"

    A table has the first 1,000 rows; the other formats have all of them, and take one statement.
    """
    import duckdb

    from orchestration.publishing.connection import connect

    if output and form not in BINARY:
        raise UsageError(f"--output is for {' and '.join(BINARY)}: send a {form} to a file with `> {output}`.")
    with connect(open_home(root, must_exist=True), is_confined=not unsafe) as con:
        try:
            statements = con.extract_statements(query)
            if not statements:
                raise UsageError("There is no statement in the query: write one, such as `from etf_flows_daily`.")
            if len(statements) > 1 and form != "table":
                raise UsageError(f"{len(statements)} statements make no one {form}: give them one by one.")
            if form in BINARY:
                _write_file(con, statements[0], form, output)
                return
            for statement in statements:
                con.execute(statement)
                columns = [str(column[0]) for column in con.description or ()]
                print_rows(columns, _rows(con), form, SHOWN_ROWS)
        except duckdb.Error as error:
            hint = " (--unsafe lets it)" if isinstance(error, duckdb.PermissionException) and not unsafe else ""
            raise UsageError(f"The query does not run{hint}: {error}") from None


def _write_file(
    con: "duckdb.DuckDBPyConnection", statement: "duckdb.Statement", form: str, output: Path | None
) -> None:
    """The answer to a statement as Parquet or as a workbook."""
    from orchestration.cli.binary_output import deliver, save_parquet, save_workbook

    if form == "xlsx":
        con.execute(statement)
        columns = [str(column[0]) for column in con.description or ()]
        deliver(lambda file: save_workbook(columns, _rows(con), file), form, output)
        return
    found = con.sql(statement)  # pyright: ignore[reportArgumentType]
    if found is None:
        raise UsageError("The statement has no rows for a file: give a query, such as `from etf_flows_daily`.")
    deliver(lambda file: save_parquet(found.to_arrow_reader(FETCHED_ROWS), file), form, output)


def _rows(con: "duckdb.DuckDBPyConnection") -> Iterator[Row]:
    """The rows of the last statement, a few at a time: an answer may be larger than memory."""
    while rows := con.fetchmany(FETCHED_ROWS) if con.description else []:
        yield from rows
