"""Who gets an event: triggers and filters in FQL, and the table that asks everything that can keep an event from a destination.

    text -> lexer -> parser -> syntax -> compiler -> Predicate          a trigger, compiled once
    routes + chunk -> RoutingTable.scan -> a reason per event, or None  sources, enabled, consent, integrations, trigger, sampling
    text -> doubts                                                      what a trigger says and hardly anybody means

This room decides and does nothing else: it imports `privacy`, `model` and `errors`, and no loop, clock, socket or randomness.
It is usable alone:
`compile_fql('type = "track" and properties.revenue > 50')(event)`.

FQL
===

A trigger is true or false for an event. One that is not well-formed is refused with the column, never half understood.

    filter     = "all" | condition
    condition  = [ "and" ] conjunct { "or" conjunct }
    conjunct   = negation { [ "and" ] negation }            `and` may be left out, or stand before the first one
    negation   = "!" negation | comparison
    comparison = "(" condition ")"
               | operand ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
               | ( operand | literal ) "in" ( list | operand )
               | operand                                            a bool: properties.vip, contains(event, "Order")
    operand    = path | function "(" operand { "," value } ")"
    value      = literal | word | function "(" ... ")"
    list       = "[" [ value { "," value } ] "]"
    literal    = "text" | 'text' | number | "true" | "false" | "null"
    path       = field { "." name | "[" digits "]" }                `length` is a name that lists and texts have
    name       = ASCII letters, digits, _ and -, the first one no digit or -; any other character has a \\ before it,
                 and so has a last name that is `and`, `or` or `null`

`!` binds tighter than comparisons and `in`, those tighter than `and`, that tighter than `or`; `AND`, `OR` and `IN` are
the same words. Spaces (line ends, CRLF too) are needed between words, before `<` `<=` `>` `>=` unless a `)` is there, and
after `!=` `<=` `>=`; none may follow `!`. A text ends at the next quote of its kind: there are no escapes. At most 5 KiB,
nested at most 40 deep.

A path begins with a field of the spec: type event name userId anonymousId groupId previousId messageId properties
traits context integrations category channel version timestamp originalTimestamp sentAt receivedAt projectId writeKey
_metadata. Any other field is written with a backslash, `\\level = "error"`, so that a spelling mistake is an error.
Keys that have dots or brackets in them cannot be reached.

    operator      true when
    = "text"      it is this text; 5 is not "5"
    = 5           it is this number
    = true        it is exactly true (false alike)
    = null        it is null or missing
    != "text"     it is anything else: another text, a number, missing
    != 5          it is another number (a text or nothing at all is not)
    != true       it is not the text "true"; write `= false` or !( ... = true ) for what you mean
    != null       it is there: "", 0 and false are
    < <= > >=     it is a number, and so compared; a text on the right is read as a number
    in [ ... ]    `=` is true for one of them; `"a" in properties.tags`: the list has it
    and or !      a missing bool is false

`type`, `event`, `name`, `userId` are texts: what is on the right is taken as text (`userId = 123` is the text "123"),
except null for name and userId, and true and false for userId. Against a function on the right
(`properties.a = string(properties.b)`) equality is strict about types.

    function               gives
    contains(field, text)  whether the text has it in it
    match(field, glob)     whether the whole text fits: * any run, ? one character, [abc] [a-z] one of these, \\x the character x
    length(field)          items of a list, UTF-8 bytes of a text, 0 for null
    lowercase uppercase titlecase snakecase kebabcase (field)    the text changed; null for no text
    typeof(field)          "string" "number" "list" "bool" "null" "object"
    bool string number (field)    the value as that type, null if it cannot be

`!contains(...)` and `!match(...)` say that there is a text, and it does not; `!( contains(...) )` is also true when there is none.

Where it comes from
-------------------
It agrees with Segment's triggers (destination-subscriptions) on everything that those read in full, wants spaces where
they want them, and has what Segment's destination filters add. Seven traps are gone: precedence is real, conditions nest,
`!( )` negates, single quotes quote, CRLF is space, every field can be asked for, and what is not understood is an error
instead of skipped (`OR` in capitals is such a word there, `AND` too, which changes nothing). `match` takes a glob, as in
destination filters. `tests/routing/test_reference_vectors.py` lists each of Segment's cases that reads otherwise.
"""

from __future__ import annotations

from ..errors import FqlError
from .doubts import Doubt, doubts
from .integrations import options
from .predicate import Explanation, Predicate, compile_fql
from .reader import UNDECODABLE, Reader
from .table import Reasons, Route, RoutingTable

__all__ = [
    "UNDECODABLE",
    "Doubt",
    "Explanation",
    "FqlError",
    "Predicate",
    "Reader",
    "Reasons",
    "Route",
    "RoutingTable",
    "compile_fql",
    "doubts",
    "options",
]
