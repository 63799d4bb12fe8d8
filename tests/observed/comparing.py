"""Compares our requests with those that another implementation was observed to send, field by field.

    vector (event, their requests) -> ours -> both flat: {"POST /import[0].properties.time": 1772439005185, ...} -> what differs

A test names every way in which ours differs on purpose, as a pattern of paths with the reason; whatever no pattern covers fails, and
so does a pattern that covers nothing. The observations are in `NAME.json.gz`, made by `pack` from the captured files; paths that
changed there with another clock and seed ("volatile") are left out.
"""

from __future__ import annotations

import fnmatch
import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from doorstep.engine.model import Request

_FOLDER = Path(__file__).parent
Flat = dict[str, Any]
Ours = Callable[["Vector"], Iterable[Request]]


class Vector(msgspec.Struct, frozen=True):
    """One observation."""

    id: int
    action: str
    mode: str
    preset: str
    """The name of their subscription."""
    overrides: Mapping[str, Any]
    """Of their default mapping."""
    events: list[dict[str, Any]]
    requests: list[dict[str, Any]]
    volatile: list[str]


class Observed(msgspec.Struct, frozen=True):
    """All of one destination."""

    settings: dict[str, Any]
    vectors: list[Vector]


def pack(source: Path, name: str) -> None:
    """Makes `NAME.json.gz` of a captured file: what is compared, and nothing else. Events that none of theirs wanted are left out."""
    found = json.loads(source.read_text("utf-8"))
    vectors = [
        {
            "id": one["id"],
            "action": one["action"],
            "mode": one["mode"],
            "preset": one["subscription"]["name"] if one["subscription"] else "",
            "overrides": (one["subscription"] or {}).get("mapping_overrides") or {},
            "events": one.get("events") or ([one["event"]] if one.get("event") else []),
            "requests": one["requests"],
            "volatile": one.get("volatile") or [],
        }
        for one in found["vectors"]
        if one["action"] is not None
    ]
    text = json.dumps({"settings": found["settings"], "vectors": vectors}, ensure_ascii=False, separators=(",", ":"))
    (_FOLDER / f"{name}.json.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def observed(name: str) -> Observed:
    """What was observed of a destination."""
    return msgspec.json.decode(gzip.decompress((_FOLDER / f"{name}.json.gz").read_bytes()), type=Observed)


def flat_theirs(vector: Vector) -> Flat:
    """Their requests, flat; without what is volatile."""
    flat: Flat = {}
    for request in vector.requests:
        body = request.get("body", request.get("bodyText"))
        flat |= _flat_request(request["method"], request["url"], body)
    return {path: value for path, value in flat.items() if not any(part in path for part in vector.volatile)}


def flat_ours(requests: Iterable[Request]) -> Flat:
    """Our requests, flat."""
    flat: Flat = {}
    for request in requests:
        body: Any = request.body.decode()
        for decode in (json.loads, _ndjson):
            try:
                body = decode(request.body.decode())
                break
            except ValueError:
                continue
        flat |= _flat_request(request.method, request.url, body)
    return flat


def _ndjson(text: str) -> Any:
    return [json.loads(line) for line in text.splitlines()]


def _flat_request(method: str, url: str, body: Any) -> Flat:
    parts = urlsplit(url)
    head = f"{method} {parts.scheme}://{parts.netloc}{parts.path}"
    flat: Flat = {head: True}
    flat |= {f"{head}?{key}": value for key, value in parse_qsl(parts.query, keep_blank_values=True)}
    _flatten(body, head + " ", flat)
    return flat


def _flatten(value: Any, path: str, flat: Flat) -> None:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            _flatten(item, f"{path}.{key}" if not path.endswith(" ") else f"{path}{key}", flat)
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            _flatten(item, f"{path}[{index}]", flat)
    else:
        flat[path] = value


def check(vectors: Iterable[Vector], ours: Ours, differs: Mapping[str, str]) -> None:
    """Fails with every difference that `differs` (pattern of paths -> why, on purpose) does not cover, and with patterns that cover none.

    In a pattern `*` is any run, and `[` stands for itself. `12: ` before it means vector 12 alone.
    """
    used: set[str] = set()
    unexplained: list[str] = []
    compared = 0
    for vector in vectors:
        mine, theirs = flat_ours(ours(vector)), flat_theirs(vector)
        compared += 1
        for path in sorted(mine.keys() | theirs.keys()):
            if path in mine and path in theirs and _same(mine[path], theirs[path]):
                continue
            covering = [one for one in differs if _covers(one, vector.id, path)]
            used |= set(covering)
            if not covering:
                unexplained.append(
                    f"{vector.id} {path}: ours {mine.get(path, 'absent')!r}, theirs {theirs.get(path, 'absent')!r}"
                )
    assert compared, "nothing was compared"
    assert unexplained == [], f"{len(unexplained)} differences\n" + "\n".join(unexplained[:60])
    assert sorted(set(differs) - used) == [], "these differ no more"


def _same(mine: Any, theirs: Any) -> bool:
    return bool(mine == theirs) and isinstance(mine, bool) == isinstance(theirs, bool)


def _covers(pattern: str, id_: int, path: str) -> bool:
    only, colon, rest = pattern.partition(": ")
    if colon and only.isdigit():
        if int(only) != id_:
            return False
        pattern = rest
    return fnmatch.fnmatchcase(path, pattern.replace("[", "[[]"))
