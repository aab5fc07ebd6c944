"""Messages to the addresses of `[alerts] urls`, each told by itself: one that cannot be told keeps no other waiting."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ingestion.transport import redaction
from orchestration.settings import Settings

LENGTH = 4000
"""Characters of a message; failures of many sources together stay below what chats take."""
SHORT_SECRET = 4
"""A password of fewer characters would garble the message where it is a part of words."""

# Their debug lines have addresses and paths in them, which are secrets for most services.
_TALKATIVE = ("apprise", "urllib3", "requests")


def addresses(settings: Settings) -> list[str]:
    """The addresses to tell."""
    return [url.get_secret_value() for url in settings.alerts.urls]


def key(url: str) -> str:
    """A name for an address that does not give it away."""
    return hashlib.sha256(f"flowhouse alerts {url}".encode()).hexdigest()[:32]


def masked(settings: Settings, url: str) -> str:
    """An address as it may be shown: its place in the file and its service. Even the host is a token for some."""
    service = url.partition("://")[0]
    shown = f"{service}://…" if service.isalnum() and service != url else "…"
    return f"alerts.urls[{addresses(settings).index(url)}] ({shown})"


def send(url: str, title: str, body: str) -> bool:
    """Tell one address; returns whether it was told.

    Apprise says "yes" for several addresses only where all went well, and nothing of which did not: each is told alone.
    """
    import apprise  # 0.9 s of CPU with its plugins, only where there is something to say

    with _silent():
        try:
            asset = apprise.AppriseAsset(
                app_id="flowhouse",
                app_desc="flowhouse",
                storage_mode=apprise.PersistentStoreMode.MEMORY,
                async_mode=False,
            )
            service = apprise.Apprise(asset=asset)
            return service.add(url) and bool(service.notify(title=title, body=body))
        except Exception:  # a plugin of Apprise that fails is an address that was not told; its words may hold a secret
            return False


def redacted(settings: Settings, text: str) -> str:
    """A text without any secret of the settings, which steers no terminal."""
    hidden = _secrets(settings)
    return "\n".join(redaction.redacted(line, hidden, LENGTH) for line in text.split("\n"))[:LENGTH]


def _secrets(settings: Settings) -> list[str]:
    urls = addresses(settings)
    urls += [url.get_secret_value() for provider in settings.evm.values() for url in provider.rpc]
    urls += [settings.evm_rpc_url.get_secret_value()]
    passwords = [settings.rpc_password, *(node.password for node in settings.bitcoin.values())]
    words = [word for word in (each.get_secret_value() for each in passwords) if len(word) >= SHORT_SECRET]
    found = {*words, *(secret for url in urls if url for secret in _parts(url))}
    return sorted(found, key=len, reverse=True)


def _parts(url: str) -> Sequence[str]:
    try:
        host = url.partition("://")[2].split("/")[0].rpartition("@")[2].partition(":")[0]
        is_token = len(host) >= redaction.SECRET_LENGTH and "." not in host and host != "localhost"
        return [*redaction.secrets(url), *([host] if is_token else [])]
    except ValueError:
        return [url]


@contextmanager
def _silent() -> Iterator[None]:
    loggers: list[Any] = [logging.getLogger(name) for name in _TALKATIVE]
    loggers += [logging.getLogger("urllib3.connectionpool")]
    before = [logger.disabled for logger in loggers]
    try:
        for logger in loggers:
            logger.disabled = True
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled
