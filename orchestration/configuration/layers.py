"""The two layers of settings, the file and the environment, each as values with the place of every one of them."""

import os
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, create_model

from ingestion.errors import UsageError
from orchestration.configuration import toml_lines
from orchestration.configuration.checks import is_address
from orchestration.configuration.choices import nearest
from orchestration.configuration.keys import (
    BY_NAME,
    KeyPath,
    dotted,
    is_secret,
    mentions,
    section_of,
    setting_at,
    table_at,
)
from orchestration.environment import OTHER_VARIABLES, PREFIX

if TYPE_CHECKING:
    from pydantic_settings import EnvSettingsSource

NESTED = "__"
FORMER_NAMES = {
    f"{PREFIX}CONTACT": f"{PREFIX}PUBLISHERS__CONTACT",
    f"{PREFIX}MODE": f"{PREFIX}PUBLISHERS__MODE",
    f"{PREFIX}KEEP_BUILDS": f"{PREFIX}PUBLISH__KEEP_BUILDS",
}
"""Variables from before there was a file, and what they are called beside it."""


@dataclass(frozen=True)
class Layer:
    """Values as nested tables, and where each of them comes from.

    Attributes:
        places: by path, `FILE, line N` or the name of a variable.
        variables: names of the variables that hold secrets.
    """

    values: dict[str, Any] = field(default_factory=dict[str, Any])
    places: dict[KeyPath, str] = field(default_factory=dict[KeyPath, str])
    variables: set[str] = field(default_factory=set[str])

    def place(self, path: KeyPath) -> str:
        """The place of a value, or of the nearest table around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, "")

    def below(self, above: "Layer") -> "Layer":
        """Both layers as one; where both have a value, that of `above`."""
        kept = {path: place for path, place in self.places.items() if not _is_replaced(path, above.places)}
        return Layer(_merged(self.values, above.values), {**kept, **above.places})


def file_layer(model: type[BaseModel], path: Path, given: Mapping[str, str]) -> Layer:
    """What a TOML file says; nothing where there is none.

    Relative paths in it are below its folder, `~` is the user's, and each `<secret>_env` becomes the secret.

    Raises:
        UsageError: it cannot be read, is not TOML, or names a variable that is not set.
    """
    text = _text(path)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(_not_toml(path, text, str(error))) from None
    layer = Layer(values, {each: f"{path}, line {line}" for each, line in toml_lines.lines_of(text).items()})
    for key, table in _tables(values, model):
        _look_up_secrets(layer, table, key, model, given)
        _complete_paths(table, key, model, path.parent)
    return layer


def environment_layer(
    model: type[BaseModel], given: Mapping[str, str], others: Collection[str] = OTHER_VARIABLES
) -> Layer:
    """What variables with the prefix say; an empty one says nothing. Relative paths are below the working folder.

    Args:
        others: variables with the prefix that are no settings.

    Raises:
        UsageError: a variable with the prefix is unknown.
    """
    named = {name: value for name, value in given.items() if name.startswith(PREFIX) and value}
    places: dict[KeyPath, str] = {
        _path(FORMER_NAMES.get(name, name)): name
        # the nested name of a setting stands above its former name
        for name in sorted(named, key=lambda name: name not in FORMER_NAMES)
        if name not in others
    }
    for path, name in places.items():
        _check_variable(model, path, name)
    if not places:
        return Layer()
    source = _environment_source(model)
    source.env_vars = {f"{PREFIX}{NESTED.join(map(str, path))}".lower(): named[name] for path, name in places.items()}
    layer = Layer(source(), dict(places))
    for key, table in _tables(layer.values, model):
        _look_up_secrets(layer, table, key, model, given)
        _complete_paths(table, key, model, Path.cwd())
    return layer


def _environment_source(model: type[BaseModel]) -> "EnvSettingsSource":
    from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict  # 0.2 s of CPU

    class Plain(BaseSettings):
        """Lists are not written as JSON."""

        model_config = SettingsConfigDict(enable_decoding=False)

    fields: dict[str, Any] = {name: (field.annotation, field) for name, field in model.model_fields.items()}
    variables = create_model("Variables", __base__=Plain, **fields)
    return EnvSettingsSource(variables, env_prefix=PREFIX, env_nested_delimiter=NESTED)


def _text(path: Path) -> str:
    """A file's text; empty where there is none."""
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): make it a file that you may read.") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}, line {line}: it is not UTF-8: save the file as UTF-8.") from None


def _check_variable(model: type[BaseModel], path: KeyPath, name: str) -> None:
    setting = model.model_fields.get(str(path[0]))
    if setting is None:
        tops = [f"{PREFIX}{each.upper()}" for each in model.model_fields]
        raise UsageError(f"There is no setting {name}: {nearest(name, [*tops, *FORMER_NAMES, *OTHER_VARIABLES])}.")
    below, is_by_name = section_of(setting)
    if below and (len(path) == 1 or (is_by_name and len(path) == 2)):
        keys = "NETWORK__KEY" if is_by_name and len(path) == 1 else "KEY"
        raise UsageError(f"{name} is a table of keys: set each by itself, as {name}{NESTED}{keys}.")
    around = setting_at(model, path[:-1])
    if around and section_of(around)[0] is None:
        raise UsageError(f"There is no setting {name}: write {name.rpartition(NESTED)[0]}.")


def _path(variable: str) -> tuple[str, ...]:
    return tuple(variable.removeprefix(PREFIX).lower().split(NESTED))


def _is_replaced(path: KeyPath, places: Mapping[KeyPath, str]) -> bool:
    return any(path[:length] in places for length in range(1, len(path) + 1))


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(below)
    for key, value in above.items():
        other = both.get(key)
        both[key] = _merged(other, value) if isinstance(value, dict) and isinstance(other, dict) else value
    return both


def _tables(
    values: dict[str, Any], model: type[BaseModel], path: KeyPath = ()
) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """Each known table among the values, with its path."""
    if table_at(model, path):
        yield path, values
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _tables(value, model, (*path, key))


def _complete_paths(table: dict[str, Any], path: KeyPath, model: type[BaseModel], folder: Path) -> None:
    """Put full paths in place of relative ones."""
    for key, value in table.items():
        setting = setting_at(model, (*path, key))
        is_path = isinstance(value, str) and value and not is_address(value)
        if is_path and setting and mentions(setting.annotation, Path):
            table[key] = folder / os.path.expanduser(value)


def _look_up_secrets(
    layer: Layer, table: dict[str, Any], path: KeyPath, model: type[BaseModel], given: Mapping[str, str]
) -> None:
    """Put secrets in place of the names of their variables."""
    for key in [key for key in table if key.endswith(BY_NAME)]:
        secret = key.removesuffix(BY_NAME)
        setting = setting_at(model, (*path, secret))
        if setting is None or not is_secret(setting):
            continue
        place, shown = layer.place((*path, key)), dotted((*path, key))
        if secret in table:
            raise UsageError(f"{place}: {secret} and {key} exclude each other: keep one of them.")
        names = table[key] if isinstance(table[key], list) else [table[key]]
        if not (names and all(isinstance(name, str) and name.isidentifier() for name in names)):
            raise UsageError(f"{place}: {shown} is not the name of a variable: write one such as {secret.upper()}.")
        for name in names:
            if not given.get(name):
                raise UsageError(f"{place}: {shown} is {name}, a variable that is not set: set it, or name another.")
        layer.variables.update(names)
        del table[key]
        table[secret] = [given[name] for name in names] if len(names) > 1 else given[names[0]]
        layer.places[(*path, secret)] = f"{place}, variable {' and '.join(names)}"


def _not_toml(path: Path, text: str, reason: str) -> str:
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", reason, re.DOTALL)
    why, line = found.groups() if found else (reason, None)
    return f"{path}, line {line or text.count(chr(10)) + 1}: it is not TOML ({why.strip('. ')}): correct that line."
