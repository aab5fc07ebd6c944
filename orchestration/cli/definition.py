"""`flowhouse definition add`, `list` and `remove`."""

import sys
from pathlib import Path

import click

from ingestion.errors import UsageError
from orchestration.cli.options import home_option, open_configured_home
from orchestration.cli.progress import say_failures


@click.group()
def definition() -> None:
    """Your own definitions of a long-term holder, beside the project's.

    \b
    flowhouse definition add mine --step 114
    flowhouse definition list
    """


@definition.command()
@click.argument("name")
@click.option("--step", type=int, help="Coins count from so many days on.")
@click.option("--logistic", type=float, nargs=2, metavar="AGE SCALE", help="A curve around an age, by a scale in days.")
@click.option("--weights", type=click.Path(path_type=Path), help="A CSV with the columns age_days, weight.")
@home_option
def add(
    name: str, step: int | None, logistic: tuple[float, float] | None, weights: Path | None, root: Path | None
) -> None:
    """Define who is a long-term holder; the marts say it after the next build.

    \b
    flowhouse definition add mine --step 114
    flowhouse definition add soft --logistic 155 10
    flowhouse definition add drawn --weights weights.csv

    A weight from 0 to 1 counts from its age on until the next one.
    """
    from orchestration import own_definitions

    if sum(each is not None for each in (step, logistic, weights)) != 1:
        raise UsageError("Say what counts by one of --step DAYS, --logistic AGE SCALE and --weights FILE.")
    home, _ = open_configured_home(root)
    if step is not None:
        found = own_definitions.step(step)
    elif logistic is not None:
        found = own_definitions.logistic(*logistic)
    else:
        assert weights is not None
        try:
            content = weights.read_bytes()
        except OSError as error:
            raise UsageError(f"{weights} cannot be read ({error.strerror}): name a CSV file.") from None
        found = own_definitions.parse(content, str(weights))
    own_definitions.add(home, name, found)
    click.echo(f"{name}: {own_definitions.shown(found)}. Run `flowhouse build` to compute it.")
    if own_definitions.falls(found):
        click.echo("Its weights fall again: coins then leave it by their age, so that what matures may be below 0.")


@definition.command(name="list")
@home_option
def list_(root: Path | None) -> None:
    """The definitions that the marts know, and your own; of one that cannot be read, why.

    \b
    flowhouse definition list
    """
    from orchestration import own_definitions, seeds

    home, _ = open_configured_home(root, must_exist=True)
    for row in seeds.read("holder_definitions"):
        scale = f", over {row['scale_days']} days" if row["scale_days"] else ""
        click.echo(f"{row['definition_id']}: {row['kind']} at {row['age_days']} days{scale}")
    failures = []
    for name in own_definitions.names(home):
        try:
            click.echo(f"{name}: {own_definitions.shown(own_definitions.read_one(home, name))} (yours)")
        except UsageError as error:
            failures.append(f"{name}: {error}")
    sys.exit(say_failures(failures))


@definition.command()
@click.argument("name")
@home_option
def remove(name: str, root: Path | None) -> None:
    """Forget a definition of your own.

    \b
    flowhouse definition remove mine
    """
    from orchestration import own_definitions

    home, _ = open_configured_home(root, must_exist=True)
    own_definitions.remove(home, name)
    click.echo(f"{name} is removed. Run `flowhouse build` to leave it out of the marts.")
