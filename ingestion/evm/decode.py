"""Answers to eth_getLogs, decoded in columns: no Python object per log."""

from collections.abc import Sequence
from functools import cache

import polars as pl

from ingestion.evm import json_rpc, uniform_logs
from ingestion.evm.errors import AnswerRefused
from ingestion.evm.rows import (
    DESTROYED_BLACK_FUNDS,
    INTERNAL_BALANCE_CHANGED,
    ISSUE,
    LIQUIDATION_CALL,
    LIQUIDATIONS,
    LOG_KEY,
    REDEEM,
    SWAP,
    TRANSFER,
    TRANSFERS,
    UNITS,
    VAULT_CHANGES,
    Pair,
    WatchList,
)

WORD = 32
DIGITS = 2 * WORD
_LOG = {
    "address": pl.String,
    "topics": pl.List(pl.String),
    "data": pl.String,
    "blockNumber": pl.String,
    "blockHash": pl.String,
    "blockTimestamp": pl.String,
    "transactionHash": pl.String,
    "logIndex": pl.String,
    "removed": pl.Boolean,
}
# An error that is not text cannot be decoded as this, and is then read by itself.
_ANSWER = pl.Struct({"result": pl.List(pl.Struct(_LOG)), "error": pl.String})
LOGS = {
    "address": pl.String,
    "topics": pl.List(pl.String),
    "data": pl.String,
    "block_number": pl.Int64,
    "block_hash": pl.String,
    "block_time": pl.Int64,
    "transaction_hash": pl.String,
    "log_index": pl.Int64,
}
"""A log as the node returns it; `block_time` in seconds since 1970, null where the node leaves it out."""

SHAPES = [
    (TRANSFER, 3, 1),
    (TRANSFER, 1, 3),
    (TRANSFER, 4, 0),
    (ISSUE, 1, 1),
    (REDEEM, 1, 1),
    (DESTROYED_BLACK_FUNDS, 1, 2),
    (DESTROYED_BLACK_FUNDS, 2, 1),
    (LIQUIDATION_CALL, 4, 4),
    (INTERNAL_BALANCE_CHANGED, 3, 1),
    (SWAP, 4, 2),
]
"""Event, number of topics, and number of words of data of the logs that are known."""

# The upper and lower 64 bits of 10**38, the first number that decimal(38,0) cannot represent
_LIMIT_HIGH, _LIMIT_LOW = divmod(10**38, 2**64)
_DIGITS = b"0123456789abcdefABCDEFx"
ADDRESS_LENGTH, HASH_LENGTH = 42, 66
"""Of the text, 0x included."""


def logs(body: bytes) -> pl.DataFrame:
    """The logs in the body of an answer to eth_getLogs, as LOGS, each once.

    Raises:
        AnswerRefused: it is truncated or garbled, is an error (the text has the provider's message), or has logs that
            a reorg removed or that cannot be told apart.
    """
    found = (
        _read(body)
        .select(
            pl.col("address", "blockHash", "transactionHash").str.to_lowercase(),
            "topics",
            "data",
            number("blockNumber").alias("block_number"),
            number("blockTimestamp").alias("block_time"),
            number("logIndex").alias("log_index"),
            pl.col("removed").fill_null(False),
        )
        .rename({"blockHash": "block_hash", "transactionHash": "transaction_hash"})
    )
    needed = found.select("block_number", "address", "topics", "data", *LOG_KEY)
    if found["removed"].any() or needed.null_count().sum_horizontal().item():
        raise AnswerRefused("the answer has logs without a block, or logs that a reorg removed")
    _check_digits(found)
    return once(found.select(*LOGS))


def once(found: pl.DataFrame) -> pl.DataFrame:
    """Each log once, in the same order. Some chains number the logs of each transaction anew.

    Raises:
        AnswerRefused: two different logs have the same block, transaction and index.
    """
    each = found.unique(LOG_KEY, maintain_order=True)
    if each.height == found.height:
        return each
    different = found.unique([*LOG_KEY, "address", "topics", "data"], maintain_order=True)
    if different.height > each.height:
        of_one = different.filter(~different.select(LOG_KEY).is_unique())
        number, index, transaction = of_one.select("block_number", "log_index", "transaction_hash").row(0)
        raise AnswerRefused(
            f"two logs cannot be told apart: both have index {index} in transaction {transaction} of block {number:,}",
            is_passing=False,
        )
    return each


def _check_digits(found: pl.DataFrame) -> None:
    """Raise AnswerRefused where what should be hexadecimal digits is not, or has another length than it must have."""
    topics = found["topics"].explode(empty_as_null=False)
    hashes = pl.concat([found["transaction_hash"], found["block_hash"].unique(), topics])
    addresses, data = found["address"].unique(), found["data"]
    texts = pl.concat([data, hashes, addresses], rechunk=False)
    joined = texts.str.join().item().encode()
    # in half the time of a pattern
    is_hexadecimal = not joined.translate(None, _DIGITS) and joined.count(b"x") == len(texts) - texts.null_count()
    if not (is_hexadecimal and texts.str.starts_with("0x").all()):
        raise AnswerRefused("the answer has data that is not in hexadecimal digits")
    lengths = (hashes, HASH_LENGTH), (addresses, ADDRESS_LENGTH)
    is_whole = all((each.str.len_bytes() == length).all() for each, length in lengths) and not topics.null_count()
    if not (is_whole and (data.str.len_bytes() % 2 == 0).all()):
        raise AnswerRefused("the answer has an address, a hash, a topic or data of another length than it must have")


def _read(body: bytes) -> pl.DataFrame:
    """The logs of an answer as _LOG; raises as `logs` where it is not a list of logs."""
    if (found := uniform_logs.cut(body)) is None:
        return _parsed(body)
    first, numbers = _parsed(found[0]), found[1]
    every = numbers.join(first.drop(numbers.columns, strict=False), how="cross").select(*_LOG)
    return every if every.head(1).equals(first) else _parsed(body)


def _parsed(body: bytes) -> pl.DataFrame:
    """The same by parsing the whole JSON, however it is written."""
    try:
        answer = pl.Series([body.decode()]).str.json_decode(_ANSWER)
    except (pl.exceptions.ComputeError, UnicodeDecodeError):
        raise json_rpc.error(body) or json_rpc.unreadable(body, "a list of logs") from None
    if len(answer) != 1:
        raise AnswerRefused("the answer is empty")
    found, error = answer.struct.field("result"), answer.struct.field("error")
    if found.item() is None or error.item() is not None:
        raise json_rpc.error(body) or AnswerRefused("the answer has neither logs nor an error")
    return found.explode(empty_as_null=False).struct.unnest()


def requested(found: pl.DataFrame, pairs: Sequence[Pair]) -> pl.DataFrame:
    """The logs of these pairs in the answer to a request for them.

    Raises:
        AnswerRefused: there are logs of other contracts or events.
    """
    addresses, events = (set(each) for each in zip(*pairs, strict=True))
    of_logs = set(found.select("address", event()).unique().iter_rows())
    if any(address not in addresses or topic not in events for address, topic in of_logs):
        raise AnswerRefused("the answer has logs of contracts or events that were not requested")
    return found if of_logs <= {*pairs} else filter_pairs(found, pairs)


def filter_pairs(found: pl.DataFrame, pairs: Sequence[Pair]) -> pl.DataFrame:
    """The logs of these pairs: eth_getLogs also returns the other combinations of their contracts and events."""
    wanted = pl.DataFrame(pairs, schema={"address": pl.String, "event": pl.String}, orient="row")
    of_event = found.with_columns(event())
    return of_event.join(wanted, on=["address", "event"], how="semi", maintain_order="left").drop("event")


def event() -> pl.Expr:
    """A log's first topic, in lower case; null where it has none."""
    return pl.col("topics").list.get(0, null_on_oob=True).str.to_lowercase().alias("event")


def shape() -> tuple[pl.Expr, ...]:
    """A log's event, how many topics it has, and how many digits of data, as `event`, `shape` and `digits`."""
    topics, digits = pl.col("topics").list.len(), pl.col("data").str.len_bytes() - 2
    return event(), topics.alias("shape"), digits.alias("digits")


@cache
def has_known_shape() -> pl.Expr:
    """Whether a log of a `shape` has as many topics and digits as `transfers`, `liquidations`, `vault_changes` or
    `issuance` read, or is an ERC-721 transfer."""
    return pl.any_horizontal(
        (pl.col("event") == topic) & (pl.col("shape") == count) & (pl.col("digits") == words * DIGITS)
        for topic, count, words in SHAPES
    )


def number(column: str) -> pl.Expr:
    """A number in hexadecimal digits after 0x; null where the text is none, or it needs more than 63 bits."""
    text = pl.col(column)
    parsed = text.str.slice(2).str.to_integer(base=16, strict=False)
    return pl.when(text.str.starts_with("0x"), parsed >= 0).then(parsed)


def rows(found: pl.DataFrame, watch_list: WatchList, is_final: bool) -> dict[str, pl.DataFrame]:
    """Rows of EVENTS from logs; logs of contracts that are not watched give none.

    Args:
        found: LOGS without a null block_time.
        is_final: whether their blocks are finalized.
    """
    placed = found.with_columns(
        pl.lit(watch_list.network).alias("network"),
        pl.lit(watch_list.chain_id, pl.Int64).alias("chain_id"),
        pl.from_epoch("block_time", "s").dt.date().alias("value_date"),
        pl.lit(is_final).alias("is_final"),
        *shape(),
    )
    tokens = [token.address for token in watch_list.tokens]
    contracts = pl.DataFrame(
        [(each.address, each.protocol) for each in watch_list.contracts],
        schema={"address": pl.String, "protocol": pl.String},
        orient="row",
    )
    calls = placed.join(contracts, on="address")
    return {
        "transfers": transfers(placed.filter(pl.col("address").is_in(tokens))),
        "liquidations": liquidations(calls),
        "vault_changes": vault_changes(calls),
    }


def transfers(placed: pl.DataFrame) -> pl.DataFrame:
    """TRANSFERS of logs in the shape of ERC-20 (3 topics, one word of data) and of contracts older than it (1 topic,
    3 words). Four topics are an ERC-721 transfer, whose last topic is a token's number, not an amount."""
    events = placed.filter(pl.col("event") == TRANSFER)
    standard = events.filter(pl.col("shape") == 3, pl.col("digits") == DIGITS).with_columns(
        _address_topic(1).alias("from_address"), _address_topic(2).alias("to_address"), _word(0).alias("value")
    )
    old = events.filter(pl.col("shape") == 1, pl.col("digits") == 3 * DIGITS).with_columns(
        _address_word(0).alias("from_address"), _address_word(1).alias("to_address"), _word(2).alias("value")
    )
    return (
        pl.concat([standard, old])
        .with_columns(pl.col("value").str.decode("hex").alias("value_bytes"))
        .with_columns(_unsigned("value_bytes").alias("amount_units"))
        .with_columns(pl.col("amount_units").is_null().alias("is_overflow"), pl.col("address").alias("token"))
        .select(*TRANSFERS)
    )


def liquidations(placed: pl.DataFrame) -> pl.DataFrame:
    """LIQUIDATIONS of LiquidationCall(address indexed collateralAsset, address indexed debtAsset, address indexed user,
    uint256 debtToCover, uint256 liquidatedCollateralAmount, address liquidator, bool receiveAToken)."""
    return (
        placed.filter(pl.col("event") == LIQUIDATION_CALL, pl.col("shape") == 4, pl.col("digits") == 4 * DIGITS)
        .with_columns(_word(n).str.decode("hex").alias(name) for n, name in enumerate(("debt", "collateral")))
        .with_columns(
            pl.col("address").alias("contract"),
            _address_topic(1).alias("collateral_token"),
            _address_topic(2).alias("debt_token"),
            _address_topic(3).alias("user_address"),
            _address_word(2).alias("liquidator_address"),
            _unsigned("collateral").alias("collateral_units"),
            _unsigned("debt").alias("debt_units"),
        )
        .select(*LIQUIDATIONS)
    )


def vault_changes(placed: pl.DataFrame) -> pl.DataFrame:
    """VAULT_CHANGES of InternalBalanceChanged(address indexed user, address indexed token, int256 delta), and of
    Swap(bytes32 indexed poolId, address indexed tokenIn, address indexed tokenOut, uint256 amountIn,
    uint256 amountOut).

    `delta_units` is the change of what `user_address` keeps in the vault: a user's internal balance, or a pool's
    holding, where leg 0 is what a swap brought in (positive) and leg 1 what it took out (negative). A pool's address is
    the first 20 bytes of its id.
    """
    internal = (
        placed.filter(pl.col("event") == INTERNAL_BALANCE_CHANGED, pl.col("shape") == 3, pl.col("digits") == DIGITS)
        .with_columns(_word(0).str.decode("hex").alias("delta"))
        .with_columns(
            pl.lit(0, pl.Int64).alias("leg"),
            pl.lit("internal_balance").alias("kind"),
            _address_topic(1).alias("user_address"),
            _address_topic(2).alias("token"),
            _signed("delta").alias("delta_units"),
        )
    )
    swaps = placed.filter(pl.col("event") == SWAP, pl.col("shape") == 4, pl.col("digits") == 2 * DIGITS)
    legs = [
        swaps.with_columns(_word(leg).str.decode("hex").alias("delta")).with_columns(
            pl.lit(leg, pl.Int64).alias("leg"),
            pl.lit("swap").alias("kind"),
            pl.col("topics").list.get(1).str.slice(0, 42).str.to_lowercase().alias("user_address"),
            _address_topic(2 + leg).alias("token"),
            (_unsigned("delta") * sign).cast(UNITS).alias("delta_units"),
        )
        for leg, sign in ((0, 1), (1, -1))
    ]
    changes = pl.concat([internal, *legs]).with_columns(pl.col("address").alias("vault"))
    return changes.select(*VAULT_CHANGES)


def _word(n: int) -> pl.Expr:
    """The digits of the n-th word of the data."""
    return pl.col("data").str.slice(2 + n * DIGITS, DIGITS)


def _address_topic(n: int) -> pl.Expr:
    """An address, the last 20 bytes of a topic."""
    return "0x" + pl.col("topics").list.get(n).str.slice(26).str.to_lowercase()


def _address_word(n: int) -> pl.Expr:
    return "0x" + _word(n).str.slice(24).str.to_lowercase()


def _quarters(column: str) -> list[pl.Expr]:
    """A word's four 64-bit numbers, the highest first."""
    return [pl.col(column).bin.slice(8 * n, 8).bin.reinterpret(dtype=pl.UInt64, endianness="big") for n in range(4)]


def _unsigned(column: str) -> pl.Expr:
    """A uint256 as UNITS; null where it has more than 38 digits."""
    top, upper, high, low = _quarters(column)
    is_small = (high < _LIMIT_HIGH) | ((high == _LIMIT_HIGH) & (low < _LIMIT_LOW))
    return _units(high, low, (top == 0) & (upper == 0) & is_small)


def _signed(column: str) -> pl.Expr:
    """An int256, in two's complement, as UNITS; null where it has more than 38 digits."""
    negated = [~each for each in _quarters(column)]  # -x is ~x + 1
    top, upper, high, low = negated
    is_small = (high < _LIMIT_HIGH) | ((high == _LIMIT_HIGH) & (low < _LIMIT_LOW - 1))
    below = _units(high, low, (top == 0) & (upper == 0) & is_small)
    is_negative = _quarters(column)[0] >= 2**63
    return pl.when(is_negative).then((-below - 1).cast(UNITS)).otherwise(_unsigned(column))


def _units(high: pl.Expr, low: pl.Expr, is_small: pl.Expr) -> pl.Expr:
    """128 bits as UNITS, null where they are not small enough."""
    high = pl.when(is_small).then(high).cast(pl.Int128)
    return (high * 2**64 + low.cast(pl.Int128)).cast(UNITS)
