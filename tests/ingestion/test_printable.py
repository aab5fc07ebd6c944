"""Texts of others that would steer a terminal."""

import pytest

from ingestion.printable import printable


@pytest.mark.parametrize("steering", ["\x1b[31m", "\x07", "\r", "\x7f", "\x9b", "\u202e", "\u2066", "\u2028", "\udcff"])
def test_what_steers_a_terminal_is_replaced(steering):
    shown = printable(f"page {steering} says")
    assert shown == f"page \N{REPLACEMENT CHARACTER}{steering[1:]} says"
    shown.encode()


def test_other_texts_stay_as_they_are():
    text = "two\nlines\tand a tab, Zürich, 東京, 🙂, 1 %"
    assert printable(text) == text
