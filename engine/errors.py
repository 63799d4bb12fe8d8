"""Every error Doorstep raises on purpose, sorted by who must act.

Rules: one docstring line each, saying whether it is retried. Foreign exceptions are translated in one table at the
edge where they appear (`net` for sockets and TLS); nothing above that edge catches them.
"""

from __future__ import annotations

from enum import Enum
from math import inf
from typing import ClassVar

import msgspec


class DoorstepError(Exception):
    """The base of every error of this project."""


# The operator must act -----------------------------------------------------------------------------------------------


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with a configuration: where it is, what is wrong, what would be right."""

    path: str
    """The setting, as it would be written: `destinations.hook.batch.max_wait`, `ingress[1].listen`; "" for a whole file."""
    message: str
    """What is wrong, and what would be right."""
    file: str = ""
    line: int | None = None

    def __str__(self) -> str:
        where = f"{self.file or 'configuration'}:{self.line}" if self.line else self.file or "configuration"
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class ConfigError(DoorstepError):
    """The configuration is wrong; never retried. `problems` holds all that was found, in one go."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class FqlError(DoorstepError):
    """A trigger or filter is not well-formed FQL; never retried. `column` counts from 1."""

    def __init__(self, message: str, *, text: str, column: int) -> None:
        super().__init__(f"{message} (column {column})\n  {text}\n  {' ' * (column - 1)}^")
        self.message = message
        self.text = text
        self.column = column


class MappingError(DoorstepError):
    """A mapping is not well-formed; never retried. `problems` holds all that was found: `path` is where, as in `/total/@path`.

    Its text is the reference's: every problem in a sentence, one a line.
    """

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(f"{one.path} {one.message}." if one.path else one.message for one in problems))
        self.problems = problems


class NotRunning(DoorstepError):
    """No engine runs on that folder. Not tried again: the journal can be opened instead."""


class Unanswered(DoorstepError):
    """An engine runs there and gave no answer; what was asked of it may be done or not. For whoever asked to try again."""


# A caller inside the engine must act ---------------------------------------------------------------------------------


class WouldBlock(DoorstepError):
    """A `_nowait` call could not go on; wait and call again."""


class Closed(DoorstepError):
    """The engine accepts no more events: it is shutting down. What was not yet accepted is the caller's to keep."""


class JournalError(DoorstepError):
    """The journal cannot be used: in other hands, of another version, damaged, or its disk fails. What it holds is untouched."""


class OtherJournal(JournalError):
    """Of another version, or another program's: to try again would not help."""


class JournalFull(DoorstepError):
    """There is no room on the disk. Tried again by itself: until then nothing more is accepted."""


class IllegalTransition(DoorstepError):
    """A policy was told of something that cannot happen in its state; nothing was changed. A bug, never retried."""


# Whose fault a failed attempt is -------------------------------------------------------------------------------------


class Fault(Enum):
    """Who must act for the next attempt to succeed (DESIGN.md, section 4, outcome classes)."""

    EVENT = "event"
    """The receiver refuses this content: bisected until the culprit is alone, then a dead letter."""
    CONFIGURATION = "configuration"
    """The destination is set up wrongly (401, 404, bad TLS): held until that changes, nothing is given up."""
    TRANSIENT = "transient"
    """Time heals it (429, 5xx, timeout, reset): retried."""
    FUNCTION = "function"
    """The user's code failed: three tries, then a dead letter."""


class DestinationError(DoorstepError):
    """Raised by the code of a destination or function about the batch in its hands; `fault` says what happens next."""

    fault = Fault.FUNCTION
    code = "function_error"


class InvalidEventPayload(DestinationError):
    """The event lacks what this destination needs. Not retried: a dead letter."""

    fault = Fault.EVENT
    code = "invalid_event_payload"


class ValidationError(DestinationError):
    """A field of the event breaks a rule of this destination. Not retried: a dead letter. `problems`: which, if it is known."""

    fault = Fault.EVENT
    code = "validation_error"

    def __init__(self, *message: object, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(*message)
        self.problems = problems


class UnmappableEvent(DestinationError):
    """A mapping that is well-formed cannot be applied to this event. Not retried: a dead letter."""

    fault = Fault.EVENT
    code = "mapping_error"


class RetryError(DestinationError):
    """The author asks for another try, `after` seconds or more from now. Retried."""

    fault = Fault.TRANSIENT
    code = "retry_error"

    def __init__(self, message: str = "", *, after: float | str | None = None) -> None:
        """`after`: also as text, as a `Retry-After` header has it; what is no number of seconds counts as not said."""
        super().__init__(message)
        self.after = _seconds(after)


def _seconds(after: float | str | None) -> float | None:
    try:
        seconds = float(after)  # type: ignore[arg-type]  # None raises TypeError
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < inf else None


class FetchError(DestinationError):
    """A function's `ctx.fetch` got no complete response; `reason` names what happened, as in `TransportError`. Retried."""

    fault = Fault.TRANSIENT
    code = "fetch_error"

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class EventNotSupported(DoorstepError):
    """This destination has no use for this type of event. Not a failure: filtered, counted."""


class DropEvent(DoorstepError):
    """The function does not want this event to go on. Not a failure: filtered, counted."""


class TransportError(DoorstepError):
    """A request got no complete response. `code` names what happened; `fault` follows from it (`FAULTS`)."""

    FAULTS: ClassVar[dict[str, Fault]] = {
        "connect_refused": Fault.TRANSIENT,
        "connect_timeout": Fault.TRANSIENT,
        "timeout": Fault.TRANSIENT,
        "reset": Fault.TRANSIENT,
        "unreachable": Fault.TRANSIENT,
        "protocol": Fault.TRANSIENT,
        "proxy": Fault.TRANSIENT,
        "resolver": Fault.TRANSIENT,
        "unknown_host": Fault.CONFIGURATION,
        "tls": Fault.CONFIGURATION,
        "invalid_url": Fault.CONFIGURATION,
        "address_refused": Fault.CONFIGURATION,
        "invalid_request": Fault.EVENT,
    }

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.fault = self.FAULTS[code]
