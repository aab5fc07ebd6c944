"""`flowhouse sql`."""

from pathlib import Path

import click

from ingestion.errors import UsageError
from orchestration.cli.options import format_option, home_option, open_home
from orchestration.cli.output import print_rows


@click.command()
@click.argument("query")
@format_option
@home_option
def sql(query: str, form: str, root: Path | None) -> None:
    """Run QUERY on the published warehouse, read-only.

    \b
    flowhouse sql "select * from etf_market_flows_weekly order by week_start_date desc limit 5"
    flowhouse sql "from etf_flows_daily_as_of('2025-11-20 02:15')" --format csv
    """
    import duckdb

    from orchestration.publishing import published

    with duckdb.connect(str(published.warehouse(open_home(root, must_exist=True))), read_only=True) as con:
        con.execute("use marts")
        try:
            result = con.sql(query)
            columns, rows = ([], []) if result is None else (result.columns, result.fetchall())
        except duckdb.Error as error:
            raise UsageError(f"The query does not run: {' '.join(str(error).split())}") from None
    print_rows(columns, rows, form)
