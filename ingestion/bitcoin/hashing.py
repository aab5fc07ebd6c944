"""The hash of blocks, transactions and undo records."""

import hashlib


def sha256d(*parts: bytes | memoryview) -> bytes:
    """SHA-256 twice over the concatenated `parts`."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return hashlib.sha256(digest.digest()).digest()
