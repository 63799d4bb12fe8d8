"""Which browser a user agent is, by the names that Mixpanel's own library gives them."""

from __future__ import annotations

import re

_KNOWN = (
    # The order counts: most browsers say that they are Chrome or Safari, too.
    ("Samsung Internet", re.compile(r"SamsungBrowser/([\d.]+)")),
    ("Opera", re.compile(r"(?:OPR|Opera)/([\d.]+)")),
    ("Microsoft Edge", re.compile(r"Edg(?:e|A|iOS)?/([\d.]+)")),
    ("Chrome iOS", re.compile(r"CriOS/([\d.]+)")),
    ("Firefox iOS", re.compile(r"FxiOS/([\d.]+)")),
    ("Firefox", re.compile(r"Firefox/([\d.]+)")),
    ("Chrome", re.compile(r"Chrome/([\d.]+)")),
    ("Mobile Safari", re.compile(r"Version/([\d.]+) Mobile/\S+ Safari/")),
    ("Safari", re.compile(r"Version/([\d.]+) Safari/")),
    ("Internet Explorer", re.compile(r"(?:MSIE |Trident/.*rv:)([\d.]+)")),
)


def browser_of(user_agent: str) -> dict[str, str]:
    """`{"$browser": "Chrome", "$browser_version": "121.0.0.0"}`; {} for what is none that is known."""
    for name, pattern in _KNOWN:
        if found := pattern.search(user_agent):
            return {"$browser": name, "$browser_version": found[1]}
    return {}
