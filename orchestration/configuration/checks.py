"""Checks of single values in settings. Each raises ValueError with the end of a sentence that begins with the key."""

import re
from pathlib import Path
from zoneinfo import available_timezones

from ingestion import registry
from ingestion.streams.venues import VENUES
from orchestration.configuration.choices import nearest

MINUTES, HOURS, DAYS, MONTHS, WEEKDAYS = (0, 59), (0, 23), (1, 31), (1, 12), (0, 7)
MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
STORE = "s3://bucket/prefix (or gs://, az://)"
BUCKET = r"(s3|gs|az)://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
PREFIX = r"(/[\w.=+-]+)*/?"
ASSET = "[A-Z0-9]{1,20}"
INSTANCE = r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[\w.~-]+)*/?"
SPARK_MASTER = r"local\[([1-9][0-9]*|\*)\]|spark://[\w.-]+:[0-9]{1,5}(,[\w.-]+:[0-9]{1,5})*"
SIZE = r"[0-9]+(\.[0-9]+)? ?([KMGT]i?B|[KMGT])|[1-9][0-9]?%|100%"


def no_boolean(value: object) -> object:
    """Refuse true and false, which Python takes for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("is true or false: set it to a whole number.")
    return value


def split(value: object) -> object:
    """The items of a text that lists them with spaces between."""
    return tuple(value.split()) if isinstance(value, str) else value


def source_name(name: str) -> str:
    """The name of a source."""
    if name not in registry.names():
        raise ValueError(f"has '{name}', which is no source: {nearest(name, registry.names())}.")
    return name


def venue_name(name: str) -> str:
    """The name of a venue with a stream of liquidations."""
    if name not in VENUES:
        raise ValueError(f"has '{name}', which is no venue with a stream: {nearest(name, VENUES)}.")
    return name


def asset_name(name: str) -> str:
    """The name of an asset, as venues write it in the names of contracts."""
    if not re.fullmatch(ASSET, name):
        raise ValueError(f"has '{name}', which is no asset: write one such as BTC.")
    return name


def time_zone(name: str) -> str:
    """The name of a time zone."""
    if name not in available_timezones():
        raise ValueError(f"is '{name}', which is no time zone: write one such as UTC or America/New_York.")
    return name


def memory(size: str) -> str:
    """A size that DuckDB takes."""
    if not re.fullmatch(SIZE, size):
        raise ValueError(f"is '{size}', which is no size: write one such as 4GB or 60%.")
    return size


def mebibytes(size: str) -> int | None:
    """A size that DuckDB takes as whole MiB, rounded down; None for a share of the memory."""
    found = re.fullmatch(r"([0-9.]+) ?(\S+)", size)
    assert found, size
    number, unit = found.groups()
    if unit == "%":
        return None
    base = 1024 if "i" in unit else 1000
    return int(float(number) * base ** ("KMGT".index(unit[0]) + 1)) >> 20


def spark_master(address: str) -> str:
    """Where Spark runs: on this machine, or on a standalone cluster."""
    if not re.fullmatch(SPARK_MASTER, address, re.ASCII):
        raise ValueError(f"is '{address}', which is no master: write local[2], or one such as spark://host:7077.")
    return address


def is_address(target: str | Path) -> bool:
    """Whether a target is written as an address, and not as a path."""
    return isinstance(target, str) and "://" in target


def publish_target(target: str | Path) -> str | Path:
    """A folder, or the address of a store."""
    if not str(target).strip():
        raise ValueError(f"is empty: name a folder, or {STORE}.")
    return store_url(str(target)) if is_address(target) else target


def store_url(url: str) -> str:
    """The address of a bucket with a prefix, without keys."""
    if "@" in url or "?" in url:
        raise ValueError("holds a key: write s3://bucket/prefix, and put keys into the provider's variables.")
    if not url.startswith(("s3://", "gs://", "az://")):
        raise ValueError(f"is '{url}', which is no address of a store: write one such as {STORE}.")
    if not re.fullmatch(BUCKET + PREFIX, url, re.ASCII) or {".", ".."} & {*url.split("/")}:
        raise ValueError(f"is '{url}', which is no bucket with a prefix: write one such as {STORE}.")
    return url


def instance_url(url: str) -> str:
    """The address of a user's own instance of what a publisher serves, without a slash at the end."""
    if "@" in url or "?" in url:
        raise ValueError("holds a key: write the address alone, such as http://127.0.0.1:3110.")
    if url and not re.fullmatch(INSTANCE, url, re.ASCII):
        raise ValueError(f"is '{url}', which is no address: write one such as http://127.0.0.1:3110.")
    return url.rstrip("/")


def cron(expression: str) -> str:
    """A cron expression of five fields, or `off`."""
    fields = expression.lower().split()
    kinds = (MINUTES, ()), (HOURS, ()), (DAYS, ()), (MONTHS, MONTH_NAMES), (WEEKDAYS, WEEKDAY_NAMES)
    if expression != "off" and not (len(fields) == len(kinds) and all(map(_fits, fields, *zip(*kinds, strict=True)))):
        raise ValueError(
            f"is '{expression}', which is no schedule: write minute, hour, day, month and weekday as in"
            " '30 5 * * 1-5', or off."
        )
    return expression


def _fits(text: str, bounds: tuple[int, int], names: tuple[str, ...]) -> bool:
    """Whether one field of a cron expression is a list of `*`, numbers and ranges, with steps."""
    low, high = bounds
    for item in text.split(","):
        span, _, step = item.partition("/")
        if "/" in item and not (step.isdecimal() and 1 <= int(step) <= high):
            return False
        if span == "*":
            continue
        first, dash, last = span.partition("-")
        ends = [_number(end, low, names) for end in ([first, last] if dash else [first])]
        if any(end is None or not low <= end <= high for end in ends) or (dash and (ends[0] or 0) > (ends[-1] or 0)):
            return False
        if step and not dash:
            return False
    return True


def _number(text: str, low: int, names: tuple[str, ...]) -> int | None:
    if text in names:
        return names.index(text) + low
    return int(text) if text.isascii() and text.isdecimal() else None
