"""Names of coins at Hyperliquid."""

import re

_THOUSANDS = re.compile(r"^k(?=[A-Z])")


def asset(coin: str) -> str:
    """The asset behind a coin: kPEPE is quoted per thousand, so its dollars are those of PEPE."""
    return _THOUSANDS.sub("", coin)
