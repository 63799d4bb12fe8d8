"""Asking each destination, before there is anything to send, whether it would take it: `doorstep check --online`.

    Plan -> its own check: a request that changes nothing, or a look at where a sink writes -> Asked

A request goes the destination's own way (`tls`, `proxy`, its tokens). What the answer says is only ever what a status can say.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import msgspec

from ..catalogue import Catalogue
from ..clock import Clock
from ..config.settings import Config
from ..delivery import Plan
from ..delivery.authority import Tokens, tokens_for
from ..errors import DestinationError, TransportError
from ..model.exchange import Request, Response
from ..model.outcome import Failure
from ..net import Transport, open_transport
from ..planning import Planner
from ..sdk.actions import ActionDestination
from ..sdk.destination import RequestDestination, Sink
from ..telemetry.masking import Mask, secrets_of
from .sending import OpenTransport

_ADVICE = {
    "connect_refused": "nobody listens there; see whether it runs, and whether host and port are right",
    "unknown_host": "see whether the host is written right",
    "tls": "see `tls`, and whether the certificate is for this host",
    "proxy": "see `proxy`",
}
_DOUBTFUL = frozenset((402, 403, 404, 410))
_NO_SUCH_METHOD = frozenset((501, 505))


class Asked(msgspec.Struct, frozen=True):
    """What came of it, at one destination. One of the three says something; of a destination that has no check, none does."""

    destination: str
    answer: str = ""
    """All is well."""
    doubt: str = ""
    """It may be well: a status that can mean two things."""
    problem: str = ""


async def ask_all(
    config: Config, catalogue: Catalogue, open_transport: OpenTransport = open_transport
) -> Sequence[Asked]:
    """Every destination that is enabled, side by side; in the order of the configuration."""
    plans = [plan for plan in Planner(catalogue).plans(config) if config.destinations[plan.name].enabled]
    found: dict[str, Asked] = {}

    async def ask(plan: Plan) -> None:
        mask = Mask(secrets_of(config.destinations[plan.name]))
        asked = await _ask(plan, open_transport)
        found[plan.name] = msgspec.structs.replace(asked, problem=mask.text(asked.problem))

    async with anyio.create_task_group() as group:
        for plan in plans:
            group.start_soon(ask, plan)
    return [found[plan.name] for plan in plans]


async def _ask(plan: Plan, open_transport: OpenTransport) -> Asked:
    destination = plan.destination
    try:
        if isinstance(destination, Sink):
            return await _look(plan, destination)
        if not isinstance(destination, RequestDestination | ActionDestination):
            return Asked(plan.name)
        request = destination.check()
        if request is None:
            return Asked(plan.name)
        response = await _answer(plan, request, tokens_for(destination, None, Clock()), open_transport)
    except TransportError as error:
        advice = _ADVICE.get(error.code, "see its address in the settings")
        return Asked(plan.name, problem=f"cannot be reached ({error}); {advice}")
    if isinstance(response, Failure):
        return Asked(plan.name, problem=f"gets no token ({response.reason}); see the secrets in its settings")
    return _judged(plan.name, request, response)


async def _answer(
    plan: Plan, request: Request, tokens: Tokens | None, open_transport: OpenTransport
) -> Response | Failure:
    transport: Transport = await open_transport(plan.net)
    async with transport:
        send = partial(transport.send, timeout_s=plan.timeout_s)
        if tokens is None:
            return await send(request)
        return await tokens.exchange(lambda token: send(tokens.authority.authorize(request, token)), send)


async def _look(plan: Plan, sink: Sink[Any]) -> Asked:
    if type(sink).check is Sink.check:
        return Asked(plan.name)
    try:
        with anyio.fail_after(plan.timeout_s):
            await anyio.to_thread.run_sync(sink.check, abandon_on_cancel=True)
    except TimeoutError:
        return Asked(plan.name, problem=f"cannot be looked at within {plan.timeout_s:g} s; see where it writes")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return Asked(plan.name, problem=f"cannot be written to ({where}{error.strerror or error}); see where it writes")
    except (ValueError, DestinationError) as error:
        return Asked(plan.name, problem=f"cannot be written to: {error}")
    return Asked(plan.name, answer="can be written to")


def _judged(name: str, request: Request, response: Response) -> Asked:
    """A HEAD may be answered by less than a POST would be, so only what would be said of any request is taken for certain."""
    status, of = response.status, f"HTTP {response.status} to {request.method}"
    if status in (401, 407):
        return Asked(name, problem=f"refuses the credentials (HTTP {status}); see the secrets in its settings")
    if status >= 500 and status not in _NO_SUCH_METHOD:
        return Asked(name, problem=f"is there, and not well ({of}); see how the receiver is")
    if status in _DOUBTFUL or 300 <= status < 400:
        return Asked(
            name, doubt=f"answers {of}, and would be held if it answers events so; see whether its URL is right"
        )
    return Asked(name, answer=f"is there ({of})")
