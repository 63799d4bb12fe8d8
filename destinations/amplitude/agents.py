"""What device a user agent is on: Amplitude reads none itself on its server APIs."""

from __future__ import annotations

import re

_KNOWN = (
    (re.compile(r"iPhone; CPU iPhone OS ([\d_]+)"), "iOS", "Apple", "iPhone"),
    (re.compile(r"iPad; CPU OS ([\d_]+)"), "iOS", "Apple", "iPad"),
    (re.compile(r"Macintosh; Intel Mac OS X ([\d_.]+)"), "Mac OS", "Apple", "Macintosh"),
    (re.compile(r"Windows NT ([\d.]+)"), "Windows", "", ""),
    (re.compile(r"CrOS \S+ ([\d.]+)"), "Chrome OS", "", ""),
    (re.compile(r"Android ([\d.]+)"), "Android", "", ""),
    (re.compile(r"Linux()"), "Linux", "", ""),
)


def device_of(user_agent: str) -> dict[str, str]:
    """Operating system and device, by Amplitude's names; {} for what is none that is known."""
    for pattern, system, maker, model in _KNOWN:
        if found := pattern.search(user_agent):
            known = {
                "os_name": system,
                "os_version": found[1].replace("_", "."),
                "device_manufacturer": maker,
                "device_model": model,
            }
            return {key: value for key, value in known.items() if value}
    return {}
