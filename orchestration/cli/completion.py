"""`flowhouse completion`."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands and options in SHELL.

    \b
    flowhouse completion bash >> ~/.bashrc
    flowhouse completion zsh >> ~/.zshrc
    flowhouse completion fish > ~/.config/fish/completions/flowhouse.fish
    """
    if completion_class := get_completion_class(shell):
        click.echo(completion_class(ctx.find_root().command, {}, "flowhouse", "_FLOWHOUSE_COMPLETE").source())
