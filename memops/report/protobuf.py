"""The wire format of Protocol Buffers, as far as a writer needs it.

The format is that of https://protobuf.dev/programming-guides/encoding: a field is a tag (its number and a
wire type) and a value; 0 is the default of a number and is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_VARINT, _LENGTH = 0, 2  # wire types
_BITS = 7
_MORE = 1 << _BITS
_LARGEST = (1 << 63) - 1
_SHORT = [bytes([value]) for value in range(_MORE)]  # most are: tags, lengths, flags


def varint(value: int) -> bytes:
    """*value* as seven bits a byte, the lowest first; a negative one as 64 bits of two's complement.

    What does not fit into 64 bits is cut to the nearest number that does.
    """
    if 0 <= value < _MORE:
        return _SHORT[value]
    rest = min(value, 2 * _LARGEST + 1) if value >= 0 else max(value, -_LARGEST - 1) % (1 << 64)
    out = bytearray()
    while rest >= _MORE:
        out.append(rest % _MORE | _MORE)
        rest >>= _BITS
    out.append(rest)
    return bytes(out)


def signed(value: int) -> bytes:
    """*value* as a varint of the type int64, cut to the nearest number of it."""
    return varint(min(value, _LARGEST))


def number(field: int, value: int) -> bytes:
    """The *field* of an unsigned or boolean type."""
    return varint(field << 3 | _VARINT) + varint(value) if value else b""


def block(field: int, content: bytes) -> bytes:
    """The *field* of a length and *content*: a message, text, or packed numbers."""
    return varint(field << 3 | _LENGTH) + varint(len(content)) + content


def text(field: int, content: str) -> bytes:
    """The *field* with *content* in UTF-8; half characters become question marks."""
    return block(field, content.encode("utf-8", "replace"))


def packed(field: int, values: Iterable[int]) -> bytes:
    """The *field* of the type repeated int64."""
    return block(field, b"".join(map(signed, values)))
