"""Addresses that are watched: what blocks pay to the script of each, and what they spend of it.

Loops over coins write down a key of 64 bits for each, found in the bytes of its script. Once a block is through, all
keys are looked up in a small filter, many at a time, and the whole scripts of those are compared that pass: one script
of others in a hundred. Undo records shorten some scripts, which are told by the number before them.
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
WatchedRows = tuple[np.ndarray, np.ndarray]
"""Rows of (height, address, FLOWS) and of (height, entity, NETS), int64, addresses and entities by number."""
MAX_COINS = 4_000_000 // 9
"""That one block may have: an output takes nine bytes and its script, and an input more."""
NO_COINS = np.empty((0, 3), dtype=np.int64)

NOBODY = -1
MIN_BYTES, MAX_BYTES = 4, 42
"""Of an address' script: a witness program has 2 to 40 bytes."""
KEY_AT, KEY_BYTES = 3, 8
"""Where the key stands in a script: within the hash, whatever the type."""
# Number before a shortened script, and where the key of the script that it stands for is among the bytes after it.
STORED_P2PKH, STORED_P2SH, STORED_RAW = 0, 1, 6
STORED_KEY_AT = np.array([0, 1, 0, 0, 0, 0, KEY_AT], dtype=np.int64)
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
FILTER_BITS, SLOTS = 16, 4
"""For each script: bits of the filter, where it sets two of one word, and places of the table."""
MIN_FILTER_BITS = 1 << 16
"""8 KB, which costs no more to look up than fewer."""
# Columns of a coin with its key; `place` packs where its script is: data[at : at + size] after the number `stored`, of
# a transaction. The first row is no coin but begins with how many there are.
KEYED = ("key", "sats", "place")
AT_BITS, SIZE_BITS, STORED_BITS = 31, 6, 3
TRANSACTION_SHIFT, AT_SHIFT = AT_BITS + SIZE_BITS + STORED_BITS, SIZE_BITS + STORED_BITS


class Table(NamedTuple):
    """Scripts to look up; compiled code takes the arrays one by one.

    Attributes:
        filter: uint64, two bits of one word for each script; a power of two long.
        slots: int64, numbers of scripts at the places of their keys or after, NOBODY between; a power of two long.
        scripts, sizes: uint8 [script, MAX_BYTES] and int64 [script], by number.
    """

    filter: np.ndarray
    slots: np.ndarray
    scripts: np.ndarray
    sizes: np.ndarray


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
        self._rows = [_no_rows(FLOWS)], [_no_rows(NETS)]

    def add(self, spent: np.ndarray, received: np.ndarray, height: int) -> None:
        """Add the coins of a block; a coinbase that can never be spent pays nobody.

        Args:
            spent, received: int64 [coin, (transaction, satoshi, address)], each in the order of transactions.
            height: of the block.
        """
        if self._watching.network.is_unspendable(height):
            received = received[received[:, 0] > 0]
        if len(spent) or len(received):
            settle(spent, received, self._watching.owners, self._flows, self._nets, self._balances)

    def drain(self, height: int) -> None:
        """Keep the sums as rows of this height, and begin anew."""
        for rows, sums in zip(self._rows, (self._flows, self._nets), strict=True):
            numbers = np.flatnonzero(sums.any(axis=1))
            rows.append(np.column_stack([np.full(len(numbers), height), numbers, sums[numbers]]))
            sums[numbers] = 0

    def rows(self) -> WatchedRows:
        """All rows."""
        addresses, entities = map(np.concatenate, self._rows)
        return addresses, entities


def _no_rows(columns: tuple[str, ...]) -> np.ndarray:
    return np.empty((0, 2 + len(columns)), dtype=np.int64)


class Search:
    """Coins of watched scripts in one block after the other, as compiled loops find them.

    Attributes:
        keyed: int64 [1 + coin, KEYED], set by the loop that is given it; memory is touched only as far as it is used.
            None where nothing is watched.
    """

    def __init__(self, watching: Watching):
        self._table = watching.table
        self.keyed = np.zeros((1 + MAX_COINS, len(KEYED)), dtype=np.int64) if watching.table else None

    def found(self, data: np.ndarray) -> np.ndarray:
        """The coins in `data` whose scripts are watched, as `Sums.add` takes them; the loop has been through it."""
        if self._table is None or self.keyed is None or self.keyed[0, 0] == 0:
            return NO_COINS
        return resolve(data, self.keyed, *self._table)


def _table(scripts: list[bytes]) -> Table:
    sizes = np.array([len(script) for script in scripts], dtype=np.int64)
    padded = b"".join(script.ljust(MAX_BYTES, b"\0") for script in scripts)
    data = np.frombuffer(padded, dtype=np.uint8).reshape(-1, MAX_BYTES)
    filter_bits, places = (1 << (count * len(scripts) - 1).bit_length() for count in (FILTER_BITS, SLOTS))
    bits = np.zeros(max(filter_bits, MIN_FILTER_BITS) // 64, dtype=np.uint64)
    slots = np.full(places, NOBODY, dtype=np.int64)
    _fill(data, sizes, bits, slots)
    return Table(bits, slots, data, sizes)


@njit(nogil=True, cache=True)
def _fill(scripts, sizes, bits, slots):
    for n in range(len(sizes)):
        of_script = key(scripts[n], 0, sizes[n])
        bits[_word(bits, of_script)] |= _pattern(of_script)
        at = _slot(slots, of_script)
        while slots[at] != NOBODY:
            at = (at + 1) & (len(slots) - 1)
        slots[at] = n


@njit(nogil=True, cache=True)
def key(data, at, size):
    """The key of the script data[at : at + size]."""
    return load(data, at + KEY_AT, KEY_BYTES) if size >= KEY_AT + KEY_BYTES else short_key(data, at, size)


@njit(nogil=True, cache=True)
def short_key(data, at, size):
    """The key of a script that has no bytes where other keys stand; no address has one of fewer than four."""
    return load(data, at, MIN_BYTES) if size >= MIN_BYTES else np.uint64(0)


@njit(nogil=True, cache=True)
def stored_key(data, at, stored, size):
    """The key of the script that data[at : at + size] and the number before them stand for."""
    if size < KEY_AT + KEY_BYTES:
        return short_key(data, at, size)
    return load(data, at + STORED_KEY_AT[np.uintp(min(stored, STORED_RAW))], KEY_BYTES)


@njit(nogil=True, cache=True)
def load(data, at, width):
    """Bytes as a number."""
    value = np.uint64(0)
    for n in range(width):
        value |= np.uint64(data[np.uintp(at + n)]) << np.uint64(8 * n)
    return value


@njit(nogil=True, cache=True)
def _word(bits, key):
    return np.uintp((key >> np.uint64(12)) & np.uint64(len(bits) - 1))


@njit(nogil=True, cache=True)
def _pattern(key):
    one = np.uint64(1)
    return (one << (key & np.uint64(63))) | (one << ((key >> np.uint64(6)) & np.uint64(63)))


@njit(nogil=True, cache=True)
def _slot(slots, key):
    return np.intp(((key * MULTIPLIER) >> np.uint64(32)) & np.uint64(len(slots) - 1))


@njit(nogil=True, cache=True)
def number_of(slots, scripts, sizes, data, at, size, stored):
    """The number of the script that data[at : at + size] and the number before it stand for, or NOBODY.

    Args:
        slots, scripts, sizes: as `Table` has them; a script of an address that begins as P2PKH or P2SH is one.
        data, at, size, stored: as a coin's place has them.
    """
    before, after, first = 0, 0, -1
    if stored == STORED_P2PKH:
        before, after, first = 3, 2, 0x76
    elif stored == STORED_P2SH:
        before, after, first = 2, 1, 0xA9
    elif stored < STORED_RAW or size > MAX_BYTES:
        return NOBODY
    place = _slot(slots, stored_key(data, at, stored, size))
    while slots[place] != NOBODY:
        n = slots[place]
        if sizes[n] == before + size + after and (first < 0 or scripts[n, 0] == first):
            differing = 0
            for k in range(size):
                differing |= scripts[np.uintp(n), np.uintp(before + k)] ^ data[np.uintp(at + k)]
            if differing == 0:
                return n
        place = (place + 1) & (len(slots) - 1)
    return NOBODY


@njit(nogil=True, cache=True)
def note(keyed, count, key, transaction, sats, at, size, stored):
    """Write a coin down after `count` others; how many there are then.

    No more are than fit, for else the block or its undo record is damaged.
    """
    if count + 1 == len(keyed):
        return count
    row = keyed[np.uintp(count + 1)]
    row[0], row[1] = np.int64(key), sats
    row[2] = transaction << TRANSACTION_SHIFT | at << AT_SHIFT | min(size, 63) << STORED_BITS | min(stored, STORED_RAW)
    return count + 1


@njit(nogil=True, cache=True)
def resolve(data, keyed, bits, slots, scripts, sizes):
    """The coins whose scripts are in the table: int64 [coin, (transaction, satoshi, number)].

    Args:
        data: the bytes that the coins are in.
        keyed: the coins; set to those that pass the filter.
        bits, slots, scripts, sizes: as `Table` has them.
    """
    passed = 0
    for n in range(1, keyed[0, 0] + 1):
        key = np.uint64(keyed[n, 0])
        pattern = _pattern(key)
        # no branch, so that many words are on their way at once
        keyed[passed + 1, 1], keyed[passed + 1, 2] = keyed[n, 1], keyed[n, 2]
        passed += np.int64(bits[_word(bits, key)] & pattern == pattern)
    coins = np.empty((passed, len(KEYED)), dtype=np.int64)
    count = 0
    for n in range(1, passed + 1):
        place = keyed[n, 2]
        at, size = place >> AT_SHIFT & (1 << AT_BITS) - 1, place >> STORED_BITS & (1 << SIZE_BITS) - 1
        number = number_of(slots, scripts, sizes, data, at, size, place & (1 << STORED_BITS) - 1)
        if number != NOBODY:
            coins[count, 0], coins[count, 1], coins[count, 2] = place >> TRANSACTION_SHIFT, keyed[n, 1], number
            count += 1
    return coins[:count]


@njit(nogil=True, cache=True)
def settle(spent, received, owners, flows, nets, balances):
    """Add the coins of a block to the sums.

    Args:
        spent, received: as `Sums.add` takes them.
        owners: as `Watching` has them.
        flows: int64 [script, FLOWS], added to.
        nets: int64 [entity, NETS], added to by what each transaction changes of an entity's coins: what it pays back to
            the same entity crosses no border.
        balances: int64 [entity], zeros, before and after.
    """
    i, j = 0, 0
    while i < len(spent) or j < len(received):
        is_spender = i < len(spent) and (j == len(received) or spent[i, 0] <= received[j, 0])
        transaction = spent[i, 0] if is_spender else received[j, 0]
        first_spent, first_received = i, j
        while i < len(spent) and spent[i, 0] == transaction:
            flow = flows[spent[i, 2]]
            flow[1] += spent[i, 1]
            flow[3] += 1
            _change(balances, owners[spent[i, 2]], -spent[i, 1])
            i += 1
        while j < len(received) and received[j, 0] == transaction:
            flow = flows[received[j, 2]]
            flow[0] += received[j, 1]
            flow[2] += 1
            _change(balances, owners[received[j, 2]], received[j, 1])
            j += 1
        _close(spent[first_spent:i], owners, balances, nets)
        _close(received[first_received:j], owners, balances, nets)


@njit(nogil=True, cache=True)
def _change(balances, entity, sats):
    if entity != NOBODY:
        balances[entity] += sats


@njit(nogil=True, cache=True)
def _close(coins, owners, balances, nets):
    for n in range(len(coins)):
        entity = owners[coins[n, 2]]
        if entity != NOBODY:
            nets[entity, 0] += max(balances[entity], 0)
            nets[entity, 1] -= min(balances[entity], 0)
            balances[entity] = 0
