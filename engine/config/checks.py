"""What types cannot say: rules between two settings, or between a setting and the world.

Each check takes what was built, does not mind what is broken beside it, and reports at the key that is to be changed. What a
destination's *type* says is in `destinations.py`.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ..errors import ConfigError, FqlError
from ..ingress.settings import HttpSettings, StdinSettings, TcpSettings, UnixSettings
from ..net.address import parse_address
from ..net.networks import network_problem
from ..net.settings import TlsSettings
from ..net.tls import tls_context
from ..net.wire import parse_proxy
from ..policy.alerts import ALERTS, parse_condition
from ..policy.retry import RetrySettings, plan_of
from ..routing import compile_fql
from ..secret import Secret
from ..settings import Duration
from .build import Builder
from .kinds import nearest, toml
from .positions import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
PROGRAM = "program"
"""The source of what a program submits itself: no ingress, and always there to be chosen."""
AnyIngress = StdinSettings | TcpSettings | UnixSettings | HttpSettings
_EVERY_HOST = (None, "0.0.0.0", "::")


def check_engine(builder: Builder, tree: dict[str, Any]) -> None:
    """Settings that only make sense with others."""
    engine = tree.get("engine")
    durability = engine.get("durability", "disk") if isinstance(engine, dict) else "disk"
    if durability in ("disk", "os"):
        for name, table in _tables(tree, "destinations"):
            if table.get("overflow") == "drop_newest":
                message = 'is for memory durability only: a journal drops nothing; write "block", or leave it out'
                builder.report(("destinations", name, "overflow"), message)
    elif durability == "memory":
        _check_journal_less(builder, tree)


def _check_journal_less(builder: Builder, tree: dict[str, Any]) -> None:
    message = 'needs the journal; write durability = "disk", or leave this out'
    written = tree.get("ingress", [])
    for index, table in enumerate(written if isinstance(written, list) else []):
        if isinstance(table, dict) and table.get("dedup", "off") != "off":
            builder.report(("ingress", index, "dedup"), message)
    for name, table in _tables(tree, "destinations"):
        if "backlog" in table:
            builder.report(("destinations", name, "backlog"), message)


def check_network(builder: Builder) -> None:
    """Each of the networks that may be reached is one."""
    allow = builder.built.get(("network", "allow"))
    for index, text in enumerate(allow if isinstance(allow, tuple) else ()):
        if isinstance(text, str) and (problem := network_problem(text)):
            builder.report(("network", "allow", index), problem)


# Ingresses -----------------------------------------------------------------------------------------------------------


def check_ingresses(builder: Builder, tree: dict[str, Any]) -> set[str]:
    """Each has a name and an address of its own, and its files are there. The names there are, wrong ingresses' too."""
    names: dict[str, Path] = {}
    places: dict[object, Path] = {}
    for path, value in list(builder.built.items()):
        if isinstance(value, AnyIngress):
            _check_name(builder, value.name, path, names)
            _check_place(builder, value, path, places)
            if isinstance(value, TcpSettings | HttpSettings) and value.tls is not None:
                _check_files(builder, value.tls, (*path, "tls"))
    written = tree.get("ingress", [{"type": "stdin"}])
    tables = [table for table in written if isinstance(table, dict)] if isinstance(written, list) else []
    _check_keys(builder, names)
    keys = [key for table in tables for key in _keys_of(table)]
    return {PROGRAM, ALERTS, *names, *(str(table.get("name", table.get("type"))) for table in [*tables, *keys])}


def _keys_of(ingress: dict[str, Any]) -> list[dict[str, Any]]:
    keys = ingress.get("keys")
    return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []


def _check_keys(builder: Builder, names: dict[str, Path]) -> None:
    """Each write key means one source, and the source of a key is no other ingress's."""
    sources: dict[str, Path] = {}
    for path, http in list(builder.built.items()):
        if not isinstance(http, HttpSettings):
            continue
        seen: dict[Secret, int] = {}
        for index, key in enumerate(http.keys):
            where = (*path, "keys", index)
            owner = names.get(key.name, path)
            owner = sources.setdefault(key.name, path) if owner == path else owner
            if owner != path:
                message = (
                    f"{toml(key.name)} is a source of {owner[0]}[{owner[1]}] already; give this one a name of its own"
                )
                builder.report((*where, "name"), message)
            if key.key in seen:
                builder.report((*where, "key"), f"is the same as that of keys[{seen[key.key]}]; write each key once")
            seen[key.key] = index


def _check_name(builder: Builder, name: str, path: Path, names: dict[str, Path]) -> None:
    if name in names:
        first = f"{names[name][0]}[{names[name][1]}]"
        builder.report((*path, "name"), f"{toml(name)} is the name of {first} already; give each a name of its own")
    names.setdefault(name, path)


def _check_place(builder: Builder, ingress: AnyIngress, path: Path, places: dict[object, Path]) -> None:
    key, place = _place_of(ingress)
    for other, where in places.items():
        if place is not None and _collide(place, other):
            does = "reads" if key == "type" else "listens at"
            builder.report((*path, key), f"ingress[{where[1]}] {does} the same; each needs a place of its own")
            return
    places[place] = path


def _place_of(ingress: AnyIngress) -> tuple[str, object]:
    """The key that says where it listens, and what that comes to; None collides with nothing."""
    if isinstance(ingress, StdinSettings):
        return "type", "stdin"
    if isinstance(ingress, UnixSettings):
        return "path", ("unix", ingress.path)
    host, port = parse_address(ingress.listen)
    return "listen", (host, port) if port else None


def _collide(place: object, other: object) -> bool:
    if isinstance(place, tuple) and isinstance(other, tuple) and place[0] != "unix" != other[0]:
        every = place[0] in _EVERY_HOST or other[0] in _EVERY_HOST
        return place[1] == other[1] and (every or place[0] == other[0])
    return place == other


def _check_files(builder: Builder, tls: msgspec.Struct, path: Path) -> None:
    for name in tls.__struct_fields__:
        file = getattr(tls, name)
        try:
            if file is not None:
                open(file, "rb").close()
        except OSError as error:
            builder.report(
                (*path, name), f"{file} cannot be read: {error.strerror or error}; write the path of a PEM file"
            )


# Destinations --------------------------------------------------------------------------------------------------------


def check_destinations(builder: Builder, tree: dict[str, Any], sources: set[str]) -> None:
    """Their names, and what one destination's settings say among themselves."""
    if tree.get("destinations", {}) == {}:
        message = 'there is no destination; write at least one, such as [destinations.hook] with type = "webhook"'
        builder.report(("destinations",), message)
    for name, _ in _tables(tree, "destinations"):
        path: Path = ("destinations", name)
        if not _NAME.fullmatch(name):
            message = (
                "a name has letters, digits, - and _ only, begins with a letter or digit, and has at most 64 characters"
            )
            builder.report(path, message)
        _check_sources(builder, path, sources)
        _check_trigger(builder, path)
        _check_retry(builder, path)
        _check_way(builder, path)


def _check_sources(builder: Builder, path: Path, sources: set[str]) -> None:
    named = builder.built.get((*path, "sources"))
    for index, source in enumerate(named if isinstance(named, tuple) else ()):
        if source not in sources:
            builder.report((*path, "sources", index), f"no ingress is named {toml(source)}{nearest(source, sources)}")


def _check_trigger(builder: Builder, path: Path) -> None:
    trigger = builder.built.get((*path, "trigger"))
    if not isinstance(trigger, str):
        return
    try:
        compile_fql(trigger)
    except FqlError as error:
        builder.report((*path, "trigger"), f"is not well-formed FQL: {error.message} (column {error.column})")


def _check_retry(builder: Builder, path: Path) -> None:
    settings = builder.built.get((*path, "retry"))
    if not isinstance(settings, RetrySettings):
        return
    plan = plan_of(settings)
    if plan.base > plan.cap:
        key = "cap" if settings.base is None else "base"
        base, cap = Duration(plan.base), Duration(plan.cap)
        message = f"the first wait ({base}) is longer than the longest ({cap}); write a base of at most the cap"
        builder.report((*path, "retry", key), message)


def _check_way(builder: Builder, path: Path) -> None:
    """TLS files and proxy, as the transport itself will read them."""
    tls, proxy = builder.built.get((*path, "tls")), builder.built.get((*path, "proxy"))
    try:
        if isinstance(tls, TlsSettings):
            tls_context(tls)
    except ConfigError as error:
        _adopt(builder, path, error)
    try:
        if isinstance(proxy, Secret):
            parse_proxy(proxy.reveal())
    except ConfigError as error:
        _adopt(builder, path, error)


def _adopt(builder: Builder, path: Path, error: ConfigError) -> None:
    for problem in error.problems:
        builder.report((*path, *problem.path.split(".")), problem.message)


# Alerts --------------------------------------------------------------------------------------------------------------


def check_alerts(builder: Builder, tree: dict[str, Any]) -> None:
    """Each goes to a destination that there is and that takes alerts, and says what there can be told."""
    names = [name for name, _ in _tables(tree, "destinations")]
    written = tree.get("alerts")
    for number in range(len(written) if isinstance(written, list) else 0):
        path: Path = ("alerts", number)
        to, on = (builder.built.get((*path, key)) for key in ("to", "on"))
        if isinstance(to, str) and to:
            _check_receiver(builder, (*path, "to"), to, names)
        for index, text in enumerate(on if isinstance(on, tuple) else ()):
            _check_condition(builder, (*path, "on", index), text)


def _check_condition(builder: Builder, path: Path, text: str) -> None:
    try:
        parse_condition(text)
    except ValueError as error:
        builder.report(path, str(error))


def _check_receiver(builder: Builder, path: Path, to: str, names: list[str]) -> None:
    if to not in names:
        builder.report(path, f"no destination is named {toml(to)}{nearest(to, names)}")
        return
    sources = builder.built.get(("destinations", to, "sources"))
    if isinstance(sources, tuple) and ALERTS not in sources:
        message = f'{toml(to)} takes nothing from "{ALERTS}"; add that to destinations.{to}.sources'
        builder.report(path, message)
    if builder.built.get(("destinations", to, "enabled")) is False:
        builder.report(path, f"{toml(to)} is not enabled: nobody would be told")


def _tables(tree: dict[str, Any], key: str) -> list[tuple[str, dict[str, Any]]]:
    tables = tree.get(key)
    if not isinstance(tables, dict):
        return []
    return [(name, table) for name, table in tables.items() if isinstance(table, dict)]
