"""What a transaction that moves old coins looks like: house-keeping of one owner, a payout, or a payment.

A signature is a shape, not a proof. Whoever merges his coins, or moves them to scripts of another type, has no change
left to take back; a sale usually leaves some, in a script of the type that was spent.
"""

import numpy as np
from numba import njit

# Coins of this age in days are long-term, as in the definition `age_155d_step`.
LONG_TERM_DAYS = 155
COHORTS = ("lth", "sth")
LONG, SHORT = 0, 1

SCRIPTS = ("p2pk", "p2pkh", "p2sh", "p2wpkh", "p2wsh", "p2tr", "other")
P2PK, P2PKH, P2SH, P2WPKH, P2WSH, P2TR, OTHER = 0, 1, 2, 3, 4, 5, 6

# Columns of what a transaction spends, in coins (a count) and satoshi; scripts are bits, 1 << P2PK and so on.
SPENT = ("coins", "sats", "lth_sats", "scripts")
SPENT_COINS, SPENT_SATS, SPENT_LTH_SATS, SPENT_SCRIPTS = 0, 1, 2, 3

SIGNATURES = ("consolidation", "migration", "sweep", "payout", "payment")
CONSOLIDATION, MIGRATION, SWEEP, PAYOUT, PAYMENT = 0, 1, 2, 3, 4
# Columns of a signature's sums; `large_` are those of its large transactions.
SUMS = ("transactions", "lth_sats", "spent_sats", "large_transactions", "large_lth_sats")
# More outputs than a wallet makes for one payment and its change.
PAYOUT_OUTPUTS = 10

# With as many satoshi of long-term coins a transaction is large, and is listed by itself.
LARGE_SATS = 1_000 * 100_000_000
# A coin that is old when a block begins is spent once in it, so that a block cannot have more.
MAX_LARGE = 21_000
# Columns of a large transaction; the last four say where it begins, its inputs begin, its outputs end and itself ends.
LARGE = (
    "signature",
    "inputs",
    "outputs",
    "spent_sats",
    "lth_sats",
    "input_scripts",
    "output_scripts",
    "start",
    "inputs_start",
    "outputs_end",
    "end",
)


def empty_sums() -> np.ndarray:
    """Sums of each signature, int64 [SIGNATURES, SUMS]."""
    return np.zeros((len(SIGNATURES), len(SUMS)), dtype=np.int64)


def room_for_spent(transactions: int) -> np.ndarray:
    """Room for what transactions spend, int64 [transaction, SPENT]; memory is touched only as far as it is used."""
    return np.empty((transactions, len(SPENT)), dtype=np.int64)


def room_for_large() -> np.ndarray:
    """Room for the large transactions of a block, int64 [transaction, LARGE]."""
    return np.empty((MAX_LARGE, len(LARGE)), dtype=np.int64)


def empty_scripts() -> np.ndarray:
    """Coins spent by cohort and script type, int64 [COHORTS, SCRIPTS, (satoshi, coins)]."""
    return np.zeros((len(COHORTS), len(SCRIPTS), 2), dtype=np.int64)


def script_types(scripts: list[str]) -> np.ndarray:
    """The types (int64) of scripts in hexadecimal digits."""
    data = np.frombuffer(bytes.fromhex("".join(scripts)), dtype=np.uint8)
    return _script_types(data, np.array([len(script) // 2 for script in scripts], dtype=np.int64))


@njit(nogil=True, cache=True)
def _script_types(data, sizes):
    types = np.empty(len(sizes), dtype=np.int64)
    at = 0
    for n in range(len(sizes)):
        types[n] = script_type(data, at, sizes[n])
        at += sizes[n]
    return types


@njit(nogil=True, cache=True)
def signature(inputs, outputs, input_scripts, output_scripts):
    """The signature of a transaction, one of SIGNATURES by its index.

    Args:
        inputs, outputs: how many coins it spends, and how many it makes that can be spent.
        input_scripts, output_scripts: bits of their script types.
    """
    if outputs >= PAYOUT_OUTPUTS:
        return PAYOUT
    if outputs > 0 and input_scripts & output_scripts == 0:
        return MIGRATION
    if outputs == 1:
        return CONSOLIDATION if inputs > 1 else SWEEP
    return PAYMENT


@njit(nogil=True, cache=True)
def add(sums, kind, spent_sats, lth_sats):
    """Add a transaction with long-term coins to the sums of its signature; whether it is large."""
    row = sums[kind]
    row[0] += 1
    row[1] += lth_sats
    row[2] += spent_sats
    if lth_sats < LARGE_SATS:
        return False
    row[3] += 1
    row[4] += lth_sats
    return True


@njit(nogil=True, cache=True)
def script_type(data, at, size):
    """The type of the script data[at : at + size], one of SCRIPTS by its index, as Bitcoin Core's Solver finds it."""
    if size == 22:
        return P2WPKH if data[at] == 0 and data[at + 1] == 20 else OTHER
    if size == 34:
        if data[at + 1] != 32:
            return OTHER
        return P2WSH if data[at] == 0 else P2TR if data[at] == 0x51 else OTHER
    if size == 25:
        is_key_hash = data[at] == 0x76 and data[at + 1] == 0xA9 and data[at + 2] == 20
        return P2PKH if is_key_hash and data[at + 23] == 0x88 and data[at + 24] == 0xAC else OTHER
    if size == 23:
        return P2SH if data[at] == 0xA9 and data[at + 1] == 20 and data[at + 22] == 0x87 else OTHER
    if size == 35:
        is_key = data[at] == 33 and data[at + 1] & 0xFE == 2
        return P2PK if is_key and data[at + 34] == 0xAC else OTHER
    if size == 67:
        is_key = data[at] == 65 and (data[at + 1] == 4 or data[at + 1] & 0xFE == 6)
        return P2PK if is_key and data[at + 66] == 0xAC else OTHER
    return OTHER
