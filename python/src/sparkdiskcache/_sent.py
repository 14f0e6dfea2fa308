# SPDX-License-Identifier: Apache-2.0
"""A function on its way to the workers, where it proves what it is.

It is pickled twice: a worker first unpickles :func:`_restore`, by value, and its argument, the bytes of
the function. So a worker that has this package watches already while the function, and the modules it
needs, are loaded; one that has none, or another version, unpickles the function and runs it.
"""

from __future__ import annotations

import types
from typing import Any

from pyspark.cloudpickle import cloudpickle

FORMAT = 1


def _restore(pickled: bytes, options: dict[str, Any], form: int) -> Any:
    try:
        from sparkdiskcache import _proof

        load = _proof.load if form == _proof.FORMAT else None
    except Exception:
        load = None
    if load is not None:
        return load(pickled, options)
    import pickle

    return pickle.loads(pickled)


# As if the user's program defined it: then it is pickled by value.
_BY_VALUE = types.FunctionType(_restore.__code__, {"__name__": "__main__"}, "_restore")
_BY_VALUE.__module__ = "__main__"


def _restore_spoiling(pickled: bytes, sentence: str) -> Any:
    import pickle

    try:
        from sparkdiskcache import _loaded

        _loaded.distrust(sentence)
    except Exception:
        pass  # then nothing proves anything here
    return pickle.loads(pickled)


_SPOILING = types.FunctionType(_restore_spoiling.__code__, {"__name__": "__main__"}, "_restore_spoiling")
_SPOILING.__module__ = "__main__"


class Spoiling:
    """A function that changes what others find in its worker."""

    def __init__(self, function: Any, sentence: str) -> None:
        self._function = function
        self._sentence = sentence

    def __reduce__(self) -> tuple[Any, ...]:
        return _SPOILING, (cloudpickle.dumps(self._function), self._sentence)


class Sent:
    """The object that is pickled in the place of a function.

    :param options: those of :class:`._proof.Loaded`
    """

    def __init__(self, function: Any, **options: Any) -> None:
        self._function = function
        self._options = options

    def __reduce__(self) -> tuple[Any, ...]:
        return _BY_VALUE, (cloudpickle.dumps(self._function), self._options, FORMAT)
