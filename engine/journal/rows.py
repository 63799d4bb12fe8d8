"""The desk's questions: answers as rows, and how much is read at once, so that no question keeps a transaction open for long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

from ..routing import UNDECODABLE, Reader, compile_fql

SLICE_ROWS = 2000
SLICE_BYTES = 8 * 2**20
"""Of events, in one transaction: with what FQL costs that is 20 to 50 ms."""

Matches = Callable[[bytes], bool]


def first_row(connection: apsw.Connection, statement: str, *values: apsw.SQLiteValue) -> Any:
    """The first row of the answer, or None; the transaction ends with it."""
    cursor = connection.execute(statement, values)
    row = cursor.fetchone()
    cursor.close()
    return row


def all_rows(connection: apsw.Connection, statement: str, *values: apsw.SQLiteValue) -> list[Any]:
    """The whole answer, which must be known to be short."""
    return connection.execute(statement, values).fetchall()


def matcher(where: str | None) -> Matches:
    """Whether an event, as its line, is what the FQL asks for; everything is for None. Raises FqlError.

    A line with a part that the expression reads and nobody can decode does not match.
    """
    if where is None:
        return lambda line: True
    predicate = compile_fql(where)
    reader = Reader(predicate.paths)
    test = predicate.bind(reader.getter)

    def matches(line: bytes) -> bool:
        try:
            return test(reader.read(line))
        except UNDECODABLE:
            return False

    return matches
