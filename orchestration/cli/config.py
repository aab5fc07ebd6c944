"""`flowhouse config`."""

from pathlib import Path

import click

from orchestration.cli.options import format_option, home_option, open_home
from orchestration.cli.output import print_rows

COLUMNS = ("key", "value", "whence")
DEFAULT = "default"


@click.command()
@click.option("--init", is_flag=True, help="Write a commented flowhouse.toml into the home.")
@format_option
@home_option
def config(init: bool, form: str, root: Path | None) -> None:
    """Show what counts and whence: the default, a line of the home's flowhouse.toml, or a variable. Secrets are masked.

    \b
    flowhouse config --init
    flowhouse config
    flowhouse config --format json
    """
    if init:
        _write(root)
        return
    from orchestration.configuration.keys import dotted, is_secret, paths_of
    from orchestration.settings import Settings

    settings, places = Settings.read_with_places(open_home(root, must_exist=True).root)
    rows = [
        (dotted(path), _written(_masked(value) if is_secret(setting) else value, form), places.get(path, DEFAULT))
        for path, setting, value in paths_of(settings)
    ]
    print_rows(COLUMNS, rows, form)


def _write(root: Path | None) -> None:
    from importlib.resources import files

    from orchestration.settings import FILE_NAME

    text = files("orchestration.configuration").joinpath(FILE_NAME).read_text()
    path = open_home(root).write_settings(FILE_NAME, text)
    click.echo(f"Wrote {path}: edit it, then run `flowhouse config`.")


def _masked(secret: object) -> str | None:
    return "set" if secret else None  # an empty SecretStr is false too


def _written(value: object, form: str) -> object:
    """A value as the file has it, and with its type in JSON."""
    if isinstance(value, tuple):
        return list(value) if form == "json" else " ".join(map(str, value))
    if value is None or isinstance(value, str) or (form == "json" and not isinstance(value, Path)):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)
