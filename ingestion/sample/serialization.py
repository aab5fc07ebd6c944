"""Numbers, scripts and amounts as Bitcoin Core writes them: serialize.h, compressor.h, BIP 34."""


def varint(number: int) -> bytes:
    """Core's VARINT: base 128, most significant first, each byte but the last one more than it says."""
    digits = [number & 0x7F]
    while number > 0x7F:
        number = (number >> 7) - 1
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))


def compact_size(number: int) -> bytes:
    """Core's compact size: a byte, or a mark and 2, 4 or 8 bytes."""
    if number < 253:
        return bytes([number])
    width, mark = next((width, mark) for width, mark in ((2, 253), (4, 254), (8, 255)) if number < 1 << 8 * width)
    return bytes([mark]) + number.to_bytes(width, "little")


def compress_amount(sats: int) -> int:
    """Core's CompressAmount: trailing zeros become an exponent."""
    if sats == 0:
        return 0
    exponent = 0
    while sats % 10 == 0 and exponent < 9:
        sats //= 10
        exponent += 1
    if exponent == 9:
        return 1 + (sats - 1) * 10 + 9
    return 1 + (sats // 10 * 9 + sats % 10 - 1) * 10 + exponent


def compress_script(script: bytes) -> bytes:
    """Core's CompressScript: a type and 20 or 32 bytes, or the length plus six and the script."""
    if len(script) == 25 and script[:3] == b"\x76\xa9\x14" and script[23:] == b"\x88\xac":
        return b"\x00" + script[3:23]
    if len(script) == 23 and script[:2] == b"\xa9\x14" and script[22:] == b"\x87":
        return b"\x01" + script[2:22]
    if len(script) == 35 and script[0] == 33 and script[34] == 0xAC and script[1] in (2, 3):
        return script[1:34]
    if len(script) == 67 and script[0] == 65 and script[66] == 0xAC and script[1] == 4:
        return bytes([4 | script[65] & 1]) + script[2:34]
    return varint(len(script) + 6) + script


def push(data: bytes) -> bytes:
    """A push of up to 75 bytes; 255 with its length in a byte of its own."""
    return (bytes([len(data)]) if len(data) < 76 else b"\x4c" + bytes([len(data)])) + data


def push_height(height: int) -> bytes:
    """The height as BIP 34 wants it at the start of a coinbase."""
    if height <= 16:
        return bytes([0x50 + height])
    return push(height.to_bytes(height.bit_length() // 8 + 1, "little"))


def run(data: bytes) -> bytes:
    return compact_size(len(data)) + data


def length(data: bytes) -> bytes:
    return len(data).to_bytes(4, "little")


def is_unspendable(script: bytes) -> bool:
    """What never enters the set of unspent outputs."""
    return script[:1] == b"\x6a" or len(script) > 10_000
