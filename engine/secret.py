"""A string that keeps itself out of logs, reprs, JSON and tracebacks."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

_MASK = "***"


class Secret:
    """Wraps a secret; `reveal()` is the one way to read it, so that each use can be found with a search."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself: for the request that needs it, nothing else."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({_MASK!r})"

    def __str__(self) -> str:
        return _MASK

    def __format__(self, spec: str) -> str:
        return _MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        raise TypeError("a Secret is never pickled or copied to another process")


def secrets_in(value: object) -> list[str]:
    """Every secret in a value, however deep in Structs, tables and lists, revealed: to look for them where they must not be."""
    if isinstance(value, Secret):
        return [value.reveal()]
    if isinstance(value, msgspec.Struct):
        value = [getattr(value, name) for name in value.__struct_fields__]
    elif isinstance(value, Mapping):
        value = list(value.values())
    parts = value if isinstance(value, list | tuple | set | frozenset) else ()
    return [secret for part in parts for secret in secrets_in(part)]
