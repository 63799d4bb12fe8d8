"""Directives of ours that exported mappings do not have: `@timestamp`, `@currency`. (`@coalesce` is beside `@if`, `@hash` in `hashing`.)

What cannot be understood is left out, as if it had been missing: a vendor takes no date better than a wrong one, and
a field that is required says so.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any

from .moments import moment_of, writer, zone_of
from .nodes import Code, Keep, Place, Scope, options_in
from .rules import Validation, only, options, text, whatever
from .values import UNDEFINED, real_type, trimmed

# @timestamp ----------------------------------------------------------------------------------------------------------


def timestamp_rule(validation: Validation, value: Any, place: Place) -> None:
    """`value`, and how it is written: `format`, `zone`."""
    before = len(validation.problems)
    _timestamp_options(validation, value, place)
    if len(validation.problems) > before:
        return
    for name, check in (("format", writer), ("zone", zone_of)):
        try:
            if name in value:
                check(value[name])
        except ValueError as error:
            validation.note((*place, name), f"is wrong: {error}")


_timestamp_options = only(options({"value": whatever}, format=text(1), zone=text(1)), *("value", "format", "zone"))


def timestamp(options: Any, scope: Scope, keep: Keep) -> Code:
    """A moment in another form: ISO, a number of seconds, a pattern; on the clock of a zone."""
    code = scope.compile(options_in(options, "value"), "value")
    try:
        write = writer(options.get("format", "iso"), zone_of(options.get("zone", "UTC")))
    except (AttributeError, TypeError, ValueError) as error:  # in a list, where nothing has been checked
        return scope.failing(f"@timestamp: {error}")

    def run(payload: Any) -> Any:
        moment = moment_of(code.run(payload))
        return UNDEFINED if moment is None else write(moment)

    return Code(run, undefined=True)


# @currency -----------------------------------------------------------------------------------------------------------

currency_rule = only(options({"value": whatever, "currency": whatever}), "value", "currency")

_NO_DECIMALS = (
    *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
    *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
)
_THREE_DECIMALS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_DECIMALS = {**dict.fromkeys(_NO_DECIMALS, 0), **dict.fromkeys(_THREE_DECIMALS, 3), "CLF": 4, "UYW": 4}
"""ISO 4217: how many decimals a currency has, where that is not two."""

_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)
_MOST_DIGITS = 30
"""No amount has more; `1e999999999` would be a billion of them."""


def currency(options: Any, scope: Scope, keep: Keep) -> Code:
    """An amount in the smallest unit of its currency: 1999 for 19.99 USD, 20 for 19.99 JPY."""
    read_value = scope.compile(options_in(options, "value"), "value").run
    read_currency = scope.compile(options_in(options, "currency"), "currency").run

    def run(payload: Any) -> Any:
        return minor_units(read_value(payload), read_currency(payload))

    return Code(run, undefined=True)


def minor_units(value: Any, code: Any) -> Any:
    """The amount as a whole number, half a unit rounded up; UNDEFINED if either is not what it should be."""
    name = trimmed(code).upper() if isinstance(code, str) else ""
    amount = _amount(value)
    if amount is None or len(name) != 3 or not (name.isascii() and name.isalpha()):
        return UNDEFINED
    return int(amount.scaleb(_DECIMALS.get(name, 2), _EXACT).to_integral_value(ROUND_HALF_UP, _EXACT))


def _amount(value: Any) -> Decimal | None:
    """The number as it is written: 19.99 and not 19.989999999999998."""
    if real_type(value) not in ("number", "string"):
        return None
    try:
        amount = Decimal(trimmed(value) if isinstance(value, str) else repr(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount.adjusted()) < _MOST_DIGITS else None
