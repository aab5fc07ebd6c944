"""Addresses that are watched: what blocks pay to the script of each, and what they spend of it.

A key of 64 bits, found in the bytes of a script, is looked up in a small filter first; only what passes is looked up in
the table, where the whole script is compared. Undo records shorten some scripts: they are told by the number that
stands before them, and written out where the filter lets them pass.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from ingestion.bitcoin.addresses import to_script
from ingestion.bitcoin.networks import Network
from ingestion.bitcoin.watched import Watched

# Columns of what is summed of an address, and of an entity.
FLOWS = ("received_sats", "sent_sats", "received_coins", "sent_coins")
NETS = ("in_sats", "out_sats")
WatchedRows = tuple[list[tuple[int | str, ...]], list[tuple[int | str, ...]]]
"""Rows (height, address, FLOWS) and (height, entity, NETS)."""
MAX_COINS = 4_000_000 // 9
"""That one block may have: an output takes nine bytes and its script, and an input more."""

NOBODY = -1
MAX_BYTES = 42
"""Of an address' script: a witness program of 40 bytes is the longest."""
KEY_AT, KEY_BYTES = 3, 8
"""Where the key stands in a script: within the hash, whatever the type. Shorter scripts are a key as a whole."""
SHORT_BYTES = KEY_AT + KEY_BYTES
# Number before a shortened script, and where the key of the script that it stands for is among the bytes after it.
STORED_P2PKH, STORED_P2SH, STORED_RAW = 0, 1, 6
STORED_KEY_AT = np.array([0, 1, 0, 0, 0, 0, KEY_AT], dtype=np.int64)
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
FILTER_BITS, SLOTS = 32, 4
"""For each script. With two bits of each in one word, 1 in 250 scripts of others passes."""


class Table(NamedTuple):
    """Scripts to look up, as compiled code takes them.

    Attributes:
        filter: uint64, two bits of one word for each script; a power of two long.
        slots: int64, numbers of scripts at the places of their keys or after, NOBODY between; a power of two long.
        scripts, sizes: uint8 [script, MAX_BYTES] and int64 [script], by number.
    """

    filter: np.ndarray
    slots: np.ndarray
    scripts: np.ndarray
    sizes: np.ndarray


class Hits(NamedTuple):
    """Coins of watched scripts in one block: those spent, then those received, each in the order of transactions.

    Attributes:
        counts: int64 [2], how many were spent, and how many rows there are in all.
        rows: int64 [coin, (transaction, script, satoshi)].
    """

    counts: np.ndarray
    rows: np.ndarray


class Watching:
    """The addresses of a network that are watched, ready to be looked up.

    Attributes:
        network: their network.
        addresses, entities: their names by number, as rows have them.
        owners: int64 [address], the number of the entity that an address is of, or NOBODY.
        table: None where nothing is watched, so that compiled code is what it would be without.
    """

    def __init__(self, watched: Watched, network: Network):
        """Prepare the table.

        Args:
            watched: the addresses, each with its entity.
            network: the network.

        Raises:
            ValueError: an address is none of the network.
        """
        self.network = network
        self.addresses = sorted(watched)
        self.entities = sorted({entity for entity in watched.values() if entity is not None})
        scripts = [to_script(address, network.name) for address in self.addresses]
        numbers: dict[str | None, int] = {entity: n for n, entity in enumerate(self.entities)} | {None: NOBODY}
        self.owners = np.array([numbers[watched[address]] for address in self.addresses], dtype=np.int64)
        self.table = _table(scripts) if scripts else None
        self._numbers = {script.hex(): n for n, script in enumerate(scripts)}

    def number(self, script: str) -> int:
        """The number of a script in hexadecimal digits, NOBODY where it is not watched."""
        return self._numbers.get(script, NOBODY)


class Sums:
    """What the blocks of a day, or one block, did to watched scripts, and the rows that earlier ones came to."""

    def __init__(self, watching: Watching):
        self._watching = watching
        entities = len(watching.entities)
        self._flows = np.zeros((len(watching.addresses), len(FLOWS)), dtype=np.int64)
        self._nets = np.zeros((entities, len(NETS)), dtype=np.int64)
        self._balances = np.zeros(entities, dtype=np.int64)
        self._rows: WatchedRows = [], []

    def add(self, hits: Hits, height: int) -> None:
        """Add the hits of a block; those of a coinbase that can never be spent are none."""
        is_spendable = not self._watching.network.is_unspendable(height)
        settle(hits, self._watching.owners, is_spendable, self._flows, self._nets, self._balances)

    def drain(self, height: int) -> None:
        """Keep the sums as rows of this height, and begin anew."""
        names = self._watching.addresses, self._watching.entities
        for rows, name, sums in zip(self._rows, names, (self._flows, self._nets), strict=True):
            numbers = np.flatnonzero(sums.any(axis=1))
            rows += [(height, name[n], *sums[n].tolist()) for n in numbers]
            sums[numbers] = 0

    def rows(self) -> WatchedRows:
        """Rows of ADDRESS_ROWS and of ENTITY_ROWS."""
        return self._rows


def room_for_hits() -> Hits:
    """Room for the coins of a block; memory is touched only as far as it is used."""
    return Hits(np.zeros(2, dtype=np.int64), np.empty((MAX_COINS, 3), dtype=np.int64))


def hits_of(spent: np.ndarray, received: np.ndarray) -> Hits:
    """Coins found otherwise, as rows of `Hits`."""
    return Hits(np.array([len(spent), len(spent) + len(received)]), np.concatenate([spent, received]))


def _table(scripts: list[bytes]) -> Table:
    sizes = np.array([len(script) for script in scripts], dtype=np.int64)
    padded = b"".join(script.ljust(MAX_BYTES, b"\0") for script in scripts)
    data = np.frombuffer(padded, dtype=np.uint8).reshape(-1, MAX_BYTES)
    words, places = (1 << (count * len(scripts) - 1).bit_length() for count in (FILTER_BITS, SLOTS))
    bits, slots = np.zeros(max(words // 64, 1), dtype=np.uint64), np.full(places, NOBODY, dtype=np.int64)
    _fill(data, sizes, bits, slots)
    return Table(bits, slots, data, sizes)


@njit(nogil=True, cache=True)
def _fill(scripts, sizes, bits, slots):
    for n in range(len(sizes)):
        mixed = mix(key(scripts[n], 0, sizes[n]))
        bits[_word(bits, mixed)] |= _pattern(mixed)
        at = _slot(slots, mixed)
        while slots[at] != NOBODY:
            at = (at + 1) & (len(slots) - 1)
        slots[at] = n


@njit(nogil=True, cache=True)
def key(data, at, size):
    """The key of the script data[at : at + size]."""
    if size < SHORT_BYTES:
        return load(data, at, min(size, KEY_BYTES))
    return load(data, at + KEY_AT, KEY_BYTES)


@njit(nogil=True, cache=True)
def stored_key(data, at, stored, size):
    """The key of the script that data[at : at + size] and the number before them stand for."""
    if size < SHORT_BYTES:
        return load(data, at, min(size, KEY_BYTES))
    return load(data, at + STORED_KEY_AT[np.uintp(min(stored, STORED_RAW))], KEY_BYTES)


@njit(nogil=True, cache=True)
def load(data, at, width):
    """Up to eight bytes as a number."""
    value = np.uint64(0)
    for n in range(width):
        value |= np.uint64(data[np.uintp(at + n)]) << np.uint64(8 * n)
    return value


@njit(nogil=True, cache=True)
def mix(key):
    """A key with its bits spread."""
    return key * MULTIPLIER


@njit(nogil=True, cache=True)
def _word(bits, mixed):
    return np.intp((mixed >> np.uint64(16)) & np.uint64(len(bits) - 1))


@njit(nogil=True, cache=True)
def _slot(slots, mixed):
    return np.intp((mixed >> np.uint64(16)) & np.uint64(len(slots) - 1))


@njit(nogil=True, cache=True)
def _pattern(mixed):
    one = np.uint64(1)
    return (one << (mixed >> np.uint64(58))) | (one << ((mixed >> np.uint64(52)) & np.uint64(63)))


@njit(nogil=True, cache=True)
def may_be(table, mixed):
    """Whether a script of this mixed key may be among those of the table."""
    pattern = _pattern(mixed)
    return table.filter[np.uintp(_word(table.filter, mixed))] & pattern == pattern


@njit(nogil=True, cache=True)
def number_of(table, data, at, size):
    """The number of the script data[at : at + size], or NOBODY."""
    if size > MAX_BYTES:
        return NOBODY
    place = _slot(table.slots, mix(key(data, at, size)))
    while table.slots[place] != NOBODY:
        n = table.slots[place]
        if table.sizes[n] == size and _is_same(table.scripts[n], data, at, size):
            return n
        place = (place + 1) & (len(table.slots) - 1)
    return NOBODY


@njit(nogil=True, cache=True)
def _is_same(script, data, at, size):
    same = True
    for n in range(size):
        same &= script[n] == data[at + n]
    return same


@njit(nogil=True, cache=True)
def number_of_stored(table, data, at, stored, size):
    """The number of a script as undo records have it, or NOBODY.

    Args:
        data: bytes of which data[at : at + size] come after the number before the script.
        stored: that number.
    """
    if stored >= STORED_RAW:
        return number_of(table, data, at, size)
    if stored > STORED_P2SH:
        return NOBODY
    script = np.empty(25, dtype=np.uint8)
    if stored == STORED_P2PKH:
        script[0], script[1], script[2], script[23], script[24] = 0x76, 0xA9, 20, 0x88, 0xAC
        script[3:23] = data[at : at + 20]
        return number_of(table, script, 0, 25)
    script[0], script[1], script[22] = 0xA9, 20, 0x87
    script[2:22] = data[at : at + 20]
    return number_of(table, script, 0, 23)


@njit(nogil=True, cache=True)
def note(hits, transaction, script, sats):
    """Add a coin of a watched script."""
    count = hits.counts[1]
    if count == len(hits.rows):  # a damaged record, which the counts of its coins tell
        return
    row = hits.rows[count]
    row[0], row[1], row[2] = transaction, script, sats
    hits.counts[1] = count + 1


@njit(nogil=True, cache=True)
def settle(hits, owners, has_coinbase, flows, nets, balances):
    """Add the hits of a block to the sums.

    Args:
        hits: of the block.
        owners: as `Watching` has them.
        has_coinbase: whether the coinbase, transaction 0, counts.
        flows: int64 [script, FLOWS], added to.
        nets: int64 [entity, NETS], added to by what each transaction changes of an entity's coins: what it pays back to
            the same entity crosses no border.
        balances: int64 [entity], zeros, before and after.
    """
    spent, count = hits.counts[0], hits.counts[1]
    rows = hits.rows
    i, j = 0, spent
    while not has_coinbase and j < count and rows[j, 0] == 0:
        j += 1
    while i < spent or j < count:
        is_spender = i < spent and (j == count or rows[i, 0] <= rows[j, 0])
        transaction = rows[i, 0] if is_spender else rows[j, 0]
        first_spent, first_received = i, j
        while i < spent and rows[i, 0] == transaction:
            flow = flows[rows[i, 1]]
            flow[1] += rows[i, 2]
            flow[3] += 1
            _change(balances, owners[rows[i, 1]], -rows[i, 2])
            i += 1
        while j < count and rows[j, 0] == transaction:
            flow = flows[rows[j, 1]]
            flow[0] += rows[j, 2]
            flow[2] += 1
            _change(balances, owners[rows[j, 1]], rows[j, 2])
            j += 1
        _close(rows, first_spent, i, owners, balances, nets)
        _close(rows, first_received, j, owners, balances, nets)


@njit(nogil=True, cache=True)
def _change(balances, entity, sats):
    if entity != NOBODY:
        balances[entity] += sats


@njit(nogil=True, cache=True)
def _close(rows, start, end, owners, balances, nets):
    for n in range(start, end):
        entity = owners[rows[n, 1]]
        if entity != NOBODY:
            nets[entity, 0] += max(balances[entity], 0)
            nets[entity, 1] -= min(balances[entity], 0)
            balances[entity] = 0
