"""From a configuration to plans: what decides how each destination is served, as one value that the fleet reconciles itself with.

Config -> [ catalogue: the type ] -> destination, its actions, what is done to its events first -> Plan
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from random import random
from typing import Any

from .catalogue import Catalogue
from .config.changes import insert_version, version
from .config.settings import Config, DestinationSettings
from .delivery import Plan
from .delivery.decoded import DecodedEvents
from .delivery.preparation import Preparation
from .functions import Bounds, FunctionSettings, FunctionSink, InsertFunction, Inserts, way_out
from .functions.settings import inserts_before
from .journal.plans import ActionRecord, PlanRecord
from .model.decode import LineDecoder
from .model.envelope import Envelope
from .net import NetSettings
from .privacy import FieldRules
from .privacy.consent import allows, granted
from .sdk.actions import ActionDestination
from .sdk.destination import Destination
from .sdk.using import equipped


class Planner:
    """Of one engine."""

    def __init__(self, catalogue: Catalogue, inserts: Inserts | None = None) -> None:
        """`inserts`: those of the engine, which go on from one configuration to the next."""
        self._catalogue = catalogue
        self._inserts = inserts or Inserts(time.monotonic, random)

    def plans(self, config: Config) -> list[Plan]:
        """One for each destination. What their mappings read of an event is decoded once for all of them."""
        versions = {name: insert_version(one) for name, one in config.functions.items()}
        self._inserts.reconcile(config.functions, versions, NetSettings(network=config.network))
        decoded = DecodedEvents()
        plans = [self._plan(name, config, decoded) for name in config.destinations]
        for plan in plans:
            if isinstance(plan.destination, ActionDestination):
                decoded.widen(plan.destination.paths)
        return plans

    def _plan(self, name: str, config: Config, decoded: DecodedEvents) -> Plan:
        settings = config.destinations[name]
        kind = self._catalogue.load(settings.type)
        in_flight = settings.in_flight or kind.limits.in_flight
        net = NetSettings(tls=settings.tls, proxy=settings.proxy, network=config.network, connections=in_flight)
        if issubclass(kind.destination, FunctionSink):
            destination: Destination[Any] = _function(kind.destination, name, settings, net)
        else:
            destination = equipped(kind.destination, settings.settings, settings.actions, decoded.read)
        record = PlanRecord(
            integration=settings.integration or kind.label,
            enabled=settings.enabled,
            sources=settings.sources,
            consent=settings.consent or (),
            trigger=settings.trigger,
            actions=_actions(destination),
            sample=settings.sample,
        )
        return Plan(
            version=version(settings, inserts_before(config.functions, name)),
            route=record.route(name),
            record=record,
            destination=destination,
            preparation=_preparation(settings, config, self._inserts.before(name)),
            net=net,
            batch=settings.batch,
            rate=settings.rate,
            in_flight=in_flight,
            timeout_s=settings.timeout,
            retry=settings.retry,
            breaker=settings.breaker,
            mailbox=settings.mailbox,
            backlog=settings.backlog,
            overflow=settings.overflow,
            start=settings.start,
            owner=settings.owner,
        )

    def __repr__(self) -> str:
        return f"<Planner with {self._catalogue!r}>"


def _actions(destination: Destination[Any]) -> dict[str, ActionRecord] | None:
    if not isinstance(destination, ActionDestination):
        return None
    return {name: ActionRecord(use.trigger, use.version) for name, use in destination.uses.items()}


def _function(
    kind: type[FunctionSink], name: str, settings: DestinationSettings, net: NetSettings
) -> Destination[FunctionSettings]:
    assert isinstance(settings.settings, FunctionSettings)
    bounds = Bounds(calls=net.connections, limit_s=settings.timeout)
    return kind(settings.settings, name=name, bounds=bounds, open_transport=way_out(net))


def _preparation(settings: DestinationSettings, config: Config, inserts: tuple[InsertFunction, ...]) -> Preparation:
    return Preparation(
        permits=_permits(settings.consent),
        without_fields=FieldRules(settings.fields).clean if settings.fields else None,
        inserters=inserts,
        decoder=LineDecoder(config.engine.spec, config.engine.max_event_bytes),
    )


def _permits(categories: tuple[str, ...] | None) -> Callable[[Envelope], bool] | None:
    return partial(_is_permitted, frozenset(categories)) if categories else None


def _is_permitted(categories: frozenset[str], envelope: Envelope) -> bool:
    return allows(granted(envelope.event), categories)
