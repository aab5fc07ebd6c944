"""All sources: the modules of `ingestion/sources/`, each with its `SOURCE`."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import ingestion.sources

if TYPE_CHECKING:
    from ingestion.source import PublisherSource, Source


@cache
def names() -> tuple[str, ...]:
    """The sources' names, sorted. Nothing is imported: importing Polars would cost help and completion 0.2 s of CPU."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(ingestion.sources.__path__)))


def source(name: str) -> Source[Any]:
    """The source of that name, one of `names()`."""
    return import_module(f"{ingestion.sources.__name__}.{name}").SOURCE


def sources() -> list[Source[Any]]:
    """Every source, by name."""
    return [source(name) for name in names()]


def publishers() -> list[PublisherSource[Any]]:
    """Every source whose pages are fetched, by name."""
    from ingestion.source import PublisherSource

    return [source for source in sources() if isinstance(source, PublisherSource)]
