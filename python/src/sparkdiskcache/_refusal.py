# SPDX-License-Identifier: Apache-2.0
"""Why a function has no identity."""

from __future__ import annotations

CODE = "FUNCTION"
"""The code reads or changes something besides its arguments, or cannot be followed."""

STATE = "FUNCTION_STATE"
"""A captured value has no stable encoding."""


class FunctionRefused(Exception):
    """A function that cannot be hashed: left to Spark's own cache, never an error of the query.

    :param code: the name of a ``Refusal.Code`` of the Java side
    :param place: the function, captured value or module it was found in
    :param sentence: problem and cure, for people
    :param spoils: whether it changes what other functions of its worker find
    """

    def __init__(self, code: str, place: str, sentence: str, spoils: bool = False) -> None:
        super().__init__(f"{sentence} [in {place}]")
        self.code = code
        self.place = place
        self.sentence = sentence
        self.spoils = spoils
