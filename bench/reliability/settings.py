"""The configuration of the engine under test, as TOML. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec

MAX_OPEN_S = 1.0
BATCH = 500


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook to the path of the receiver that has its name; `lines` are further keys."""

    name: str
    in_flight: int = 4
    form: str = "json_array"
    token: str = ""
    lines: tuple[str, ...] = ()

    @property
    def most_in_flight(self) -> int:
        """Events under way at a time."""
        return self.in_flight * (1 if self.form == "single" else BATCH)


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """`[engine]` and the ingresses: TCP always, a Unix socket beside it if wanted."""

    durability: str = "disk"
    unix: bool = False
    lines: tuple[str, ...] = ()
    ingress_lines: tuple[str, ...] = ()


def toml(engine: Engine, hooks: Sequence[Hook], *, port: int, folder: Path, data_dir: Path) -> str:
    """The file. `port` is the receiver's; the Unix socket is `folder/in.sock`."""
    lines = ["[engine]", f'durability = "{engine.durability}"']
    if engine.durability == "memory":
        lines += ['memory_log = "1GiB"']
    else:
        lines += [f"data_dir = {_quoted(data_dir)}"]
    lines += [*engine.lines, "[[ingress]]", 'type = "tcp"', 'listen = "127.0.0.1:0"', "ack = true"]
    lines += engine.ingress_lines
    if engine.unix:
        lines += ["[[ingress]]", 'type = "unix"', f"path = {_quoted(folder / 'in.sock')}", "ack = true"]
        lines += engine.ingress_lines
    for hook in hooks:
        lines += _hook(hook, port, is_kept=engine.durability != "memory")
    return "\n".join([*lines, ""])


def _hook(hook: Hook, port: int, *, is_kept: bool) -> list[str]:
    headers = f', headers = {{ Authorization = "{hook.token}" }}' if hook.token else ""
    return [
        f"[destinations.{hook.name}]",
        'type = "webhook"',
        f'settings = {{ url = "http://127.0.0.1:{port}/{hook.name}", format = "{hook.form}"{headers} }}',
        f"in_flight = {hook.in_flight}",
        f'breaker = {{ open = "500ms", max_open = "{MAX_OPEN_S:g}s" }}',
        *(['start = "oldest"'] if is_kept else []),
        *hook.lines,
    ]


def _quoted(path: Path) -> str:
    return json.dumps(str(path))
