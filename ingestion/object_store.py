"""Stores of objects by their address: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix.

Keys, region and endpoint are those of the provider's usual variables, which obstore reads. Its own words are never
shown: they hold addresses and answers.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    GenericError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import from_url

if TYPE_CHECKING:
    from obstore import ObjectMeta, PutResult, UpdateVersion
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

STATUS = re.compile(r"status code: (\d+)")
INSTANCE = "169.254.169.254"
"""Where obstore asks a machine of a cloud for keys, when it has none."""
CLIENT: "ClientConfig" = {
    "allow_http": True,  # for a server in the own network; an endpoint is https unless it says otherwise
    "connect_timeout": timedelta(seconds=5),
    "timeout": timedelta(seconds=60),
}
RETRIES: "RetryConfig" = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}
ATTEMPTS = 3
"""A conditional put is tried again where no answer came and the object is as it was."""


@dataclass(frozen=True)
class _Provider:
    """The variables that a provider's stores need: keys, and what says where they are."""

    keys: str
    place: str


PROVIDERS = {
    "s3": _Provider("AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION", "AWS_ENDPOINT_URL, AWS_REGION"),
    "gs": _Provider("GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT"),
    "az": _Provider("AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCOUNT_NAME"),
}
"""By the scheme of their addresses."""


def open_store(
    url: str, failure: type[Exception], client: "ClientConfig | None" = None, retries: "RetryConfig | None" = None
) -> "ObjectStore":
    """The store of an address; nothing is asked of it yet.

    Args:
        failure: what is raised; its sentence names the address and the variables, never their values.
        client, retries: what differs from CLIENT, and what stands in place of RETRIES.
    """
    with named_errors(url, failure):
        return from_url(url, client_options={**CLIENT, **(client or {})}, retry_config=retries or RETRIES)


@contextmanager
def named_errors(url: str, failure: type[Exception]) -> Iterator[None]:
    """Raise what a store answers as one sentence about its address; but for PreconditionError."""
    provider = PROVIDERS[url.partition(":")[0]]
    try:
        yield
    except PreconditionError:  # for who set the condition
        raise
    except (PermissionDeniedError, UnauthenticatedError):
        raise failure(f"{url} refuses these keys: check {provider.keys}.") from None
    except FileNotFoundError:
        raise failure(f"{url} is not there: create the bucket, or check its name and region.") from None
    except GenericError as error:
        if INSTANCE in str(error) or "must be specified" in str(error):
            raise failure(f"There are no keys for {url}: set {provider.keys}.") from None
        status = STATUS.search(str(error))
        how = f"answered {status[1]}" if status else "could not be reached"
        raise failure(f"{url} {how}: check {provider.place} and the network.") from None
    except BaseError as error:
        raise failure(f"{url} cannot be used ({type(error).__name__}): try another prefix.") from None


def version(found: "ObjectMeta | PutResult") -> "UpdateVersion":
    """What names a version of an object, for a put on condition that it is still that one."""
    return {key: value for key in ("e_tag", "version") if (value := found.get(key))}  # type: ignore[return-value]


def below(store: "ObjectStore", folder: str) -> list[str]:
    """Paths of all objects below a folder."""
    return [each["path"] for batch in obstore.list(store, folder or None) for each in batch]


def in_folder(store: "ObjectStore", folder: str) -> list[str]:
    """Paths of the objects that are in a folder itself."""
    return [each["path"] for each in obstore.list_with_delimiter(store, folder)["objects"]]


def put_if(store: "ObjectStore", path: str, content: bytes, before: "UpdateVersion | None") -> "UpdateVersion | None":
    """Put an object provided that it still is of a version, or not there where that is None.

    An answer may be lost after the put took effect: one's own bytes are recognised.

    Returns:
        The new version; None where somebody else has put other bytes meanwhile.

    Raises:
        GenericError: no answer came, and the object is as it was.
    """
    failed: GenericError | None = None
    for _ in range(ATTEMPTS):
        try:
            result = obstore.put(store, path, content, mode=before or "create", use_multipart=False)
            return version(result)
        except (AlreadyExistsError, PreconditionError):
            failed = None
        except GenericError as error:
            failed = error
        try:
            found = obstore.get(store, path)
            stored, now = bytes(found.bytes()), version(found.meta)
        except FileNotFoundError:
            stored, now = None, None
        if stored == content:
            return now
        if now != before:
            return None
    if failed:
        raise failed
    return None
