"""TensorBoard's event files: TFRecords of protocol buffers, of which the fields of scalars are read.

The formats are those of ``tensorflow/core/lib/io/record_writer.h`` and of ``event.proto``, ``summary.proto`` and
``tensor.proto`` in TensorFlow.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Union

#: A record with pictures or a graph may be long; one with scalars never is.
_CHECKED_BYTES = 64 * 1024

#: No record is longer; a length beyond it is damage.
_MAX_RECORD = 2**31

_CASTAGNOLI = 0x82F63B78


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_CASTAGNOLI if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _crc_table()


def masked_crc32c(data: bytes) -> int:
    """The checksum of records: CRC-32C, rotated and added to, because records hold checksums themselves."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


class Damage(Exception):
    """A file is damaged, and cannot be read any further."""


def records(file: BinaryIO) -> Iterator[bytes]:
    """The records of a file. The last one may be there in part: whoever wrote it may be writing still, or was killed.

    Raises:
        Damage: A checksum is wrong.
    """
    while True:
        head = file.read(12)
        if len(head) < 12:
            return
        length, checksum = struct.unpack("<QI", head)
        if masked_crc32c(head[:8]) != checksum or length > _MAX_RECORD:
            raise Damage(f"a length is damaged at byte {file.tell() - 12:,}")
        data = file.read(length)
        tail = file.read(4)
        if len(data) < length or len(tail) < 4:
            return
        if length <= _CHECKED_BYTES and masked_crc32c(data) != struct.unpack("<I", tail)[0]:
            raise Damage(f"a record is damaged at byte {file.tell() - 16 - length:,}")
        yield data


#: A field's content: an integer (varint), or bytes (fixed and length-delimited).
Content = Union[int, bytes]


def fields(message: bytes) -> Iterator[tuple[int, Content]]:
    """Numbers and contents of a protocol buffer's fields, in their order.

    Raises:
        Damage: It is no protocol buffer.
    """
    at = 0
    try:
        while at < len(message):
            key, at = _varint(message, at)
            kind = key & 7
            if kind == 0:
                content: Content
                content, at = _varint(message, at)
            else:
                length = 8
                if kind == 2:
                    length, at = _varint(message, at)
                elif kind == 5:
                    length = 4
                elif kind != 1:
                    raise Damage("a message has a field of a kind that there is not")
                content = message[at : at + length]
                at += length
                if len(content) < length:
                    raise Damage("a message ends too soon")
            yield key >> 3, content
    except IndexError:
        raise Damage("a message ends too soon") from None


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
        if shift > 63:
            raise Damage("a number is longer than 64 bits")


def _signed(value: Content) -> int:
    assert isinstance(value, int)
    return value - 2**64 if value >= 2**63 else value


def _bytes(content: Content) -> bytes:
    if isinstance(content, int):
        raise Damage("a field is a number where it has to be something else")
    return content


def _text(content: Content) -> str:
    return _bytes(content).decode("utf-8", "replace")


class Value(NamedTuple):
    """A value of a summary."""

    tag: str
    #: None where it is no number.
    scalar: float | None
    #: Which of TensorBoard's plugins it is for; empty where it does not say.
    plugin: str
    #: What the plugin wrote beside it.
    content: bytes
    #: Whether it is a ``simple_value``, as TensorFlow 1 and PyTorch write scalars, and no tensor.
    is_simple: bool


class Event(NamedTuple):
    """What is read of an event."""

    wall_time: float
    step: int
    values: list[Value]
    #: Whether a session begins here, which takes back what an earlier one logged from this step on.
    is_start: bool


def event(message: bytes) -> Event:
    """Reads an event."""
    wall_time, step, values, is_start = 0.0, 0, [], False
    for number, content in fields(message):
        if number == 1:
            wall_time = struct.unpack("<d", _bytes(content))[0]
        elif number == 2:
            step = _signed(content)
        elif number == 5:
            values += [_value(_bytes(part)) for field, part in fields(_bytes(content)) if field == 1]
        elif number == 7:
            is_start = is_start or (1, 1) in fields(_bytes(content))
    return Event(wall_time, step, values, is_start)


def _value(message: bytes) -> Value:
    tag, scalar, plugin, content, is_simple = "", None, "", b"", False
    for number, part in fields(message):
        if number == 1:
            tag = _text(part)
        elif number == 2:
            scalar, is_simple = struct.unpack("<f", _bytes(part))[0], True
        elif number == 8:
            scalar = tensor_scalar(_bytes(part))
        elif number == 9:
            for field, plugin_data in fields(_bytes(part)):
                if field == 1:
                    found = dict(fields(_bytes(plugin_data)))
                    plugin, content = _text(found.get(1, b"")), _bytes(found.get(2, b""))
    return Value(tag, scalar, plugin, content, is_simple)


#: By the number of a tensor's type: how its bytes are unpacked, and in which field its values are otherwise.
_TYPES: dict[int, tuple[str, int]] = {
    1: ("<f", 5),
    2: ("<d", 6),
    3: ("<i", 7),
    4: ("<B", 7),
    5: ("<h", 7),
    6: ("<b", 7),
    9: ("<q", 10),
    10: ("<?", 11),
    14: ("bfloat16", 13),
    17: ("<H", 7),
    19: ("<e", 13),
    22: ("<I", 16),
    23: ("<Q", 17),
}


def tensor_scalar(message: bytes) -> float | None:
    """The number that a tensor holds; None where it is not one, or no number."""
    kind, content, found, size = 0, b"", {}, 1
    for number, part in fields(message):
        if number == 1:
            kind = _signed(part)
        elif number == 2:
            for field, dimension in fields(_bytes(part)):
                if field == 2:
                    size *= _signed(dict(fields(_bytes(dimension))).get(1, 0))
        elif number == 4:
            content = _bytes(part)
        else:
            found[number] = part
    if kind not in _TYPES or size != 1:
        return None
    form, field = _TYPES[kind]
    if content:
        return _unpacked(form, content)
    part = found.get(field, 0)
    if isinstance(part, bytes) and field not in (5, 6):
        # A list of varints, packed.
        part = _varint(part, 0)[0] if part else 0
    if isinstance(part, bytes):
        return _unpacked(form, part)
    if field == 13:
        # Half precision comes as its bits.
        return _unpacked(form, struct.pack("<H", part & 0xFFFF))
    return float(part if field in (16, 17) else _signed(part))


def _unpacked(form: str, data: bytes) -> float | None:
    if form == "bfloat16":
        # The upper half of a float.
        form, data = "<f", b"\0\0" + data
    return float(struct.unpack(form, data)[0]) if len(data) == struct.calcsize(form) else None


def struct_values(message: bytes) -> dict[str, float | str | bool]:
    """Numbers, texts and booleans of a ``map<string, google.protobuf.Value>``, of which this is one entry."""
    entry = dict(fields(message))
    for number, content in fields(_bytes(entry.get(2, b""))):
        name = _text(entry.get(1, b""))
        if number == 2:
            return {name: struct.unpack("<d", _bytes(content))[0]}
        if number == 3:
            return {name: _text(content)}
        if number == 4:
            return {name: bool(content)}
    return {}
