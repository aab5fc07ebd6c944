"""`flowhouse publish`."""

from pathlib import Path

import click

from ingestion.errors import UsageError
from orchestration.cli.options import home_option, open_configured_home


@click.command()
@click.option("--to", metavar="DIR|s3://…", help="Where to; the default is `to` of [publish] in flowhouse.toml.")
@home_option
def publish(to: str | None, root: Path | None) -> None:
    """Copy the latest build elsewhere, whole or not at all: a data set that any web server can serve.

    \b
    flowhouse publish --to /srv/www/flowhouse
    flowhouse publish --to s3://bucket/prefix

    What is there already is not sent again. Keys, region and endpoint of a bucket are read from AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL; gs:// and az:// have variables of their own (see the guide).
    """
    from orchestration.publishing.copy_build import copy_latest

    home, settings = open_configured_home(root, must_exist=True)
    target = settings.publish.to if to is None else to
    if target is None:
        raise UsageError("There is no target: give --to DIR or --to s3://bucket/prefix, or set it in flowhouse.toml.")
    copied = copy_latest(home, target, settings.publish.keep_builds)
    old = f", {copied.removed} old builds removed" if copied.removed else ""
    click.echo(f"{copied.sent} files sent ({copied.sent_bytes / 1e6:,.1f} MB), {copied.reused} were there{old}.")
    click.echo(f"Published: {copied.where}/{copied.build_id}")
