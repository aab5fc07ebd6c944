"""What the compact bits of a header say: the greatest hash that a block may have, and the work it stands for."""

from functools import lru_cache


@lru_cache(maxsize=16)  # they change every 2,016 blocks
def target(bits: int) -> int:
    """The greatest hash that a block of these bits may have; 0 where they are not a target. As Core's SetCompact."""
    exponent, mantissa = bits >> 24, bits & 0x7FFFFF
    if bits & 0x800000 or exponent > 32:
        return 0
    return mantissa << 8 * (exponent - 3) if exponent >= 3 else mantissa >> 8 * (3 - exponent)


def work(bits: int) -> int:
    """Hashes that a block of these bits takes on average."""
    return (1 << 256) // (target(bits) + 1)


def is_proven(block_hash: bytes, bits: int, limit_bits: int) -> bool:
    """Whether a hash (as hashed, not as displayed) meets the target of its header, and that one the network's limit."""
    return int.from_bytes(block_hash, "little") <= target(bits) <= target(limit_bits)
