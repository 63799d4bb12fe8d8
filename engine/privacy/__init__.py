"""What may be known about a person, and by whom: identifiers made ready for a vendor.

    value -> normalise(kind) -> text -> digest       what a vendor compares with its own
    event -> granted -> allows                       whether a destination may have it at all
    event -> FieldRules.clean -> event               without the fields that it must not get

Pure: no I/O, no clock, no randomness; imports what is below `policy` only. `routing` and `mapping` may import it, and whoever is above.

`identifiers` the table of kinds, by vendor, made of `texts`, `phones` and `places` · `hashing` digests, and what already is one ·
`consent` by categories · `fields` allow and deny lists, carried out by `walking` ·
`redaction` masks what people are shown of a receiver's words.
"""

from __future__ import annotations

from .consent import Granted, allows, granted
from .fields import FieldRules, FieldSettings
from .hashing import ALGORITHMS, digest, is_hashed
from .identifiers import KINDS, Hashing, first_usable, hashed, hasher, normalise
from .redaction import redacted

__all__ = [
    "ALGORITHMS",
    "KINDS",
    "FieldRules",
    "FieldSettings",
    "Granted",
    "Hashing",
    "allows",
    "digest",
    "first_usable",
    "granted",
    "hashed",
    "hasher",
    "is_hashed",
    "normalise",
    "redacted",
]
