"""Code that asks a token for the balances of many addresses, for one eth_call that would create a contract of it.

No contract is needed on the chain: what the code of a new contract returns is the answer. All its instructions are as
old as Byzantium (2017), so that it runs on old blocks too.
"""

from collections.abc import Sequence

from ingestion.evm.errors import AnswerRefused

WORD_DIGITS = 64
# `at` is on the stack: where an address stands behind the code, and where in memory its balance goes.
_BEFORE_TOKEN = (
    "6370a08231600052"  # 00  push balanceOf(address), push 0, mstore: its selector is in bytes 28 to 31
    "6051"  # 08              push 0x51: where the first address stands
    "5b8038146044"  # 0a      jumpdest, dup1, codesize, eq, push 0x44
    "57"  # 10                jumpi: after the last address
    "602081602039"  # 11      push 32, dup2, push 32, codecopy: the address is in bytes 32 to 63
    "6020816024601c73"  # 17  push 32, dup2, push 36, push 28, push the token
)
_AFTER_TOKEN = (
    "5afa3d60201416"  # 33    gas, staticcall, returndatasize, push 32, eq, and
    "15604c57"  # 3a          iszero, push 0x4c, jumpi: where the token did not answer with a word
    "602001600a56"  # 3e      push 32, add, push 0x0a, jump
    "5b605190036051f3"  # 44  jumpdest, push 0x51, swap1, sub, push 0x51, return
    "5b600080fd"  # 4c        jumpdest, push 0, dup1, revert
)


def code(token: str, addresses: Sequence[str]) -> str:
    """The code, in hexadecimal digits. At most 768 addresses, for a contract has at most 24,576 bytes (EIP-170)."""
    words = (address[2:].rjust(WORD_DIGITS, "0") for address in addresses)
    return f"0x{_BEFORE_TOKEN}{token[2:]}{_AFTER_TOKEN}{''.join(words)}"


def balances(answer: str, count: int) -> list[int]:
    """The balances in what it returned.

    Raises:
        AnswerRefused: they are not `count`.
    """
    digits = answer[2:]
    if len(digits) != count * WORD_DIGITS:
        raise AnswerRefused("the answer does not have a balance for each address", is_passing=False)
    return [int(digits[at : at + WORD_DIGITS], 16) for at in range(0, len(digits), WORD_DIGITS)]
