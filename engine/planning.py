"""From a configuration to plans: what decides how each destination is served, as one value that the fleet reconciles itself with.

Config -> [ catalogue: the type ] -> destination, its actions, what is done to its events first -> Plan
"""

from __future__ import annotations

import random as _random
from collections.abc import Callable
from functools import partial
from typing import Any

from .catalogue import Catalogue
from .clock import Clock
from .config.changes import insert_version, version
from .config.settings import Config, DestinationSettings
from .delivery import Plan
from .delivery.decoded import DecodedEvents
from .delivery.preparation import Preparation
from .functions import Bounds, FunctionSettings, FunctionSink, Inserts, way_out
from .functions.insert import InsertFunction
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

    def __init__(
        self, catalogue: Catalogue, clock: Clock | None = None, random: Callable[[], float] = _random.random
    ) -> None:
        """`clock` and `random` are those of the engine: the breakers of insert functions go by them."""
        self._catalogue = catalogue
        self._inserts = Inserts((clock or Clock()).monotonic, random)

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
        destination = _destination(kind.destination, name, settings, net, decoded)
        record = PlanRecord(
            integration=settings.integration or kind.label,
            enabled=settings.enabled,
            sources=settings.sources,
            consent=settings.consent or (),
            trigger=settings.trigger,
            actions=_actions(destination),
            sorts_late=bool(self._inserts.before(name)),
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


def _destination(
    kind: type[Destination[Any]], name: str, settings: DestinationSettings, net: NetSettings, decoded: DecodedEvents
) -> Destination[Any]:
    if not issubclass(kind, FunctionSink):
        return equipped(kind, settings.settings, settings.actions, decoded.read)
    assert isinstance(settings.settings, FunctionSettings)
    bounds = Bounds(calls=net.connections, limit_s=settings.timeout)
    return kind(settings.settings, name=name, bounds=bounds, open_transport=way_out(net))


def _actions(destination: Destination[Any]) -> dict[str, ActionRecord] | None:
    if not isinstance(destination, ActionDestination):
        return None
    return {name: ActionRecord(use.trigger, use.version) for name, use in destination.uses.items()}


def _preparation(settings: DestinationSettings, config: Config, inserters: tuple[InsertFunction, ...]) -> Preparation:
    return Preparation(
        inserters=inserters,
        permits=_permits(settings.consent),
        without_fields=FieldRules(settings.fields).clean if settings.fields else None,
        decoder=LineDecoder(config.engine.spec, config.engine.max_event_bytes),
    )


def _permits(categories: tuple[str, ...] | None) -> Callable[[Envelope], bool] | None:
    return partial(_is_permitted, frozenset(categories)) if categories else None


def _is_permitted(categories: frozenset[str], envelope: Envelope) -> bool:
    return allows(granted(envelope.event), categories)
