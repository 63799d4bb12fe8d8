"""Asks the vendors themselves whether settings are right: each destination's own check, all side by side.

config -> plans -> [ check_request -> send -> check_verdict ] each -> Answered
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import anyio
import msgspec

from ..catalogue import Catalogue
from ..config import Config
from ..delivery import Plan
from ..errors import Fault
from ..model.outcome import Failure
from ..net import open_transport
from ..planning import Planner
from ..telemetry.masking import secrets_of
from .masking import Masking
from .sending import OpenTransport, Sending

Word: TypeAlias = Literal["ok", "refused", "unclear", "unasked"]


class Answered(msgspec.Struct, frozen=True):
    """What came of one destination's check."""

    destination: str
    type: str
    word: Word
    """`unclear`: it could not be reached, or could not say; `unasked`: its type has no check, or it is not enabled."""
    detail: str = ""


async def ask(
    config: Config, *, catalogue: Catalogue | None = None, open_transport: OpenTransport = open_transport
) -> list[Answered]:
    """One for each destination, in the order of the configuration. Nothing is delivered."""
    plans = Planner(catalogue or Catalogue.discover()).plans(config)
    answers: dict[str, Answered] = {}

    async def ask_one(plan: Plan) -> None:
        answers[plan.name] = await _ask(plan, config, open_transport)

    async with anyio.create_task_group() as tasks:
        for plan in plans:
            tasks.start_soon(ask_one, plan)
    return [answers[plan.name] for plan in plans]


async def _ask(plan: Plan, config: Config, open_transport: OpenTransport) -> Answered:
    settings = config.destinations[plan.name]
    answered = Answered(plan.name, settings.type, "unasked", "it is not enabled")
    if not settings.enabled:
        return answered
    sending = Sending(plan, Masking(secrets_of([settings.settings])), open_transport)
    try:
        verdict = await sending.check()
    finally:
        await sending.close()
    if verdict is None:
        return msgspec.structs.replace(answered, detail=f"{settings.type} has no check of its own")
    if not isinstance(verdict, Failure):
        return msgspec.structs.replace(answered, word="ok", detail="")
    word: Word = "unclear" if verdict.fault is Fault.TRANSIENT else "refused"
    return msgspec.structs.replace(answered, word=word, detail=f"{verdict.reason} {verdict.detail}".rstrip())
