"""What to write in place of a word that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, choices: Iterable[str]) -> str:
    """What to write in place of a name that is not known."""
    known = sorted(choices)
    close = get_close_matches(name, known, n=1)
    return f"write {close[0]}" if close else f"choose from {', '.join(known)}"
