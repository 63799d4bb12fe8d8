"""The webhook with mappings: what they make of each event, in the same formats, batches and signatures."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

from doorstep.engine.sdk import Action, ActionDestination, Batch, Exchange, Field, Item, Limits, Request

from .settings import WebhookSettings
from .wire import LIMITS, Wire, tuned


class Send(Action[WebhookSettings]):
    """Whatever the user's mapping makes."""

    name = "send"
    label = "Send"
    description = "Sends what its mapping makes of an event, an object of any shape."
    free_form = True
    fields: ClassVar[Mapping[str, Field]] = {}


class MappedWebhook(ActionDestination[WebhookSettings]):
    """A webhook whose configuration has actions."""

    label = "Webhook"
    description = "Sends what mappings make of events."
    Settings = WebhookSettings
    actions = (Send,)
    limits = LIMITS

    @cached_property
    def _wire(self) -> Wire:
        return Wire(self.settings)

    @classmethod
    def tuned(cls, settings: WebhookSettings) -> Limits:
        return tuned(settings)

    def exchange(self, batch: Batch, items: Sequence[Item]) -> Exchange:
        """Named by the events that are in it and by the action: two actions of one event are two contents."""
        whole = len(items) == len(batch)
        key = (batch if whole else batch.take([item.position for item in items])).key
        response = yield self._wire.request([item.body for item in items], key)
        return self.uses[batch.action].action.verdict(response, items)

    def sign(self, request: Request, batch: Batch, at: float) -> Request:
        return self._wire.sign(request, at, lambda: gzip.decompress(request.body))

    def check(self) -> Request:
        return self._wire.check()
