"""The bloom filter of a block's logs (Yellow Paper, 4.4.1): what it excludes, the block does not hold."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

# As many as a sample of logs has addresses and topics, and the pairs of a watch list.
KEPT_MASKS = 4_096


def may_hold(bloom: int, items: Iterable[Sequence[str]]) -> bool:
    """Whether a block of that bloom may hold a log with all of any of these groups of addresses and topics."""
    return any(all(bloom & mask == mask for mask in map(_mask, group)) for group in items)


@lru_cache(KEPT_MASKS)
def _mask(item: str) -> int:
    """The bits that a log with this address or topic sets in its block's bloom."""
    from eth_hash.auto import keccak

    digest = keccak(bytes.fromhex(item[2:]))
    mask = 0
    for at in (0, 2, 4):
        mask |= 1 << (int.from_bytes(digest[at : at + 2], "big") % 2048)
    return mask
