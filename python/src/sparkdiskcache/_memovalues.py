# SPDX-License-Identifier: Apache-2.0
"""Arguments and results of memoised functions as bytes; the table is in docs/design/format-memo.md."""

from __future__ import annotations

import datetime
import decimal
import struct
from collections.abc import Callable
from typing import Any

from pyspark.sql import types as t

from ._arrowtypes import arrow_type

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_NAIVE_EPOCH = datetime.datetime(1970, 1, 1)
_DAY_ZERO = datetime.date(1970, 1, 1).toordinal()
_MICRO = datetime.timedelta(microseconds=1)
_LENGTH = struct.Struct(">i")
_LONG = struct.Struct(">q")
_DOUBLE = struct.Struct(">d")
_INTEGERS: dict[type[t.DataType], tuple[bytes, struct.Struct]] = {
    t.ByteType: (b"B", struct.Struct(">b")),
    t.ShortType: (b"S", struct.Struct(">h")),
    t.IntegerType: (b"I", struct.Struct(">i")),
    t.LongType: (b"L", _LONG),
}
_FLOATS: dict[type[t.DataType], tuple[bytes, struct.Struct]] = {
    t.FloatType: (b"F", struct.Struct(">f")),
    t.DoubleType: (b"D", _DOUBLE),
}


# The types that a string function may return as they are: Spark shows their values.
_SHOWN = (bool, int, float, decimal.Decimal, datetime.date, datetime.datetime)


class Unkeyed(Exception):
    """An argument without an encoding."""


def _sized(tag: bytes, content: bytes) -> bytes:
    return tag + _LENGTH.pack(len(content)) + content


def _counted(tag: bytes, parts: list[bytes]) -> bytes:
    return tag + _LENGTH.pack(len(parts)) + b"".join(parts)


def _decimal(value: decimal.Decimal) -> bytes:
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise Unkeyed(f"{value} has no scale")
    unscaled = int("".join(map(str, digits)) or "0") * (-1 if sign else 1)
    if sign and not unscaled:
        return b"z" + _LENGTH.pack(-exponent)  # -0, which Java's decimals do not have
    length = (unscaled + (unscaled < 0)).bit_length() // 8 + 1
    content = unscaled.to_bytes(length, "big", signed=True)
    return b"d" + _LENGTH.pack(-exponent) + _LENGTH.pack(length) + content


def argument(value: Any) -> bytes:
    """Equal for exactly equal values of one type, and for no others.

    :raises Unkeyed: if the value has no encoding
    """
    kind = type(value)
    if value is None:
        return b"0"
    if kind is str:
        try:
            content: bytes = value.encode()
            return b"s" + _LENGTH.pack(len(content)) + content
        except UnicodeEncodeError:
            return _sized(b"c", value.encode("utf-16-be", "surrogatepass"))
    if kind is bool:
        return b"b\1" if value else b"b\0"
    if kind is int:
        return _sized(b"j", value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
    if kind is float:
        return b"D" + _DOUBLE.pack(value)
    if kind is bytes:
        return _sized(b"x", value)
    if kind is bytearray:
        return _sized(b"y", bytes(value))
    if kind is decimal.Decimal:
        return _decimal(value)
    if kind is datetime.date:
        return b"t" + _LONG.pack(value.toordinal() - _DAY_ZERO)
    if kind is datetime.datetime and value.tzinfo is None:
        return b"N" + _LONG.pack((value - _NAIVE_EPOCH) // _MICRO) + bytes([value.fold])
    if kind is datetime.timedelta:
        return b"u" + _LONG.pack(value // _MICRO)
    if kind is list:
        return _counted(b"a", [argument(item) for item in value])
    if isinstance(value, t.Row):
        names = getattr(value, "__fields__", [""] * len(value))
        return _counted(b"r", [argument(name) + argument(item) for name, item in zip(names, value)])
    raise Unkeyed(f"a {kind.__name__} has no encoding")


def arguments(row: tuple[Any, ...]) -> bytes:
    """Of a row, as :func:`argument` of each."""
    return b"".join(map(argument, row))


def encode(value: Any, declared: t.DataType) -> bytes:
    """A result: whatever a function of Spark's may return for the declared type.

    :raises TypeError: if it is no value of the declared type
    """
    try:
        return _encode(value, declared)
    except TypeError:
        taken = _as_spark_takes(value, declared)
        if taken is value:
            raise
        return _encode(taken, declared)


def _as_spark_takes(value: Any, declared: t.DataType) -> Any:
    """A value that has not the very type in place of which Spark takes it; the same one if it does not."""
    import pyarrow as pa
    from pyspark.sql.conversion import LocalDataToArrowConversion

    plain = _without_numpy(value)
    try:
        converted = LocalDataToArrowConversion._create_converter(declared)(plain)
        return pa.array([converted], arrow_type(declared))[0].as_py()
    except (AssertionError, ValueError, TypeError, AttributeError, OverflowError, pa.ArrowException):
        return plain


def _without_numpy(value: Any) -> Any:
    """Lists and numbers of Python in place of arrays and scalars of NumPy."""
    if type(value).__module__ == "numpy":
        if getattr(value, "ndim", 0) > 0:
            return [_without_numpy(item) for item in value]
        if value.dtype.kind in "mM":
            value = value.astype(f"{value.dtype.kind}8[us]")
        return value.item()
    if isinstance(value, list):
        return [_without_numpy(item) for item in value]
    if isinstance(value, tuple):
        items = [_without_numpy(item) for item in value]
        return t.Row(*value.__fields__)(*items) if hasattr(value, "__fields__") else tuple(items)
    if isinstance(value, dict):
        return {_without_numpy(key): _without_numpy(item) for key, item in value.items()}
    return value


def _encode(value: Any, declared: t.DataType) -> bytes:
    if value is None:
        return b"0"
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        value = value.tolist()
    kind = type(declared)
    if isinstance(declared, t.StringType) and type(value) in _SHOWN:
        value = str(value).lower() if isinstance(value, bool) else str(value)
    if kind in _FLOATS and type(value) is int:
        value = float(value)
    if isinstance(declared, t.StringType) and isinstance(value, str):
        return _sized(b"s", value.encode())
    if kind is t.BooleanType and isinstance(value, bool):
        return b"b\1" if value else b"b\0"
    if kind in _INTEGERS and isinstance(value, int) and not isinstance(value, bool):
        tag, form = _INTEGERS[kind]
        return tag + form.pack(value)
    if kind in _FLOATS and isinstance(value, (float, int)) and not isinstance(value, bool):
        tag, form = _FLOATS[kind]
        return tag + form.pack(value)
    if kind is t.BinaryType and isinstance(value, (bytes, bytearray)):
        return _sized(b"x", bytes(value))
    if isinstance(declared, t.DecimalType) and isinstance(value, decimal.Decimal):
        with decimal.localcontext(decimal.Context(prec=38, traps=[decimal.InvalidOperation])):
            return _decimal(value.quantize(decimal.Decimal(1).scaleb(-declared.scale)) + 0)
    if kind is t.DateType and type(value) is datetime.date:
        return b"t" + _LONG.pack(value.toordinal() - _DAY_ZERO)
    if kind is t.TimestampType and isinstance(value, datetime.datetime):
        # Without a zone: local time, as in every Python function of Spark's.
        return b"T" + _LONG.pack((value.astimezone(datetime.timezone.utc) - _EPOCH) // _MICRO)
    if kind is t.TimestampNTZType and isinstance(value, datetime.datetime) and value.tzinfo is None:
        return b"N" + _LONG.pack((value - _NAIVE_EPOCH) // _MICRO)
    if isinstance(declared, t.DayTimeIntervalType) and isinstance(value, datetime.timedelta):
        return b"u" + _LONG.pack(value // _MICRO)
    return _nested(value, declared)


def _nested(value: Any, declared: t.DataType) -> bytes:
    if isinstance(declared, t.ArrayType) and isinstance(value, (list, tuple)):
        return _counted(b"a", [_encode(item, declared.elementType) for item in value])
    if isinstance(declared, t.MapType) and isinstance(value, (dict, list)):  # Arrow has pairs
        pairs = list(value.items()) if isinstance(value, dict) else value
        if not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
            raise TypeError(f"{value!r} is not a value of {declared.simpleString()}")
        keys = b"".join(_encode(key, declared.keyType) for key, _ in pairs)
        values = b"".join(_encode(item, declared.valueType) for _, item in pairs)
        return b"m" + _LENGTH.pack(len(value)) + keys + values
    if isinstance(declared, t.StructType):
        names = declared.names
        if isinstance(value, dict) and set(value) <= set(names):
            return _counted(b"r", [_encode(value.get(f.name), f.dataType) for f in declared.fields])
        if isinstance(value, tuple) and len(value) == len(names):
            if isinstance(value, t.Row) and getattr(value, "__fields__", names) != names:
                raise TypeError(f"{value} does not have the fields {names}")
            return _counted(b"r", [_encode(v, f.dataType) for v, f in zip(value, declared.fields)])
    raise TypeError(f"{value!r} is not a value of {declared.simpleString()}")


def supported(declared: t.DataType) -> bool:
    """Whether results of that type can be kept."""
    if isinstance(declared, t.ArrayType):
        return supported(declared.elementType)
    if isinstance(declared, t.MapType):
        return supported(declared.keyType) and supported(declared.valueType)
    if isinstance(declared, t.StructType):
        return all(supported(f.dataType) for f in declared.fields)
    return type(declared) in (
        *_INTEGERS, *_FLOATS, t.StringType, t.BooleanType, t.BinaryType, t.DecimalType, t.DateType,
        t.TimestampType, t.TimestampNTZType, t.DayTimeIntervalType,
    )  # fmt: skip


def decode(content: bytes, declared: t.DataType) -> Any:
    """The value of which :func:`encode` made bytes, as Arrow takes it: structs as dicts, maps as pairs.

    :raises ValueError: if it is no value of the declared type
    """
    try:
        value, end = _Reader(content).value(declared, 0)
    except (struct.error, IndexError, UnicodeDecodeError, OverflowError) as e:
        raise ValueError(f"a kept value is damaged: {e}") from e
    if end != len(content):
        raise ValueError("bytes follow a kept value")
    return value


def decoder(declared: t.DataType) -> Callable[[bytes], Any]:
    """:func:`decode` of a type, without its ceremony for strings."""
    if not isinstance(declared, t.StringType):
        return lambda content: decode(content, declared)

    def text(content: bytes) -> Any:
        if content[:1] == b"s" and int.from_bytes(content[1:5], "big") == len(content) - 5:
            return str(content[5:], "utf-8")
        return decode(content, declared)

    return text


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def _length(self, at: int) -> tuple[int, int]:
        (length,) = _LENGTH.unpack_from(self._content, at)
        return length, at + 4

    def _bytes(self, at: int) -> tuple[bytes, int]:
        length, at = self._length(at)
        if length < 0 or at + length > len(self._content):
            raise ValueError("a kept value ends in the middle")
        return self._content[at : at + length], at + length

    def _items(self, count: int, declared: t.DataType, at: int) -> tuple[list[Any], int]:
        items = []
        for _ in range(count):
            item, at = self.value(declared, at)
            items.append(item)
        return items, at

    def value(self, declared: t.DataType, at: int) -> tuple[Any, int]:
        tag = self._content[at : at + 1]
        at += 1
        if tag == b"0":
            return None, at
        kind = type(declared)
        known = _INTEGERS.get(kind) or _FLOATS.get(kind)
        if known is not None and tag == known[0]:
            (number,) = known[1].unpack_from(self._content, at)
            return number, at + known[1].size
        if tag == b"b" and kind is t.BooleanType:
            return self._content[at] == 1, at + 1
        if tag == b"s" and isinstance(declared, t.StringType):
            text, at = self._bytes(at)
            return text.decode(), at
        if tag == b"x" and kind is t.BinaryType:
            return self._bytes(at)
        if tag == b"d" and isinstance(declared, t.DecimalType):
            scale, at = self._length(at)
            unscaled, at = self._bytes(at)
            with decimal.localcontext(decimal.Context(prec=38)):
                return decimal.Decimal(int.from_bytes(unscaled, "big", signed=True)).scaleb(-scale), at
        if tag in b"tTNu":
            (number,) = _LONG.unpack_from(self._content, at)
            return _moment(tag, number, declared), at + 8
        return self._nested(tag, declared, at)

    def _nested(self, tag: bytes, declared: t.DataType, at: int) -> tuple[Any, int]:
        count, at = self._length(at)
        if tag == b"a" and isinstance(declared, t.ArrayType):
            return self._items(count, declared.elementType, at)
        if tag == b"m" and isinstance(declared, t.MapType):
            keys, at = self._items(count, declared.keyType, at)
            values, at = self._items(count, declared.valueType, at)
            return list(zip(keys, values)), at
        if tag == b"r" and isinstance(declared, t.StructType) and count == len(declared.fields):
            row = {}
            for field in declared.fields:
                row[field.name], at = self.value(field.dataType, at)
            return row, at
        raise ValueError(f"tag {tag!r} is not that of {declared.simpleString()}")


def _moment(tag: bytes, number: int, declared: t.DataType) -> Any:
    if tag == b"t" and type(declared) is t.DateType:
        return datetime.date.fromordinal(number + _DAY_ZERO)
    if tag == b"T" and type(declared) is t.TimestampType:
        return _EPOCH + number * _MICRO
    if tag == b"N" and type(declared) is t.TimestampNTZType:
        return _NAIVE_EPOCH + number * _MICRO
    if tag == b"u" and isinstance(declared, t.DayTimeIntervalType):
        return number * _MICRO
    raise ValueError(f"tag {tag!r} is not that of {declared.simpleString()}")
