"""One sentence about the first mistake in settings: where it is, what it is, and what to write."""

from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from ingestion.errors import UsageError
from orchestration.configuration.choices import nearest
from orchestration.configuration.keys import (
    KeyPath,
    dotted,
    is_secret,
    keys_of,
    mentions,
    setting_at,
    table_at,
)
from orchestration.configuration.layers import Layer
from orchestration.environment import PREFIX

SHOWN_LENGTH = 60
OTHER_TYPES = {"bool": "true or false", "path": "a path in quotes", "string": "a text in quotes"}
LATER = {"seeds.valuation_prices"}
LATER_OF_PUBLISHERS = ("_url", "_key", "_key_env")
"""The ends of keys that later versions know; a setting that did nothing would mislead."""


def mistake(error: ValidationError, model: type[BaseModel], layer: Layer) -> UsageError:
    """The first error, as the one sentence about it; no value of a secret is in it."""
    details = error.errors(include_url=False, include_input=False)[0]
    path = tuple(key for key in details["loc"] if key != "[key]")
    place = layer.place(path)
    if details["type"] == "extra_forbidden":
        return UsageError(f"{place}: {_unknown(path, model)}")
    if details["type"] == "missing":
        return UsageError(f"{place}: {dotted(path)} is missing: write it there.")
    subject = place if place.startswith(PREFIX) else f"{place}: {dotted(path)}"
    if details["type"] == "value_error":
        return UsageError(f"{subject} {details.get('ctx', {})['error']}")
    setting = setting_at(model, path)
    return UsageError(f"{subject} {_shown(path, setting, layer.values)}: set it to {_allowed(details, setting)}.")


def _unknown(path: KeyPath, model: type[BaseModel]) -> str:
    shown = dotted(path)
    is_later = shown in LATER or (path[0] == "publishers" and str(path[-1]).endswith(LATER_OF_PUBLISHERS))
    if is_later:
        return f"{shown} is not available in this version: remove it."
    table = table_at(model, path[:-1])
    return f"there is no setting {shown}: {nearest(str(path[-1]), keys_of(table) if table else ())}."


def _shown(path: KeyPath, setting: FieldInfo | None, values: Any) -> str:
    """The value, where it is short and no secret."""
    try:
        for key in path:
            values = values[key]
    except (KeyError, IndexError, TypeError):
        return "does not fit"
    is_plain = setting is not None and not is_secret(setting) and isinstance(values, str | int | float)
    text = str(values).lower() if isinstance(values, bool) else str(values)
    return f"is '{text}'" if is_plain and len(text) <= SHOWN_LENGTH and text.isprintable() else "does not fit"


def _allowed(details: ErrorDetails, setting: FieldInfo | None) -> str:
    kind = details["type"]
    if setting is None or kind in ("model_type", "dict_type"):
        return "a table of keys"
    if kind == "tuple_type":
        return "a list of texts in quotes"
    if choices := _choices(setting.annotation):
        return " or ".join(choices)
    for start, allowed in OTHER_TYPES.items():
        if kind.startswith(start):
            return allowed
    return ("a number" if mentions(setting.annotation, float) else "a whole number") + _bounds(setting)


def _choices(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(each) for each in get_args(annotation)]
    return [choice for each in get_args(annotation) for choice in _choices(each)]


def _bounds(setting: FieldInfo) -> str:
    low = next((each.ge for each in setting.metadata if isinstance(each, Ge)), None)
    high = next((each.le for each in setting.metadata if isinstance(each, Le)), None)
    if any(isinstance(each, Gt) for each in setting.metadata):
        return " above 0"
    return f" from {low} to {high}" if high is not None else f" of at least {low}" if low is not None else ""
