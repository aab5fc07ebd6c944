"""Which parts of an address are never shown."""

import pytest

from ingestion.transport.redaction import SECRET_LENGTH, origin, page, redacted, secrets

KEY = "k3y" * 10


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        (f"https://Host.example/v3/{KEY}?key={KEY}", "https://Host.example"),
        (f"https://me:{KEY}@host.example/v3", "https://host.example"),
        ("http://[::1]:8545/", "http://[::1]:8545"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, shown: str) -> None:
    assert origin(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8545",
        "ws://127.0.0.1",
        "http://",
        "http://host:port",
        "http://host:0",
        f"http://me:12/{KEY}@host",
    ],
)
def test_what_is_no_address_has_no_origin(url: str) -> None:
    assert origin(url) is None


def test_a_page_is_shown_without_userinfo_query_and_fragment() -> None:
    assert page(f"https://me:{KEY}@host.example/btc/?key={KEY}#{KEY}") == "https://host.example/btc/"


@pytest.mark.parametrize(
    "where", ["http://h/{}", "http://h/?a={}", "http://{}@h/", "http://me:{}@h/", "http://h/v3/{}/eth"]
)
def test_a_key_is_a_secret_from_six_characters_on(where: str) -> None:
    key = "q1w2e3"
    assert len(key) == SECRET_LENGTH
    assert redacted(f"no project {key}!", secrets(where.format(key)), 100) == "no project …!"
    short = key[:-1]
    assert redacted(f"no project {short}!", secrets(where.format(short)), 100) == f"no project {short}!"


def test_a_key_is_a_secret_decoded_too() -> None:
    words = "bad key a+b/c=d and a%2Bb%2Fc%3Dd"
    assert redacted(words, secrets("http://h/?key=a%2Bb%2Fc%3Dd"), 100) == "bad key … and …"


def test_what_holds_another_secret_goes_as_a_whole() -> None:
    url = f"http://h/v3/{KEY}?key={KEY}x"
    assert redacted(f"GET /v3/{KEY}?key={KEY}x failed", secrets(url), 100) == "GET …?… failed"


def test_words_are_cut_only_after_their_secrets() -> None:
    words = "x" * 90 + KEY
    assert redacted(words, secrets(f"http://h/{KEY}"), 100) == "x" * 90 + "…"


@pytest.mark.parametrize("words", ["\x1b[31mred\x07", "a\nb", "\u202eabc", "a\x9b2J", "a\x00b\r\tc"])
def test_what_steers_a_terminal_is_no_word(words: str) -> None:
    assert redacted(words, [], 100).isprintable()


@pytest.mark.parametrize("between", ["", "\x00", "\n"])
def test_a_key_is_a_secret_whatever_stands_around_it(between: str) -> None:
    key = f"q1w2  {between}e3r4"
    shown = redacted(f"bad\x1b{key}\n", [key], 100)
    assert shown == "bad …"
