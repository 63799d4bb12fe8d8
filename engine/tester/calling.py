"""Functions of a user's, called with one event: a destination, or those before one. Nothing that they fetch is sent unless it is to be."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from ..functions import FunctionSettings, way_out
from ..functions.calling import NOT_SUPPORTED, Caller
from ..functions.finishing import DestinationFinish, InsertFinish
from ..functions.settings import InsertSettings
from ..functions.testing import FunctionResult, answering, try_function
from ..model.batch import Batch
from ..model.envelope import Envelope
from ..model.outcome import Delivered
from ..net import NetSettings
from .masking import Masking
from .report import ActionReport, FunctionReport
from .sending import word_for

R = TypeVar("R", ActionReport, FunctionReport)

WOULD_BE_DELIVERED = "would be delivered"
PASSED_ON = "passed on"


class Calling:
    """On the way to one destination."""

    def __init__(self, net: NetSettings, masking: Masking, *, send: bool) -> None:
        self._open_transport = way_out(net) if send else answering()
        self._masking = masking
        self._send = send

    async def destination(
        self, name: str, settings: FunctionSettings, limit_s: float, envelope: Envelope
    ) -> tuple[ActionReport, FunctionResult]:
        """What the function that is the destination does with the event."""
        caller = Caller(name, settings, DestinationFinish())
        result = await self._called(caller, limit_s, envelope)
        delivered = "delivered" if self._send else WOULD_BE_DELIVERED
        report = ActionReport(
            name="",
            label="",
            wanted=True,
            outcome=delivered if isinstance(result.outcome, Delivered) else word_for(result.outcome),
            reason=getattr(result.outcome, "reason", ""),
            detail=self._detail(caller, result, envelope),
        )
        return self._with_requests(report, result), result

    async def insert(
        self, name: str, settings: InsertSettings, envelope: Envelope
    ) -> tuple[FunctionReport, bytes | None]:
        """What an insert function does with it, and the event as it goes on; None if it does not."""
        assert isinstance(settings.settings, FunctionSettings)
        caller = Caller(name, settings.settings, InsertFinish())
        result = await self._called(caller, settings.timeout, envelope)
        report = FunctionReport(
            name=name,
            outcome=PASSED_ON if result.event is not None else word_for(result.outcome),
            reason=getattr(result.outcome, "reason", ""),
            detail=self._detail(caller, result, envelope),
            logs=self.logs(result),
        )
        line = None if result.event is None else msgspec.json.encode(result.event)
        return self._with_requests(report, result), line

    def logs(self, result: FunctionResult) -> list[str]:
        """What the function said."""
        return self._masking.text(result.log).splitlines()

    def _detail(self, caller: Caller, result: FunctionResult, envelope: Envelope) -> str:
        function, kind = caller.function, envelope.event.type or ""
        if result.outcome == NOT_SUPPORTED and function.on_batch is None and kind not in function.handlers:
            return f"it has no on_{kind}"
        return self._masking.text(result.detail or caller.doubt_of(result.returned))

    async def _called(self, caller: Caller, limit_s: float, envelope: Envelope) -> FunctionResult:
        batch = Batch([envelope])
        [result] = await try_function(caller, batch, limit_s=limit_s, open_transport=self._open_transport)
        return result

    def _with_requests(self, report: R, result: FunctionResult) -> R:
        return msgspec.structs.replace(
            report,
            requests=[self._masking.request(request) for request in result.requests],
            responses=[
                msgspec.structs.replace(self._masking.response(response), made_up=not self._send)
                for response in result.responses
                if response is not None
            ],
        )
