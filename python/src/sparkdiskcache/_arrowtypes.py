# SPDX-License-Identifier: Apache-2.0
"""The Arrow types of Spark's types, on every line of PySpark."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    import pyspark.sql.types as t


def arrow_type(declared: t.DataType) -> pa.DataType:
    """Timestamps are of the zone UTC: by name since PySpark 4.2, by default before."""
    from pyspark.sql.pandas.types import to_arrow_type

    return to_arrow_type(declared, timezone="UTC") if _takes_zone() else to_arrow_type(declared)


@lru_cache
def _takes_zone() -> bool:
    from pyspark.sql.pandas.types import to_arrow_type

    return "timezone" in inspect.signature(to_arrow_type).parameters
