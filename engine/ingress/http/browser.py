"""What Segment's browser SDK asks for when it starts, if this is its `cdnURL`: which destinations there are, and where to send."""

from __future__ import annotations

import re

import msgspec

_HOST = re.compile(r"[A-Za-z0-9.:_\[\]-]{1,255}")


def sdk_settings(write_key: str, scheme: str, host: str) -> bytes:
    """One destination, Segment's own cloud, which is here. All others are served from here, not from the page."""
    cloud = {"apiKey": write_key, "protocol": scheme, "unbundledIntegrations": [], "addBundledMetadata": True}
    if _HOST.fullmatch(host):
        cloud["apiHost"] = f"{host}/v1"
    return msgspec.json.encode(
        {"integrations": {"Segment.io": cloud}, "plan": {}, "edgeFunction": {}, "analyticsNextEnabled": True}
    )
