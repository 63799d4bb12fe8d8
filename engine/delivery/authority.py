"""The token of a destination that needs one: got before it is missed, renewed once for all slots, never shown.

    exchange: a token (one at hand, or token_request -> fetch -> token_from) -> send -> refused? another token -> send again, once

Belongs to the state of the destination, so that neither a crash of the actor nor a reload that leaves the authority as it is costs a
token. Getting one never raises for a failure of the authority: whoever waited for it has the same `Failure`, and the next attempt
asks again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import anyio

from ..clock import Clock
from ..errors import TransportError
from ..model.exchange import Request, Response
from ..model.outcome import Failure
from ..sdk.actions import ActionDestination
from ..sdk.destination import Destination, RequestDestination
from ..sdk.oauth import Authority, Token

EARLY_S = 60.0
"""So long before its end a token is renewed, at most a tenth of its life: clocks differ, and a request takes its time."""

Fetch: TypeAlias = Callable[[Request], Awaitable[Response]]


class _Renewal:
    """One request for a token, and who waits for it."""

    def __init__(self) -> None:
        self.ended = anyio.Event()
        self.outcome: Token | Failure | None = None
        """None after the end: whoever asked was cancelled."""


class Tokens:
    """The one token that all slots of a destination use."""

    def __init__(self, authority: Authority, clock: Clock) -> None:
        self.authority = authority
        self._now = clock.monotonic
        self._token: Token | None = None
        self._stale_at: float | None = None
        self._renewal: _Renewal | None = None

    async def exchange(self, send: Callable[[Token], Awaitable[Response]], fetch: Fetch) -> Response | Failure:
        """The response to a request that `send` puts a token on, or why there was none to put on.

        A response that refuses the token comes back only after another token was tried.
        """
        token = await self.get(fetch)
        if isinstance(token, Failure):
            return token
        response = await send(token)
        if not self.authority.is_refused(response):
            return response
        token = await self.get(fetch, refused=token)
        return token if isinstance(token, Failure) else await send(token)

    async def get(self, fetch: Fetch, *, refused: Token | None = None) -> Token | Failure:
        """A token other than `refused`: the one at hand if it will do, else a new one. One request at a time, for everybody."""
        if refused is not None and refused is self._token:
            self._stale_at = self._now()
        while True:
            if self._token is not None and not self._is_stale():
                return self._token
            if self._renewal is None:
                return await self._renew(fetch)
            renewal = self._renewal
            await renewal.ended.wait()
            if renewal.outcome is not None:
                return renewal.outcome

    def __repr__(self) -> str:
        state = "none yet" if self._token is None else "stale" if self._is_stale() else "one at hand"
        return f"<Tokens of {type(self.authority).__name__}: {state}>"

    def _is_stale(self) -> bool:
        return self._stale_at is not None and self._now() >= self._stale_at

    async def _renew(self, fetch: Fetch) -> Token | Failure:
        renewal = self._renewal = _Renewal()
        asked_at = self._now()
        try:
            outcome = renewal.outcome = await self._ask(fetch)
        finally:
            self._renewal = None
            renewal.ended.set()
        if isinstance(outcome, Token):
            self._token = outcome
            life_s = outcome.expires_in_s
            self._stale_at = None if life_s is None else asked_at + life_s - min(EARLY_S, life_s / 10)
        return outcome

    async def _ask(self, fetch: Fetch) -> Token | Failure:
        try:
            response = await fetch(self.authority.token_request(self._token))
        except TransportError as error:
            return Failure(error.fault, error.code, detail=f"getting a token: {error}")
        return self.authority.token_from(response)


def tokens_for(destination: Destination[Any], before: Tokens | None, clock: Clock) -> Tokens | None:
    """Those that a destination needs, `before` if its authority is still the same; None if it needs none."""
    authority = destination.authority if isinstance(destination, RequestDestination | ActionDestination) else None
    if authority is None:
        return None
    return before if before is not None and before.authority == authority else Tokens(authority, clock)
