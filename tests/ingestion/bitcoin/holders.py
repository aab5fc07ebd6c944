"""Holders on a regtest chain: scripts of every kind the undo files know, and what unlocks them.

Signatures need no curve arithmetic: the private key is 1 or its negative and the nonce 1, so r is the generator's x.
"""

import hashlib
import random
from dataclasses import replace

from ingestion.bitcoin.hashing import sha256d
from ingestion.sample.regtest import KEY_X, OP_TRUE, Chain, Coin, Input, Output, Transaction
from ingestion.sample.serialization import compact_size, push

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
FIELD = 2**256 - 2**32 - 977
KEY_Y = 0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8
EVEN, ODD = 1, ORDER - 1
PLUS = b"\x04" + KEY_X + KEY_Y.to_bytes(32, "big")
MINUS = b"\x04" + KEY_X + (FIELD - KEY_Y).to_bytes(32, "big")
HASH_OF_KEY = bytes.fromhex("751e76e8199196d454941c45d1b3a323f1433bd6")  # of 02 and KEY_X
HASH_OF_TRUE = bytes.fromhex("da1745e9b549bd0bfa1a569971c77eba30cd5a4b")

KEY_HASH = b"\x76\xa9\x14" + HASH_OF_KEY + b"\x88\xac"
SCRIPT_HASH = b"\xa9\x14" + HASH_OF_TRUE + b"\x87"
WITNESS_HASH = b"\x00\x20" + hashlib.sha256(OP_TRUE).digest()
FUTURE_WITNESS = b"\x51\x14" + b"\x01" * 20
LONG = push(bytes(200)) + b"\x75" + OP_TRUE
KEYS = {
    push(b"\x02" + KEY_X) + b"\xac": EVEN,
    push(b"\x03" + KEY_X) + b"\xac": ODD,
    push(PLUS) + b"\xac": EVEN,
    push(MINUS) + b"\xac": ODD,
}
SCRIPTS = [OP_TRUE, KEY_HASH, SCRIPT_HASH, WITNESS_HASH, FUTURE_WITNESS, LONG, *KEYS]
NEVER = [b"\x6a\x04note", b"\x51" * 10_001]
MATURITY = 100


def unlocked(transaction: Transaction, coins: list[Coin]) -> Transaction:
    """The transaction with what its coins' scripts require."""
    inputs = [_unlocked(transaction, n, coin.script) for n, coin in enumerate(coins)]
    return replace(transaction, inputs=tuple(inputs))


def trade(chain: Chain, day: random.Random, count: int) -> list[Transaction]:
    """Up to `count` valid transactions for the next block; some spend coins born in it, some lose coins for good."""
    height = chain.tip.height + 1
    held = {
        point: coin
        for point, coin in chain.unspent.items()
        if coin.amount > 1000 and (not coin.is_coinbase or height - coin.height >= MATURITY)
    }
    transactions = []
    for _ in range(count):
        points = day.sample(list(held), min(len(held), day.randint(1, 3)))
        if not points:
            break
        coins = [held.pop(point) for point in points]
        transaction = unlocked(Transaction(tuple(Input(*point) for point in points), _payments(coins, day)), coins)
        transactions.append(transaction)
        if day.random() < 0.5:
            born = Coin(transaction.outputs[0].amount, transaction.outputs[0].script, height, False)
            held = {(transaction.txid, 0): born, **held}
    return transactions


def grow(chain: Chain, blocks: int, day: random.Random, tag: bytes = b"") -> None:
    """Mine blocks of trades minutes or hours apart, now and then with a time before their parent's."""
    for _ in range(blocks):
        times = sorted(block.time for block in chain.blocks[-11:])
        time = max(times[len(times) // 2] + 1, chain.tip.time + day.choice([-3_000, 600, 6_000, 30_000]))
        extra = [Output(day.randint(0, 9), day.choice(NEVER))] if day.random() < 0.1 else []
        chain.mine(
            time, trade(chain, day, 3), day.choice(SCRIPTS), unclaimed=day.choice([0, 0, 7]), extra=extra, tag=tag
        )


def _payments(coins: list[Coin], day: random.Random) -> tuple[Output, ...]:
    left = sum(coin.amount for coin in coins) - day.randint(0, 500)
    outputs = []
    for _ in range(day.randint(0, 3)):
        amount = day.choice([day.randint(0, left), left // 2, left // 10**6 * 10**5])
        outputs.append(Output(amount, day.choice(SCRIPTS)))
        left -= amount
    if day.random() < 0.1:
        outputs.append(Output(day.choice([0, min(5, left)]), day.choice(NEVER)))
        left -= outputs[-1].amount
    return (Output(left, day.choice(SCRIPTS)), *outputs)


def _unlocked(transaction: Transaction, n: int, script: bytes) -> Input:
    each = transaction.inputs[n]
    if script == SCRIPT_HASH:
        return replace(each, script=push(OP_TRUE))
    if script == WITNESS_HASH:
        return replace(each, witness=(OP_TRUE,))
    if script == KEY_HASH:
        return replace(each, script=push(_signature(transaction, n, script, EVEN)) + push(b"\x02" + KEY_X))
    if script in KEYS:
        return replace(each, script=push(_signature(transaction, n, script, KEYS[script])))
    return each


def _signature(transaction: Transaction, n: int, script: bytes, secret: int) -> bytes:
    """DER with SIGHASH_ALL, before BIP 143."""
    inputs = [replace(each, script=script if m == n else b"", witness=()) for m, each in enumerate(transaction.inputs)]
    digest = sha256d(replace(transaction, inputs=tuple(inputs)).serialized() + (1).to_bytes(4, "little"))
    r = int.from_bytes(KEY_X, "big")
    s = (int.from_bytes(digest, "big") + r * secret) % ORDER
    numbers = b"".join(b"\x02" + compact_size(len(each)) + each for each in map(_der, (r, min(s, ORDER - s))))
    return b"\x30" + compact_size(len(numbers)) + numbers + b"\x01"


def _der(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")
