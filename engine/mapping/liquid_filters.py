"""The filters of `@liquid`: python-liquid's, made to see values as the reference's engine does, and kept from growing without end."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from liquid import Environment
from liquid.builtin.filters.misc import date as library_date
from liquid.exceptions import FilterArgumentError
from liquid.filter import num_arg, with_environment
from liquid.undefined import Undefined

from .jsontext import json_text
from .moments import formatted, moment_of
from .values import UNDEFINED, is_falsy, text_of

MAX_TEXT = 1_000_000
"""No filter gives a longer text, and no template either. The reference lets one have 100 MB; an event is at most 16 MiB, mostly 32 KiB."""

DISABLED_FILTERS = (
    *(
        "array_to_sentence_string",
        "concat",
        "find",
        "find_exp",
        "find_index",
        "find_index_exp",
        "group_by",
        "group_by_exp",
    ),
    *("has", "has_exp", "map", "newline_to_br", "reject", "reject_exp", "reverse", "sort", "sort_natural", "uniq"),
    *("where_exp", "type"),
)

_TEXT_FILTERS = frozenset(
    {
        *("append", "prepend", "capitalize", "downcase", "upcase", "escapejs", "squish"),
        *("strip", "lstrip", "rstrip", "strip_html", "strip_newlines", "split", "slice", "truncate", "truncatewords"),
        *(
            "remove",
            "remove_first",
            "remove_last",
            "replace",
            "replace_first",
            "replace_last",
            "url_encode",
            "url_decode",
        ),
        *("base64_encode", "base64_decode", "base64_url_safe_encode", "base64_url_safe_decode"),
    }
)
"""Those that make a text of whatever they get."""
_COUNTING = frozenset({"slice", "truncate", "truncatewords"})
"""Those whose arguments are numbers."""
_MAX_ITEMS = 10_000
_LARGEST_INT = 2**63

Filter = Callable[..., Any]


def shown(value: Any) -> str:
    """A value as it is printed: as in `@template`, but lists are joined with nothing."""
    if isinstance(value, Undefined):
        return ""
    if isinstance(value, list | tuple | range):
        return "".join([shown(item) for item in items(value)])
    return text_of(value)


def items(value: Any) -> Any:
    """A range as a list, if it is not too long; anything else as it is."""
    if not isinstance(value, range):
        return value
    if len(value) > _MAX_ITEMS:
        raise FilterArgumentError("memory alloc limit exceeded", token=None)
    return list(value)


def adapted(name: str, filter_: Filter) -> Filter:
    """A filter of the library that gets what it would get in JavaScript, and whose result is bounded."""
    is_text, counts = name in _TEXT_FILTERS, name in _COUNTING

    @wraps(filter_)  # and whether the library is to give it its environment
    def run(left: Any, *arguments: Any, **options: Any) -> Any:
        left, rest = items(left), [items(argument) for argument in arguments]
        if is_text:
            left = shown(left)
            rest = rest if counts else [shown(argument) for argument in rest]
        return bounded(filter_(left, *rest, **options))

    return run


def bounded(result: Any) -> Any:
    """`result`, unless it is too long; whole numbers beyond 64 bits as doubles, which is what they are in JavaScript."""
    if isinstance(result, str | list) and len(result) > MAX_TEXT:
        raise FilterArgumentError("memory alloc limit exceeded", token=None)
    if isinstance(result, int) and abs(result) > _LARGEST_INT:
        return float(result) if abs(result) < 10**308 else math.inf
    return result


def disabled(name: str) -> Filter:
    """What is in the place of a filter that may not be used: it fails when it is applied."""

    def run(*arguments: Any, **options: Any) -> Any:
        raise FilterArgumentError(f'filter "{name}" is disabled', token=None)

    return run


# Those that JavaScript has otherwise ---------------------------------------------------------------------------------


def _replace(left: Any, old: Any, new: Any = "") -> str:
    text, old, new = shown(left), shown(old), shown(new)
    if len(text) + text.count(old) * len(new) > 2 * MAX_TEXT:
        raise FilterArgumentError("memory alloc limit exceeded", token=None)
    return bounded(text.replace(old, new)) if old else text


def _join(left: Any, separator: Any = " ") -> str:
    parts, joint = items(left), shown(separator)
    if not isinstance(parts, list | tuple):
        return shown(parts)
    texts = [text_of(item) for item in parts]
    if sum(map(len, texts)) + len(texts) * len(joint) > MAX_TEXT:
        raise FilterArgumentError("memory alloc limit exceeded", token=None)
    return joint.join(texts)


_SIGNS = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}
_WRITTEN = {reference: sign for sign, reference in _SIGNS.items()}
_REFERENCE = re.compile("|".join(_WRITTEN))
_HTML = str.maketrans(_SIGNS)
_MRKDWN = str.maketrans({sign: _SIGNS[sign] for sign in "&<>"})


def _escape(left: Any) -> Any:
    return bounded(shown(left).translate(_HTML))


def _escape_once(left: Any) -> Any:
    return _escape(_REFERENCE.sub(lambda match: _WRITTEN[match[0]], shown(left)))


def _escape_mrkdwn(left: Any) -> Any:
    """The three signs that mean something to Slack: `<!channel>` is then a text, and pings nobody."""
    return bounded(shown(left).translate(_MRKDWN))


def _divided_by(left: Any, right: Any, whole: Any = False) -> float | int:
    number, divisor = num_arg(left, default=0), num_arg(right, default=0)
    if not divisor:
        return math.nan if not number else math.copysign(math.inf, number)
    result = number / divisor
    return math.floor(result) if whole is True else result


def _modulo(left: Any, right: Any) -> float | int:
    number, divisor = num_arg(left, default=0), num_arg(right, default=0)
    return math.fmod(number, divisor) if divisor and math.isfinite(number) else math.nan


def _where(left: Any, key: Any, wanted: Any = UNDEFINED) -> list[Any]:
    rows = left if isinstance(left, list) else [left]
    found = [(row, row.get(key, UNDEFINED) if isinstance(row, dict) else UNDEFINED) for row in rows]
    if wanted is UNDEFINED:
        return [row for row, value in found if value not in (UNDEFINED, None, False)]
    return [row for row, value in found if (value == wanted and not is_falsy(value)) or value is wanted]


@with_environment
def _date(left: Any, pattern: Any = "%A, %B %-e, %Y at %-l:%M %P %z", *, environment: Environment) -> str:
    """In UTC; a text that is no date stays as it is. The library is asked what `now` is: no room like this has a clock."""
    is_now = left in ("now", "today")
    moment = moment_of(int(library_date("now", "%s", environment=environment)) if is_now else left)
    return shown(left) if moment is None else formatted(moment, shown(pattern))


def _to_integer(left: Any) -> int:
    return int(num_arg(left, default=0))


FILTERS: Mapping[str, Filter] = {
    "replace": _replace,
    "join": _join,
    "divided_by": _divided_by,
    "modulo": _modulo,
    "where": _where,
    "date": _date,
    "json": lambda left, *_: bounded(json_text(None if isinstance(left, Undefined) else items(left))),
    "jsonify": lambda left, *_: bounded(json_text(None if isinstance(left, Undefined) else items(left))),
    "sha256": lambda left: hashlib.sha256(shown(left).encode("utf-8", "replace")).hexdigest(),
    "raw": lambda left: left,
    "escape": _escape,
    "escape_once": _escape_once,
    "escape_mrkdwn": _escape_mrkdwn,
    "to_integer": _to_integer,
}
"""Filters that the library does not have, or has otherwise."""
