"""Checks of cells of a user's CSV. Each gives the cell as it is stored, or raises ValueError with what to write."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ingestion.bitcoin import addresses
from ingestion.bitcoin.networks import NETWORKS
from ingestion.errors import UsageError
from orchestration.configuration.choices import nearest


def one_of(*choices: str) -> Callable[[str], str]:
    """A check that a cell is one of some words."""

    def check(text: str) -> str:
        if text not in choices:
            raise ValueError(nearest(text, choices))
        return text

    return check


def matching(pattern: str, expected: str) -> Callable[[str], str]:
    """A check that a cell has a form."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"write {expected}")
        return text

    return check


def number(low: int, high: int = 2**31 - 1) -> Callable[[str], str]:
    """A check that a cell is a whole number between two."""

    def check(text: str) -> str:
        if not re.fullmatch(r"[0-9]{1,18}", text) or not low <= int(text) <= high:
            raise ValueError(f"write a whole number from {low} to {high}")
        return str(int(text))

    return check


def day(text: str) -> str:
    """A check that a cell is a date."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("write a day such as 2025-11-03") from None


def address(text: str) -> str:
    """A check that a cell is an address of an account chain, and that its checksum (EIP-55) fits; in lower case."""
    lower = matching("0x[0-9a-f]{40}", "an address, 0x and 40 hexadecimal digits")(text.lower())
    if text[2:] not in (lower[2:], lower[2:].upper()):
        from eth_utils.address import is_checksum_address  # 0.3 s of CPU to import

        if not is_checksum_address(f"0x{text[2:]}"):
            raise ValueError("its checksum (EIP-55) does not fit: copy it again")
    return lower


def address_on(network: str, text: str) -> str:
    """An address of a network, of Bitcoin or an account chain, as it is stored; its checksum is checked.

    Raises:
        ValueError: it is none; says what to write.
    """
    if network in NETWORKS:
        return addresses.canonical(text, network)
    try:
        return address(text)
    except ValueError as error:
        if text.startswith("0x"):
            raise
        raise ValueError(f"{error}, or name its network ({', '.join(NETWORKS)} of Bitcoin)") from None


@dataclass(frozen=True)
class Column:
    """A column of a file: the check of its cells, and what an empty or missing one means; None where it must not be."""

    check: Callable[[str], str]
    default: str | None = None


@dataclass(frozen=True)
class Place:
    """Where a row stands: its file, and the line on which it begins."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}"


class RowRefused(UsageError):
    """A row of a user's file does not fit.

    Attributes:
        place: where it stands.
        sentence: what is wrong with it and what to do, without the place.
    """

    def __init__(self, place: Place, sentence: str):
        super().__init__(f"{place}: {sentence}")
        self.place = place
        self.sentence = sentence
