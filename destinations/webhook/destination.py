"""Events as JSON to any URL, byte for byte as they came in: an array, lines, or one event a request."""

from __future__ import annotations

from doorstep.engine.sdk import Batch, Limits, Request, RequestDestination

from .mapped import MappedWebhook
from .settings import WebhookSettings
from .wire import LIMITS, Wire, tuned


class Webhook(RequestDestination[WebhookSettings]):
    """Delivers to any URL: 2xx is delivered, everything else follows the table of status codes."""

    label = "Webhook"
    description = "Sends events as JSON to any URL: batched or one by one, signed and compressed if you like."
    Settings = WebhookSettings
    limits = LIMITS
    with_actions = MappedWebhook

    def __init__(self, settings: WebhookSettings) -> None:
        super().__init__(settings)
        self._wire = Wire(settings)

    @classmethod
    def tuned(cls, settings: WebhookSettings) -> Limits:
        return tuned(settings)

    def request(self, batch: Batch) -> Request:
        return self._wire.request(batch.lines, batch.key)

    def sign(self, request: Request, batch: Batch, at: float) -> Request:
        return self._wire.sign(request, at, lambda: self._wire.body(batch.lines))

    def check(self) -> Request:
        return self._wire.check()
