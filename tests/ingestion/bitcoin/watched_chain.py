"""Random chains on which entities hold scripts of every type, and what blocks do to each, in plain Python."""

import random
from collections import defaultdict

from ingestion.bitcoin.addresses import BASE58, BECH32, BECH32_CHECKSUM, BECH32M_CHECKSUM, _polymod
from ingestion.bitcoin.hashing import sha256d
from ingestion.bitcoin.networks import NETWORKS, Network
from ingestion.sample.regtest import Chain, Input, Output, Transaction

REGTEST = NETWORKS["regtest"]
START = 1_600_000_000
HASH = bytes(range(100, 120))
OTHER_HASH = HASH[:12] + bytes(8)
"""Its key, the bytes that are looked up first, is that of HASH."""
PROGRAM = HASH + bytes(12)


def key_hash(of: bytes) -> bytes:
    return b"\x76\xa9\x14" + of + b"\x88\xac"


def script_hash(of: bytes) -> bytes:
    return b"\xa9\x14" + of + b"\x87"


def witness(version: int, program: bytes) -> bytes:
    return bytes([0x50 + version if version else 0, len(program)]) + program


ENTITIES = {
    key_hash(HASH): "Exchange",
    script_hash(HASH): "Exchange",
    witness(0, HASH): "Exchange",
    witness(0, PROGRAM): "Custodian",
    witness(1, PROGRAM): "Custodian",
    witness(1, b"\x4e\x73"): "Anchor",
    witness(2, HASH[:7]): "Anchor",
    witness(16, PROGRAM + bytes(8)): None,
    key_hash(bytes(20)): None,
}
"""Scripts that are watched; two of them are shorter than a key."""
OTHERS = [
    *(key_hash(OTHER_HASH), script_hash(OTHER_HASH), witness(0, OTHER_HASH), witness(1, HASH), witness(2, PROGRAM)),
    *(b"\x21\x02" + PROGRAM + b"\xac", b"\x41\x04" + PROGRAM * 2 + b"\xac", b"\x21\x02" + HASH + bytes(12) + b"\xac"),
    *(b"", b"\x51", b"\x51\x02\x4e", witness(1, b"\x4e\x74"), key_hash(HASH) + b"\x51", b"\x51" * 43, b"\x6a\x04note"),
]
"""Scripts that are not, though some have the key of one that is."""


def address_of(script: bytes, network: Network = REGTEST) -> str:
    if script[0] == 0x76:
        return base58(bytes([network.key_hash_version]) + script[3:23])
    if script[0] == 0xA9:
        return base58(bytes([network.script_hash_version]) + script[2:22])
    version = script[0] and script[0] - 0x50
    number, bits = int.from_bytes(script[2:], "big"), 8 * len(script[2:])
    number <<= -bits % 5
    count = -(-bits // 5)
    values = [version, *(number >> 5 * (count - 1 - n) & 31 for n in range(count))]
    checksum = _polymod(network.bech32_prefix, [*values, *[0] * 6]) ^ (BECH32M_CHECKSUM if version else BECH32_CHECKSUM)
    letters = [*values, *(checksum >> 5 * (5 - n) & 31 for n in range(6))]
    return f"{network.bech32_prefix}1" + "".join(BECH32[value] for value in letters)


def base58(payload: bytes) -> str:
    data = payload + sha256d(payload)[:4]
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, value = divmod(number, 58)
        text = BASE58[value] + text
    return BASE58[0] * (len(data) - len(data.lstrip(b"\0"))) + text


WATCHED = {address_of(script): entity for script, entity in ENTITIES.items()}


def grow(chain: Chain, blocks: int, chance: random.Random, tag: bytes = b"") -> None:
    """Mine blocks of payments among watched scripts and others; nothing is signed."""
    scripts = [*ENTITIES, *OTHERS]
    for _ in range(blocks):
        held, paid = dict(chain.unspent), []
        for _ in range(chance.randint(0, 4)):
            points = chance.sample(list(held), min(len(held), chance.randint(1, 4)))
            left = sum(held.pop(point).amount for point in points) - chance.randint(0, 500)
            if not points or left < 0:
                break
            outputs = []
            for _ in range(chance.randint(0, 4)):
                outputs.append(Output(chance.choice([chance.randint(0, left), left // 3]), chance.choice(scripts)))
                left -= outputs[-1].amount
            outputs.append(Output(left, chance.choice(scripts)))
            is_signed = chance.random() < 0.5
            inputs = tuple(Input(*point, witness=(b"w",) if is_signed else ()) for point in points)
            paid.append(Transaction(inputs, tuple(outputs)))
        extra = [Output(chance.randint(0, 9), chance.choice(scripts))]
        chain.mine(chain.tip.time + chance.choice([600, 20_000]), paid, chance.choice(scripts), extra=extra, tag=tag)


def grown(seed: int, blocks: int = 90) -> Chain:
    chain = Chain.begin()
    chain.mine(START)
    grow(chain, blocks - 1, random.Random(seed))
    return chain


def day_of(chain: Chain, height: int) -> int:
    """The UTC day, in days since 1970, of the greatest header time up to a block."""
    return max(block.time for block in chain.blocks[: height + 1]) // 86_400


def flows(chain: Chain, watched: dict[str, str | None], first: int, unspendable: frozenset[int] = frozenset()) -> dict:
    """(day, address): [received, sent, their numbers] of the blocks from `first` on."""
    found = defaultdict(lambda: [0, 0, 0, 0])
    for height, _, coins, sign in _moves(chain, watched, first, unspendable):
        for address, amount in coins:
            sums = found[day_of(chain, height), address]
            sums[sign] += amount
            sums[2 + sign] += 1
    return dict(found)


def nets(chain: Chain, watched: dict[str, str | None], first: int, unspendable: frozenset[int] = frozenset()) -> dict:
    """(day, entity): [in, out] by transaction."""
    changes = defaultdict(int)
    for height, n, coins, sign in _moves(chain, watched, first, unspendable):
        for address, amount in coins:
            if watched[address] is not None:
                changes[height, n, watched[address]] += -amount if sign else amount
    found = defaultdict(lambda: [0, 0])
    for (height, _, entity), change in changes.items():
        sums = found[day_of(chain, height), entity]
        sums[0] += max(change, 0)
        sums[1] += max(-change, 0)
    return {key: sums for key, sums in found.items() if any(sums)}


def _moves(chain: Chain, watched: dict[str, str | None], first: int, unspendable: frozenset[int]):
    """(height, transaction, [(address, satoshi)], 0 for received and 1 for sent) of every transaction."""
    addresses = {script: address_of(script) for script in ENTITIES if address_of(script) in watched}
    for block in chain.blocks[first:]:
        for n, transaction in enumerate(block.transactions):
            if n or block.height not in unspendable:
                outputs = ((each.script, each.amount) for each in transaction.outputs)
                yield block.height, n, [(addresses[s], a) for s, a in outputs if s in addresses], 0
            spent = block.spent[n - 1] if n else ()
            yield block.height, n, [(addresses[c.script], c.amount) for c in spent if c.script in addresses], 1
