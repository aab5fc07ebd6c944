"""`flowhouse install-sql-page`."""

from pathlib import Path

import click

from orchestration.cli.options import home_option, open_home


@click.command()
@home_option
def install_sql_page(root: Path | None) -> None:
    """Install DuckDB's browser edition from npm, once: builds then publish sql.html, a page that runs SQL.

    \b
    flowhouse install-sql-page
    flowhouse install-sql-page --home ~/warehouse
    """
    from orchestration.publishing import published, sql_engine

    home = open_home(root)
    if not sql_engine.engine_file(home).exists():
        click.echo("Downloading DuckDB-WASM from npm, 32 MB.")
    with home.build_lock():
        click.echo(f"Engine: {sql_engine.download_engine(home)}")
        folder = published.latest(home)
        if folder:
            sql_engine.add_page(home, folder)
    click.echo(sql_engine.where(folder) if folder else "The next `flowhouse build` publishes the page.")


@click.command(hidden=True)
@click.pass_context
@home_option
def browser(ctx: click.Context, root: Path | None) -> None:
    """The former name of `install-sql-page`.

    \b
    flowhouse browser
    """
    ctx.invoke(install_sql_page, root=root)
