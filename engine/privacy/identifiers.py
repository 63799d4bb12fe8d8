"""Identifiers as each vendor wants them before they are hashed: one table of kinds.

    normalise("meta.phone", "+1 (555) 123-4567")  ->  "15551234567"
    hashed("meta.phone", "+1 (555) 123-4567")     ->  "d6736136ea89..."

A kind is a field (`email`, `phone`, `city`), or a field as one vendor wants it (`google.email`). What cannot be such an identifier
gives None and is better left out: the digest of "n/a" matches nobody, or everybody. The rules are those of the vendors' documents
(Google Ads, Meta, TikTok, Snap, Pinterest, Reddit, LinkedIn, Mailchimp, Mixpanel, Amplitude); where the widely used open
implementation does otherwise, the vendor's word counts: all dots of a Gmail address go, not just the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, Literal, TypeAlias

from .hashing import digester, is_hashed
from .phones import digits_only, international, without_zeros
from .places import country_code, state_code
from .texts import is_address, letters, lower, squeezed, stripped, trimmed, without_signs, without_spaces

Normaliser: TypeAlias = Callable[[str], str | None]
PhoneNormaliser: TypeAlias = Callable[[str, str | None], str | None]

_GMAIL = ("gmail.com", "googlemail.com")
_GENDERS = {"m": "m", "male": "m", "man": "m", "f": "f", "female": "f", "woman": "f"}
_MORE_GENDERS = _GENDERS | dict.fromkeys(["n", "x", "non-binary", "nonbinary", "other"], "n")
_YEAR_FIRST = re.compile(r"(\d{4})([-/.]?)(\d{2})\2(\d{2})(?:[T ].*)?", re.ASCII | re.DOTALL)
_ZIP_PLUS_4 = re.compile(r"(\d{5})[- ]?\d{4}", re.ASCII)
_NO_DEVICE = "00000000-0000-0000-0000-000000000000"
"""What a phone says for its advertising id when tracking is off, and what SDKs send for want of any."""
_LARGEST = 10**64
"""No number is an identifier beyond that, and Python takes long over the digits of really large ones."""
_NOBODY = frozenset(
    {"anonymous", "nil", "none", "null", "n/a", "na", "undefined", "unknown", "0", "-1", "{}", _NO_DEVICE}
)
_NOBODY_FOR_MIXPANEL = _NOBODY | {"anon", "<nil>", "true", "false", "[]"}
_NOBODY_FOR_AMPLITUDE = _NOBODY | {"empty", "lmy47d"}


def normalise(kind: str, value: object, *, country: str | None = None) -> str | None:
    """`value` as an identifier of that kind; None if it is not one.

    Numbers are read as their digits; what is neither text nor a whole number is no identifier. `country` is the calling code ("49") of
    telephone numbers without one. KeyError for a kind that is not in KINDS; nothing is raised for a value.
    """
    text = _text(value)
    if kind in _PHONES:
        return text and _PHONES[kind](text, country)
    normaliser = _TEXTS[kind]
    return text and (normaliser(text) or None)


def hashed(
    kind: str, value: object, algorithm: str = "sha256", *, key: str | None = None, country: str | None = None
) -> str | None:
    """The digest of the normalised value. A value that is a digest already passes as it is; None if there is nothing to hash."""
    return hasher(kind, algorithm, key=key, country=country)(value)


Hashing: TypeAlias = Literal["auto", "always", "never"]
"""See `hasher`."""
_UNKNOWN: Any = object()
REMEMBERED = 4096
"""Texts, for each hasher: one that is known costs a tenth of normalising and hashing it."""


def hasher(
    kind: str,
    algorithm: str = "sha256",
    *,
    key: str | None = None,
    country: str | None = None,
    hashing: Hashing = "auto",
    remembers: bool = True,
) -> Callable[[object], str | None]:
    """`hashed` for many values of one kind: everything but the value is looked up once. KeyError and ValueError come here, not later.

    `hashing` says what of digests: "auto", one that is a digest already passes as it is; "always", it is hashed like anything else;
    "never", it passes, and whatever is none comes to nothing.
    """
    phone = _PHONES.get(kind)
    normaliser = _TEXTS[kind] if phone is None else lambda text: phone(text, country)
    make = digester(algorithm, key)
    shortest = len(make(""))

    def fresh(value: object) -> str | None:
        given = _text(value)
        if given is None:
            return None
        if len(given) >= shortest and hashing != "always" and isinstance(value, str):
            digest = given.strip()
            if is_hashed(digest, algorithm):
                return digest
        text = normaliser(given) if hashing != "never" else None
        return make(text) if text else None

    return _remembering(fresh) if remembers else fresh


def _remembering(make: Callable[[object], str | None]) -> Callable[[object], str | None]:
    """The same people are seen again and again: what was made of a text is remembered, up to `REMEMBERED` of them."""
    known: dict[str, str | None] = {}

    def run(value: object) -> str | None:
        if type(value) is not str:
            return make(value)
        found: str | None = known.get(
            value, _UNKNOWN
        )  # no KeyError: whoever is new would pay as much for it as for the digest
        if found is _UNKNOWN:
            if len(known) >= REMEMBERED:
                known.clear()
            known[value] = found = make(value)
        return found

    return run


def first_usable(candidates: Iterable[tuple[str, object]]) -> tuple[str, str] | None:
    """The first (kind, value) that is an identifier of its kind, normalised: for vendors that take one of several, best first."""
    return next(((kind, text) for kind, value in candidates if (text := normalise(kind, value))), None)


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value if value and not value.isspace() else None
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int) and abs(value) < _LARGEST else None


# E-mail ---------------------------------------------------------------------------------------------------------------


def _email(text: str) -> str | None:
    address = text.strip().lower() if text.isascii() else lower(text)
    return address if is_address(address) else None


def _squeezed_email(text: str) -> str | None:
    return _address(without_spaces(text))


def _google_email(text: str) -> str | None:
    local, _, domain = lower(text).rpartition("@")
    return _address(f"{local.replace('.', '')}@{domain}" if domain in _GMAIL else f"{local}@{domain}")


def _reddit_email(text: str) -> str | None:
    local, _, domain = lower(text).rpartition("@")
    return _address(f"{local.partition('+')[0].replace('.', '')}@{domain}")


def _address(text: str) -> str | None:
    """Two parts and no space: more would be the receiving server's opinion."""
    return text if is_address(text) else None


# The rest -------------------------------------------------------------------------------------------------------------


def _plus(digits: PhoneNormaliser, most_characters: int = 16) -> PhoneNormaliser:
    def number(text: str, country: str | None) -> str | None:
        found = digits(text, country)
        return f"+{found}" if found and len(found) < most_characters else None

    return number


def _gender(text: str) -> str | None:
    return _GENDERS.get(lower(text))


def _gender_or_neither(text: str) -> str | None:
    return _MORE_GENDERS.get(lower(text))


def _birth_date(text: str) -> str | None:
    """YYYYMMDD. Only dates that begin with the year: whether 3/4 is in March or in April only the sender knows."""
    found = _YEAR_FIRST.fullmatch(trimmed(text))
    if found is None:
        return None
    year, _, month, day = found.groups()
    try:
        return date(int(year), int(month), int(day)).isoformat().replace("-", "")
    except ValueError:
        return None


def _zip(text: str) -> str:
    found = _ZIP_PLUS_4.fullmatch(trimmed(text))
    return found[1] if found else _zip_without_dashes(text)


def _zip_without_dashes(text: str) -> str:
    return without_spaces(text).replace("-", "")


def _upper_country(text: str) -> str | None:
    code = country_code(text)
    return code.upper() if code else None


def _device(text: str) -> str | None:
    return None if lower(text) == _NO_DEVICE else lower(text)


def _device_as_is(text: str) -> str | None:
    return None if lower(text) == _NO_DEVICE else stripped(text)


def _id_except(nobody: frozenset[str]) -> Normaliser:
    def someone(text: str) -> str | None:
        found = stripped(text)
        return None if found.lower() in nobody else found

    return someone


_PHONES: dict[str, PhoneNormaliser] = {
    "phone": _plus(international),
    "phone_digits": international,
    "meta.phone": without_zeros,
    "google.phone": _plus(international),
    "tiktok.phone": _plus(international, most_characters=15),
    "snap.phone": without_zeros,
    "pinterest.phone": digits_only,
    "reddit.phone": _plus(international),
}
_TEXTS: dict[str, Normaliser] = {
    "text": stripped,
    "lowercase": lower,
    "email": _email,
    "meta.email": _squeezed_email,
    "google.email": _google_email,
    "tiktok.email": _email,
    "snap.email": _squeezed_email,
    "pinterest.email": _squeezed_email,
    "reddit.email": _reddit_email,
    "linkedin.email": _email,
    "mailchimp.email": _email,
    "name": without_signs,
    "meta.name": without_signs,
    "google.name": letters,
    "tiktok.name": without_spaces,
    "snap.name": without_spaces,
    "pinterest.name": without_spaces,
    "linkedin.name": trimmed,
    "street": without_signs,
    "google.street": without_signs,
    "city": squeezed,
    "meta.city": squeezed,
    "google.city": trimmed,
    "ga4.city": letters,
    "tiktok.city": squeezed,
    "snap.city": without_spaces,
    "pinterest.city": without_spaces,
    "state": state_code,
    "meta.state": state_code,
    "google.state": trimmed,
    "tiktok.state": squeezed,
    "snap.state": state_code,
    "pinterest.state": state_code,
    "zip": _zip,
    "meta.zip": _zip,
    "google.zip": trimmed,
    "tiktok.zip": _zip_without_dashes,
    "snap.zip": without_spaces,
    "pinterest.zip": without_spaces,
    "country": country_code,
    "meta.country": country_code,
    "google.country": _upper_country,
    "tiktok.country": squeezed,
    "snap.country": country_code,
    "pinterest.country": country_code,
    "linkedin.country": _upper_country,
    "gender": _gender,
    "meta.gender": _gender,
    "snap.gender": _gender,
    "pinterest.gender": _gender_or_neither,
    "date_of_birth": _birth_date,
    "meta.date_of_birth": _birth_date,
    "snap.date_of_birth": stripped,
    "pinterest.date_of_birth": _birth_date,
    "id": stripped,
    "meta.id": without_spaces,
    "tiktok.id": lower,
    "snap.id": lower,
    "pinterest.id": stripped,
    "reddit.id": stripped,
    "linkedin.id": stripped,
    "mixpanel.id": _id_except(_NOBODY_FOR_MIXPANEL),
    "amplitude.id": _id_except(_NOBODY_FOR_AMPLITUDE),
    "device": _device,
    "meta.device": _device,
    "tiktok.device": _device_as_is,
    "snap.device": _device,
    "pinterest.device": _device_as_is,
    "reddit.device": _device_as_is,
    "reddit.ip": stripped,
}
KINDS = tuple(sorted([*_TEXTS, *_PHONES]))
"""What `normalise` knows."""
