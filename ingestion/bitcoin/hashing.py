"""The hash of blocks, transactions and undo records."""

import hashlib
from collections.abc import Sequence


def sha256d(*parts: bytes | memoryview) -> bytes:
    """SHA-256 twice over the concatenated `parts`."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return hashlib.sha256(digest.digest()).digest()


def merkle_root(hashes: Sequence[bytes]) -> bytes:
    """Root over transaction hashes; an odd one at the end is paired with itself."""
    level = list(hashes)
    while len(level) > 1:
        if len(level) % 2:
            level.append(level[-1])
        level = [sha256d(left + right) for left, right in zip(level[::2], level[1::2], strict=True)]
    return level[0]
