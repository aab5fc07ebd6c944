"""Which parts of an address may be shown: userinfo, query and, for providers, the path can be secret."""

from collections.abc import Sequence
from urllib.parse import parse_qsl, unquote, urlsplit

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

# Shorter parts of an address (v2, rpc, eth) are not keys; removing them would garble the server's message.
SECRET_LENGTH = 6


def page(url: str) -> str:
    """scheme://host/path of `url`; "The address" where it is malformed, since all of it may then be secret."""
    try:
        shown = parse_url(url)._replace(auth=None, query=None, fragment=None)
    except LocationParseError:
        return "The address"
    is_fit = shown.host and "@" not in shown.url and shown.url.isprintable()
    return shown.url if is_fit else "The address"


def origin(url: str) -> str | None:
    """scheme://host:port of `url`; None where it is not an http or https address.

    An @ in the path may end a password that has a slash in it, whose start would then look like the host.
    """
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if is_address and "@" not in parts.path else None


def secrets(url: str) -> list[str]:
    """The parts of `url` that must never be shown, encoded and decoded, the longest first."""
    parts = urlsplit(url)
    values = [each.partition("=")[2] for each in parts.query.split("&")]
    decoded = [value for _, value in parse_qsl(parts.query)]
    userinfo = [parts.username, parts.password]
    pieces = [url, parts.path, parts.query, *parts.path.split("/"), *values, *decoded, *userinfo]
    forms = {form for piece in pieces if piece for form in (piece, unquote(piece)) if len(form) >= SECRET_LENGTH}
    return sorted(forms, key=len, reverse=True)


def redacted(text: str, secrets: Sequence[str], length: int) -> str:
    """`text` on one line without secrets, truncated to `length` afterwards: half a secret would not be recognised."""
    return _without(on_one_line(_without(text, secrets)), secrets)[:length]


def on_one_line(text: str) -> str:
    """`text` on one line, without the characters that steer a terminal."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _without(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "…")
    return text
