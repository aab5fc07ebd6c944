"""The bloom filter of a block's logs (Yellow Paper, 4.4.1): what it excludes, the block does not hold."""

from collections.abc import Iterable
from functools import lru_cache

from ingestion.evm.rows import Pair


def may_hold(bloom: int, pairs: Iterable[Pair]) -> bool:
    """Whether a block of that bloom may hold a log of any of these contracts and topics."""
    return any(bloom & mask == mask for mask in map(_mask, pairs))


@lru_cache
def _mask(pair: Pair) -> int:
    """The bits that a log of this contract and topic sets in its block's bloom."""
    from eth_hash.auto import keccak

    mask = 0
    for item in pair:
        digest = keccak(bytes.fromhex(item[2:]))
        for at in (0, 2, 4):
            mask |= 1 << (int.from_bytes(digest[at : at + 2], "big") % 2048)
    return mask
