"""What may be known about a person, and by whom: identifiers made ready for a vendor.

    value -> normalise(kind) -> text -> digest -> what a vendor compares with its own

Pure: no I/O, no clock, no randomness; imports `model` and `errors` only. `routing` and `mapping` may import it, and whoever is above.

`hashing` digests, and what already is one · `identifiers` the table of kinds, by vendor · `phones` numbers as E.164 has them ·
`places` states and countries by their codes.
"""

from __future__ import annotations

from .hashing import ALGORITHMS, digest, is_hashed
from .identifiers import KINDS, first_usable, hashed, normalise

__all__ = ["ALGORITHMS", "KINDS", "digest", "first_usable", "hashed", "is_hashed", "normalise"]
