# SPDX-License-Identifier: Apache-2.0
"""Columns of Arrow and pandas, as a memoised function's arguments and as its results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql import types as t

from ._arrowtypes import arrow_type

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def is_pandas(column: Any) -> bool:
    """Series, or a frame, which is what pandas functions get for structs."""
    return type(column).__module__.startswith("pandas.") and type(column).__name__ in ("Series", "DataFrame")


def is_arrow(column: Any) -> bool:
    return (
        type(column).__module__.startswith("pyarrow.") and hasattr(column, "type") and hasattr(column, "take")
    )


def type_name(column: Any) -> str:
    """The type of a column, which is all that a function can see of it beside its values."""
    if not is_pandas(column):
        return str(column.type)
    if type(column).__name__ == "DataFrame":
        return repr([(name, type_name(column[name])) for name in column.columns])
    return f"pandas {column.dtype}"


def exact_types(columns: Sequence[Any], lists: Sequence[list[Any]]) -> tuple[str, ...]:
    """Names of types as :class:`._memofront.Front` knows them."""
    return tuple(_exact_type(column, values) for column, values in zip(columns, lists))


def _exact_type(column: Any, values: list[Any]) -> str:
    if not is_pandas(column):
        return str(column.type)
    kind = str(getattr(column, "dtype", "frame"))
    if kind == "object":  # of one class only: True, 1 and 1.0 are equal to each other
        return "string" if {str, type(None)}.issuperset(map(type, values)) else "objects"
    return kind if kind in ("int8", "int16", "int32", "int64", "bool") else "objects"


def values_of(column: Any) -> list[Any]:
    """Of a column of either kind, as a function of single values gets them."""
    return [_plain(v) for v in column.tolist()] if is_pandas(column) else python_values(column)


def _plain(value: Any) -> Any:
    """An element of a Series: lists for arrays, Python's own times, None for NaT and NA."""
    kind = type(value)
    if kind in (str, int, float, bool) or value is None:
        return value
    if kind.__module__.startswith("pandas."):
        if kind.__name__ in ("NaTType", "NAType"):
            return None
        return value.to_pydatetime() if hasattr(value, "to_pydatetime") else value
    return value.tolist() if kind.__module__ == "numpy" else value


def keys_of(column: Any) -> list[Any]:
    """Of a column of either kind: where these are equal, so are the rows, given :func:`type_name`."""
    if not is_pandas(column):
        return _arrow_keys(column)
    if type(column).__name__ == "DataFrame":
        return [list(row) for row in zip(*(keys_of(column[name]) for name in column.columns))]
    if column.dtype.kind in "mM":
        numbers: list[Any] = column.astype("int64").tolist()
        return numbers
    return [_key(v) for v in column.tolist()] if column.dtype.kind == "O" else column.tolist()


def _key(value: Any) -> Any:
    """Of an element of a Series of objects; those without an encoding stay what they are."""
    kind = type(value)
    if kind is str or value is None:
        return value
    if kind.__module__ == "numpy" and kind.__name__ == "ndarray":
        return [str(value.dtype), str(value.shape), [_key(item) for item in value.ravel().tolist()]]
    if kind.__module__.startswith("pandas.") and kind.__name__ == "NAType":
        return ["NA"]
    return value


def _arrow_keys(column: pa.Array) -> list[Any]:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) or pa.types.is_duration(column.type):
        column = column.cast(pa.int64())
    return python_values(column)


def picked(column: Any, rows: list[int]) -> Any:
    if is_pandas(column):
        return column.iloc[rows].reset_index(drop=True)
    import pyarrow as pa

    return column.take(pa.array(rows, pa.int64()))


def as_arrow(column: Any) -> pa.Array:
    """A column of either kind as one array."""
    import pyarrow as pa

    if not is_pandas(column):
        return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if type(column).__name__ == "DataFrame":
        return pa.RecordBatch.from_pandas(column, preserve_index=False).to_struct_array()
    made = pa.Array.from_pandas(column)
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made


def as_pandas(column: Any) -> Any:
    return column if is_pandas(column) else column.to_pandas()


def returned(column: Any, declared: t.DataType) -> list[Any]:
    """The answer of a function of whole columns, converted as Spark does it."""
    import pyarrow as pa

    if is_pandas(column) and isinstance(declared, t.StructType) and hasattr(column, "columns"):
        by_name = set(declared.names) <= set(column.columns)
        parts = [
            returned(column[f.name] if by_name else column.iloc[:, i], f.dataType)
            for i, f in enumerate(declared.fields)
        ]
        return [dict(zip(declared.names, row)) for row in zip(*parts)]
    wanted = arrow_type(declared)
    if is_pandas(column):
        made = pa.Array.from_pandas(column, type=wanted, safe=False)
    elif is_arrow(column):
        made = column if column.type == wanted else column.cast(wanted)
    else:
        raise TypeError(f"expected a column of {declared.simpleString()}, got a {type(column).__name__}")
    values: list[Any] = made.to_pylist()
    return values


def series(values: list[Any], declared: t.DataType) -> Any:
    """For Spark to convert, so without what pandas makes of integers that miss."""
    import pandas as pd

    if isinstance(declared, t.StructType):
        return pd.DataFrame(
            {f.name: series([_field(v, f.name) for v in values], f.dataType) for f in declared.fields}
        )
    if any_of([declared], t.MapType):
        values = [_with_dicts(value, declared) for value in values]
    return pd.Series(values, dtype=object)


def _with_dicts(value: Any, declared: t.DataType) -> Any:
    """Maps are pairs for Arrow, dicts for pandas."""
    if value is None:
        return None
    if isinstance(declared, t.ArrayType):
        return [_with_dicts(item, declared.elementType) for item in value]
    if isinstance(declared, t.StructType):
        return {f.name: _with_dicts(value[f.name], f.dataType) for f in declared.fields}
    if isinstance(declared, t.MapType):
        return {_with_dicts(k, declared.keyType): _with_dicts(v, declared.valueType) for k, v in value}
    return value


def _field(value: Any, name: str) -> Any:
    return None if value is None else value[name]


def like(values: list[Any], declared: t.DataType, column: Any) -> Any:
    """Results in the kind of column that a caller has handed over."""
    import pyarrow as pa

    array = pa.array(values, arrow_type(declared))
    if not is_pandas(column):
        return array
    made: pd.Series = series(values, declared) if array.null_count else array.to_pandas()
    made.index = column.index
    return made


def any_of(types: Iterable[t.DataType], wanted: type[t.DataType]) -> bool:
    """Whether one of the types is, or holds, such a one."""
    for found in types:
        inner: list[t.DataType] = []
        if isinstance(found, t.ArrayType):
            inner = [found.elementType]
        elif isinstance(found, t.MapType):
            inner = [found.keyType, found.valueType]
        elif isinstance(found, t.StructType):
            inner = [f.dataType for f in found.fields]
        if type(found) is wanted or any_of(inner, wanted):
            return True
    return False


def python_values(column: pa.Array) -> list[Any]:
    """As a plain function of Spark's gets them: local times without a zone, rows, dicts."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_integer(kind) and not column.null_count:
        plain: list[Any] = column.to_numpy(zero_copy_only=False).tolist()  # a tenth of to_pylist's time
        return plain
    convert = _converter(kind)
    listed: list[Any] = column.to_pylist()
    return listed if convert is None else [convert(value) for value in listed]


def _converter(kind: pa.DataType) -> Callable[[Any], Any] | None:
    import pyarrow as pa

    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return _unless_none(lambda v: v.astimezone().replace(tzinfo=None))
    if pa.types.is_struct(kind):
        fields = [(f.name, _converter(f.type) or _same) for f in kind]
        return _unless_none(lambda v: t.Row(**{n: convert(v[n]) for n, convert in fields}))
    if pa.types.is_map(kind):
        key, item = _converter(kind.key_type) or _same, _converter(kind.item_type) or _same
        return _unless_none(lambda v: {key(k): item(x) for k, x in v})
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = _converter(kind.value_type)
        return None if inner is None else _unless_none(lambda v: [inner(x) for x in v])
    return None


def _same(value: Any) -> Any:
    return value


def _unless_none(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)
