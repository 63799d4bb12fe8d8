"""Resources of the bench: tests, dry runs, the configuration. See `app.py` for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request

from ..journal.desk import Desk
from .answering import body_as
from .bench import Bench, Checked, DestinationShown, DryRun, DryRunReport, Reloaded, Trial, Tried
from .messages import PREFIX
from .resource import Resource


class Samples(msgspec.Struct, frozen=True):
    """Events to try things with."""

    samples: dict[str, dict[str, Any]]


def trying_resources(desk: Desk, bench: Bench) -> list[Resource]:
    """For the table."""
    this = _Trying(desk, bench)
    return [
        Resource(
            method="GET",
            path=f"{PREFIX}/destinations/{{name}}/configuration",
            handler=this.shown,
            summary="A destination as it is configured: settings, actions with triggers and mappings; secrets masked.",
            answer=DestinationShown,
        ),
        Resource(
            method="GET",
            path=f"{PREFIX}/samples",
            handler=this.samples,
            summary="One plausible event of each type, and of each e-commerce event of the spec.",
            answer=Samples,
        ),
        Resource(
            method="POST",
            path=f"{PREFIX}/tests",
            handler=this.test,
            summary="What would become of an event, and why. Nothing is sent.",
            body=Trial,
            answer=Tried,
        ),
        Resource(
            method="POST",
            path=f"{PREFIX}/tests/send",
            handler=this.send,
            summary="The same, and it is really sent.",
            role="source_admin",
            body=Trial,
            answer=Tried,
        ),
        Resource(
            method="POST",
            path=f"{PREFIX}/dry-runs",
            handler=this.dry_run,
            summary="What an edited trigger or mapping would change for the latest events, field by field.",
            body=DryRun,
            answer=DryRunReport,
        ),
        Resource(
            method="GET",
            path=f"{PREFIX}/configuration",
            handler=this.configuration,
            summary="The configuration in use, secrets masked.",
            answer=dict[str, Any],
        ),
        Resource(
            method="POST",
            path=f"{PREFIX}/configuration/check",
            handler=this.check,
            summary="All that is wrong with the configuration's files as they are now.",
            answer=Checked,
        ),
        Resource(
            method="POST",
            path=f"{PREFIX}/configuration/reload",
            handler=this.reload,
            summary="Goes on under the configuration as its files are now; refused if anything is wrong with them.",
            role="owner",
            answer=Reloaded,
        ),
    ]


class _Trying:
    def __init__(self, desk: Desk, bench: Bench) -> None:
        self._desk, self._bench = desk, bench

    async def shown(self, request: Request) -> DestinationShown:
        return self._bench.shown(request.path_params["name"])

    async def samples(self, request: Request) -> Samples:
        return Samples({name: dict(event) for name, event in self._bench.samples().items()})

    async def test(self, request: Request) -> Tried:
        return Tried(await self._bench.test(await body_as(request, Trial), send=False))

    async def send(self, request: Request) -> Tried:
        return Tried(await self._bench.test(await body_as(request, Trial), send=True))

    async def dry_run(self, request: Request) -> DryRunReport:
        ask = await body_as(request, DryRun)
        return await self._bench.dry_run(ask, await self._desk.latest(ask.events))

    async def configuration(self, request: Request) -> Mapping[str, Any]:
        return self._bench.configuration()

    async def check(self, request: Request) -> Checked:
        return await self._bench.check()

    async def reload(self, request: Request) -> Reloaded:
        return await self._bench.reload()
