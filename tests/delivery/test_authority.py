"""One token for all slots: got when it is missed, renewed once, given up when it is refused twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import msgspec
import pytest
from doorstep.engine.clock import Clock
from doorstep.engine.delivery import Plan
from doorstep.engine.delivery.authority import tokens_for
from doorstep.engine.delivery.sender import sender_for
from doorstep.engine.errors import Fault, TransportError
from doorstep.engine.journal.plans import PlanRecord
from doorstep.engine.model import DELIVERED, Batch, Envelope, Event, Failure, Receipt, Request, Response
from doorstep.engine.routing import Route
from doorstep.engine.sdk import ClientCredentials, RefreshToken, RequestDestination, Secret, Settings, Token
from doorstep.engine.telemetry import Attempts, Deliveries

pytestmark = pytest.mark.anyio

AUTHORITY = ClientCredentials(token_url="http://id/token", client_id="us", client_secret=Secret("s3cr3t"))
UNAUTHORIZED = Response(401)


class Vendor:
    """An authority and a receiver: hands out `t1`, `t2` ... and takes only those that are `good`."""

    def __init__(self, *, expires_in: float | None = None, takes_s: float = 0.0) -> None:
        self.expires_in = expires_in
        self.takes_s = takes_s
        self.asked: list[Request] = []
        self.used: list[str] = []
        self.good: Callable[[str], bool] = lambda token: True
        self.refusal: Response | TransportError | None = None
        """In place of a token."""

    async def send(self, request: Request, timeout_s: float) -> Response:
        if request.url != "http://id/token":
            await anyio.sleep(0.01)
            token = request.headers["Authorization"].removeprefix("Bearer ")
            self.used.append(token)
            return Response(200) if self.good(token) else UNAUTHORIZED
        self.asked.append(request)
        number = len(self.asked)
        await anyio.sleep(self.takes_s)
        if isinstance(self.refusal, TransportError):
            raise self.refusal
        fields = {"access_token": f"t{number}", "expires_in": self.expires_in, "refresh_token": f"r{number}"}
        return self.refusal or Response(200, {}, msgspec.json.encode(fields))

    async def aclose(self) -> None:
        """Nothing to close."""


class Hub(RequestDestination[Settings]):
    """Needs a token, and signs."""

    label = "Hub"
    description = "For tests."
    Settings = Settings

    def __init__(self, authority: Any = AUTHORITY) -> None:
        super().__init__(Settings())
        self.authority = authority

    def request(self, batch: Batch) -> Request:
        return Request("POST", "http://receiver/", body=b"%d" % len(batch))

    def sign(self, request: Request, batch: Batch, at: float) -> Request:
        signed = f"{request.headers['Authorization']} at {at:g}"
        return msgspec.structs.replace(request, headers={**request.headers, "signed": signed})


def clock() -> Clock:
    return Clock(utc=lambda: 1700.0)


def batch() -> Batch:
    return Batch([Envelope(1, b"{}", Event("track"), Receipt("test", 0.0, 0.0))])


class Served:
    """A sender over a vendor, with the tokens that the state would hold."""

    def __init__(self, vendor: Vendor, destination: Hub | None = None) -> None:
        self.vendor = vendor
        self.destination = destination or Hub()
        self.tokens = tokens_for(self.destination, None, clock())
        plan = Plan(
            version="1",
            route=Route(name="a", integration="A"),
            record=PlanRecord(integration="A"),
            destination=self.destination,
        )

        async def open_transport(plan: Plan) -> Any:
            return vendor

        self.sender = sender_for(plan, open_transport, clock(), Attempts("hub", Deliveries()), self.tokens)

    async def attempt(self) -> Any:
        await self.sender.open()
        return await self.sender.attempt(batch())

    async def attempt_at_once(self, count: int) -> list[Any]:
        verdicts: list[Any] = []

        async def attempt() -> None:
            verdicts.append(await self.attempt())

        async with anyio.create_task_group() as slots:
            for _ in range(count):
                slots.start_soon(attempt)
        return verdicts


async def test_four_slots_at_once_ask_for_one_token() -> None:
    served = Served(Vendor(takes_s=3.0))
    assert await served.attempt_at_once(4) == [DELIVERED] * 4
    assert len(served.vendor.asked) == 1
    assert served.vendor.used == ["t1"] * 4


async def test_the_token_is_on_the_request_before_it_is_signed() -> None:
    vendor = Vendor()
    seen: list[Request] = []
    send = vendor.send

    async def spy(request: Request, timeout_s: float) -> Response:
        seen.append(request)
        return await send(request, timeout_s)

    vendor.send = spy  # type: ignore[method-assign]
    assert await Served(vendor).attempt() == DELIVERED
    assert seen[1] == Request(
        "POST", "http://receiver/", {"Authorization": "Bearer t1", "signed": "Bearer t1 at 1700"}, b"1"
    )


@pytest.mark.parametrize(("expires_in", "early_s"), [(3600.0, 60.0), (100.0, 10.0)])
async def test_a_token_is_renewed_before_it_expires(expires_in: float, early_s: float) -> None:
    served = Served(Vendor(expires_in=expires_in))
    await served.attempt()
    await anyio.sleep(expires_in - early_s - 1)
    assert await served.attempt() == DELIVERED
    await anyio.sleep(1)
    assert await served.attempt_at_once(4) == [DELIVERED] * 4
    assert served.vendor.used == ["t1", "t1", "t2", "t2", "t2", "t2"]


async def test_its_life_begins_when_it_was_asked_for() -> None:
    served = Served(Vendor(expires_in=10.0, takes_s=4.0))
    await served.attempt()
    await anyio.sleep(4.9)
    assert "stale" not in repr(served.tokens)
    await anyio.sleep(0.1)
    assert "stale" in repr(served.tokens)


async def test_a_refused_token_is_renewed_once_for_all_slots_within_the_same_attempt() -> None:
    served = Served(Vendor(takes_s=3.0))
    await served.attempt()
    served.vendor.good = lambda token: token != "t1"
    assert await served.attempt_at_once(4) == [DELIVERED] * 4
    assert len(served.vendor.asked) == 2
    assert served.vendor.used == ["t1"] * 5 + ["t2"] * 4


async def test_a_slot_that_comes_while_a_refused_token_is_renewed_waits_for_the_new_one() -> None:
    served = Served(Vendor(takes_s=3.0))
    await served.attempt()
    served.vendor.good = lambda token: token != "t1"
    async with anyio.create_task_group() as slots:
        slots.start_soon(served.attempt)
        await anyio.sleep(1.0)
        slots.start_soon(served.attempt)
    assert served.vendor.used == ["t1", "t1", "t2", "t2"]


async def test_a_refusal_that_comes_late_uses_the_token_there_is() -> None:
    served = Served(Vendor())
    tokens = served.tokens
    assert tokens is not None
    fetch = fetcher(served.vendor)
    old = await tokens.get(fetch)
    assert isinstance(old, Token)
    new = await tokens.get(fetch, refused=old)
    assert await tokens.get(fetch, refused=old) is new
    assert len(served.vendor.asked) == 2


async def test_a_second_refusal_is_the_receivers_verdict() -> None:
    served = Served(Vendor())
    served.vendor.good = lambda token: False
    assert await served.attempt() == Failure(Fault.CONFIGURATION, "http_401", status=401)
    assert served.vendor.used == ["t1", "t2"]
    assert await served.attempt() == Failure(Fault.CONFIGURATION, "http_401", status=401)
    assert served.vendor.used == ["t1", "t2", "t2", "t3"]


@pytest.mark.parametrize(
    ("refusal", "failure"),
    [
        (
            Response(400, {}, b'{"error":"invalid_client"}'),
            Failure(Fault.CONFIGURATION, "token_refused", status=400, detail="invalid_client"),
        ),
        (Response(503, {"retry-after": "9"}), Failure(Fault.TRANSIENT, "token_http_503", status=503, after=9.0)),
        (
            TransportError("timeout", "why"),
            Failure(Fault.TRANSIENT, "timeout", detail="getting a token: timeout: why"),
        ),
        (
            TransportError("unknown_host"),
            Failure(Fault.CONFIGURATION, "unknown_host", detail="getting a token: unknown_host"),
        ),
    ],
)
async def test_all_who_wait_share_a_failure_and_the_next_attempt_asks_again(refusal: Any, failure: Failure) -> None:
    served = Served(Vendor(takes_s=3.0))
    served.vendor.refusal = refusal
    assert await served.attempt_at_once(4) == [failure] * 4
    assert (len(served.vendor.asked), served.vendor.used) == (1, [])
    served.vendor.refusal = None
    assert await served.attempt() == DELIVERED
    assert len(served.vendor.asked) == 2


async def test_whoever_waits_goes_on_when_the_slot_that_asked_is_cancelled() -> None:
    served = Served(Vendor(takes_s=3.0))
    verdicts: list[Any] = []

    async def attempt(scope: anyio.CancelScope) -> None:
        with scope:
            verdicts.append(await served.attempt())

    async with anyio.create_task_group() as slots:
        scopes = [anyio.CancelScope() for _ in range(3)]
        for scope in scopes:
            slots.start_soon(attempt, scope)
            await anyio.sleep(0.5)
        scopes[0].cancel()
    assert verdicts == [DELIVERED] * 2
    assert served.vendor.used == ["t2", "t2"]


async def test_a_renewed_refresh_token_takes_the_place_of_the_one_before() -> None:
    authority = RefreshToken(token_url="http://id/token", client_id="us", refresh_token=Secret("r0"))
    served = Served(Vendor(expires_in=100.0), Hub(authority))
    for _ in range(3):
        await served.attempt()
        await anyio.sleep(100.0)
    form = b"grant_type=refresh_token&refresh_token=%s&client_id=us"
    assert [request.body for request in served.vendor.asked] == [form % b"r0", form % b"r1", form % b"r2"]


def test_an_equal_authority_keeps_its_tokens_and_another_begins_anew() -> None:
    first = tokens_for(Hub(), None, clock())
    assert first is not None
    same = Hub(msgspec.structs.replace(AUTHORITY, client_secret=Secret("s3cr3t")))
    assert tokens_for(same, first, clock()) is first
    other = Hub(msgspec.structs.replace(AUTHORITY, client_secret=Secret("other")))
    assert tokens_for(other, first, clock()) is not first
    assert tokens_for(Hub(None), first, clock()) is None


async def test_nothing_that_is_shown_holds_a_token() -> None:
    served = Served(Vendor())
    await served.attempt()
    shown = repr(served.tokens) + repr(served.sender)
    assert "t1" not in shown
    assert "s3cr3t" not in shown


def fetcher(vendor: Vendor) -> Callable[[Request], Any]:
    return lambda request: vendor.send(request, 5.0)
