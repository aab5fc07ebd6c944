"""Paths of keys in settings, and what the models know of them."""

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

KeyPath = tuple[str | int, ...]
"""Keys from the top down to a value; a number counts the items of a list."""
BY_NAME = "_env"
"""The end of a key that names a variable in place of a secret."""


def dotted(path: KeyPath) -> str:
    """A path as one writes it in the file."""
    return ".".join(str(key) for key in path if isinstance(key, str))


def section_of(setting: FieldInfo) -> tuple[type[BaseModel] | None, bool]:
    """The model of a table, and whether the table has one such table per name."""
    is_by_name = get_origin(setting.annotation) is dict
    model = get_args(setting.annotation)[1] if is_by_name else setting.annotation
    return (model if isinstance(model, type) and issubclass(model, BaseModel) else None), is_by_name


def is_secret(setting: FieldInfo) -> bool:
    """Whether a value may hold a secret, as passwords and addresses of providers do."""
    extra = setting.json_schema_extra
    return mentions(setting.annotation, SecretStr) or (isinstance(extra, dict) and bool(extra.get("secret")))


def mentions(annotation: Any, kind: type) -> bool:
    """Whether a type, or a part of it, is `kind`."""
    return annotation is kind or any(mentions(each, kind) for each in get_args(annotation))


def table_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    """The model of the table that a path leads to; None where it leads to none, or to tables by name."""
    table: type[BaseModel] | None = model
    keys = iter(path)
    for key in keys:
        setting = table.model_fields.get(str(key)) if table else None
        if setting is None:
            return None
        table, is_by_name = section_of(setting)
        if is_by_name and next(keys, None) is None:
            return None
    return table


def setting_at(model: type[BaseModel], path: KeyPath) -> FieldInfo | None:
    """The setting that a path leads to, or into where it goes on to an item; None for a name and what is unknown."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    table = table_at(model, path[:-1])
    return table.model_fields.get(str(path[-1])) if table and path else None


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys that a table may have."""
    secrets = [f"{name}{BY_NAME}" for name, setting in model.model_fields.items() if is_secret(setting)]
    return [*model.model_fields, *secrets]


def paths_of(values: BaseModel, path: KeyPath = ()) -> Iterator[tuple[KeyPath, FieldInfo, Any]]:
    """Each setting that is no table, with its path and its value."""
    for key, setting in type(values).model_fields.items():
        value = getattr(values, key)
        below, is_by_name = section_of(setting)
        if below is None:
            yield (*path, key), setting, value
        elif is_by_name:
            for name, each in value.items():
                yield from paths_of(each, (*path, key, name))
        else:
            yield from paths_of(value, (*path, key))
