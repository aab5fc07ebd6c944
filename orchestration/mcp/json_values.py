"""Values of the warehouse as JSON has them."""

import math
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal


def to_json(value: object) -> object:
    """A value as JSON: days and times ISO 8601, times marked as UTC, what is no number as null.

    Decimals of 8 places have no more digits than a double keeps, up to 90 million coins.
    """
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int | str):
        return value
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z" if value.tzinfo is None else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): to_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [to_json(each) for each in value]
    return str(value)
