"""Addresses of Bitcoin: the output script that each stands for, with its checksum checked."""

from functools import reduce
from operator import xor

from ingestion.bitcoin.hashing import sha256d
from ingestion.bitcoin.networks import NETWORKS

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BASE58_VALUES = {letter: value for value, letter in enumerate(BASE58)}
BASE58_BYTES = 1 + 20 + 4
"""Version, hash and checksum."""
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
BECH32_VALUES = {letter: value for value, letter in enumerate(BECH32)}
BECH32_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
BECH32_FEEDBACK = [
    reduce(xor, (generator for bit, generator in enumerate(BECH32_GENERATOR) if top >> bit & 1), 0) for top in range(32)
]
BECH32_CHECKSUM, BECH32M_CHECKSUM = 1, 0x2BC830A3
"""Of witness version 0 (BIP-173), and of later ones (BIP-350)."""
BECH32_LENGTH = 90
MAX_VERSION = 16


def to_script(address: str, network: str) -> bytes:
    """The output script of an address, as transactions have it.

    Args:
        network: a key of `NETWORKS`.

    Raises:
        ValueError: it is no address of the network; says what is wrong.
    """
    prefix, separator, _ = address.lower().rpartition("1")
    if separator and prefix in {each.bech32_prefix for each in NETWORKS.values()}:
        return _witness_script(address, network)
    return _hash_script(address, network)


def canonical(address: str, network: str) -> str:
    """The one way in which an address is stored: witness programs in lower case, others as they are.

    Raises:
        ValueError: as `to_script` says.
    """
    to_script(address, network)
    return address.lower() if address.lower().startswith(f"{NETWORKS[network].bech32_prefix}1") else address


def _hash_script(address: str, network: str) -> bytes:
    """The script of a key's or a script's hash, from Base58Check."""
    if len(address) > 2 * BASE58_BYTES or not BASE58_VALUES.keys() >= set(address):
        raise ValueError("it is no address of Bitcoin: copy it again")
    value = 0
    for letter in address:
        value = value * 58 + BASE58_VALUES[letter]
    zeros = len(address) - len(address.lstrip(BASE58[0]))
    decoded = bytes(zeros) + value.to_bytes((value.bit_length() + 7) // 8, "big")
    if len(decoded) != BASE58_BYTES:
        raise ValueError("it is no address of Bitcoin: copy it again")
    if sha256d(decoded[:-4])[:4] != decoded[-4:]:
        raise ValueError("its checksum (Base58Check) does not fit, so there is no such address: copy it again")
    hashed = decoded[1:-4]
    if decoded[0] == NETWORKS[network].key_hash_version:
        return b"\x76\xa9\x14" + hashed + b"\x88\xac"
    if decoded[0] == NETWORKS[network].script_hash_version:
        return b"\xa9\x14" + hashed + b"\x87"
    raise ValueError(f"it is no address of the network {network}: name its network")


def _witness_script(address: str, network: str) -> bytes:
    """The script of a witness program, from Bech32 (BIP-173) or Bech32m (BIP-350)."""
    if address not in (address.lower(), address.upper()):
        raise ValueError("it mixes small and capital letters: write small ones")
    prefix, _, letters = address.lower().rpartition("1")
    if len(address) > BECH32_LENGTH or len(letters) < 7 or not BECH32_VALUES.keys() >= set(letters):
        raise ValueError("it is no address of Bitcoin: copy it again")
    values = [BECH32_VALUES[letter] for letter in letters]
    version, checksum = values[0], BECH32M_CHECKSUM if values[0] else BECH32_CHECKSUM
    if _polymod(prefix, values) != checksum:
        name = "Bech32m" if version else "Bech32"
        raise ValueError(f"its checksum ({name}) does not fit, so there is no such address: copy it again")
    program = _to_bytes(values[1:-6])
    if version > MAX_VERSION or not 2 <= len(program) <= 40 or (version == 0 and len(program) not in (20, 32)):
        raise ValueError("it is no address of Bitcoin: copy it again")
    if prefix != NETWORKS[network].bech32_prefix:
        raise ValueError(f"it is no address of the network {network}: name its network")
    return bytes([0x50 + version if version else 0, len(program)]) + program


def _polymod(prefix: str, values: list[int]) -> int:
    """The checksum of BIP-173 over a prefix and five-bit values."""
    checksum = 1
    for value in (*(ord(letter) >> 5 for letter in prefix), 0, *(ord(letter) & 31 for letter in prefix), *values):
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        checksum ^= BECH32_FEEDBACK[top]
    return checksum


def _to_bytes(values: list[int]) -> bytes:
    """Bytes from five-bit values; the bits over, fewer than five, are zero."""
    number = 0
    for value in values:
        number = number << 5 | value
    over = len(values) * 5 % 8
    if over >= 5 or number & ((1 << over) - 1):
        raise ValueError("it is no address of Bitcoin: copy it again")
    return (number >> over).to_bytes(len(values) * 5 // 8, "big")
