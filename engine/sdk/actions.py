"""Actions: what a destination does with an event, declared. An action is a trigger, a mapping, and a pure builder of requests.

    event -> trigger -> mapping -> fields (coerced, valid) -> build -> Item
    items (a batch's worth) -> exchange: request -> response -> ... -> verdict

An author writes one `Action` class for each thing that the vendor's API can do, with a default trigger and default mapping for its
fields, and lists them in an `ActionDestination`. Users switch them off, trigger and map them differently, or add more of them; the
engine asks `wanted` which actions an event goes through and `form` for what they make of a batch, and drives the `exchange`.

An exchange is a generator: it yields requests, is sent their responses, and returns the verdict. So an action that has to look something up
first is as pure and as testable as one that makes a single request.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

import msgspec

from ..errors import DestinationError, EventNotSupported, Fault, RetryError
from ..mapping import CompiledMapping, Field
from ..model.batch import Batch
from ..model.envelope import Envelope
from ..model.exchange import Request, Response
from ..model.outcome import Filtered, Judgement, Outcome, Raised, Rejected, Retry
from ..routing import Predicate
from ..settings import Settings
from ..text import storable
from .destination import Destination, Limits
from .oauth import Authority
from .payload import decode_event
from .verdict import verdict_by_status

_log = logging.getLogger("doorstep.sdk")

S = TypeVar("S", bound=Settings)

Event: TypeAlias = dict[str, Any]
Read: TypeAlias = Callable[[Envelope], Event]
"""What of an event the mappings read: at least that, as a dict that nobody changes. Raises InvalidEventPayload."""
Exchange: TypeAlias = Generator[Request, Response, Judgement]

_KINDS = frozenset({("type",), ("event",)})
_encode = msgspec.json.Encoder().encode


class Item(msgspec.Struct, frozen=True, gc=False):
    """One event, ready to be sent."""

    position: int
    """In the batch."""
    envelope: Envelope
    fields: dict[str, Any]
    """Mapped, coerced and valid, by name; only those that have a value."""
    body: bytes
    """The JSON of what `build` returned."""


class Action(Generic[S]):
    """One thing that a destination can do with events. Pure; one instance serves one version of the settings."""

    name: ClassVar[str]
    """What a configuration calls it: `track_event`."""
    label: ClassVar[str]
    description: ClassVar[str]
    trigger: ClassVar[str] = ""
    """FQL: which events it is for, unless the user says otherwise. "": none, it has to be asked for."""
    fields: ClassVar[Mapping[str, Field]]
    limits: ClassVar[Limits | None] = None
    """Of one request, where they differ from the destination's."""
    free_form: ClassVar[bool] = False
    """Whether a mapping makes whatever object its user likes: then there are no `fields`, and no default mapping."""
    share: ClassVar[tuple[str, ...]] = ()
    """Fields that all events of one request have in common: one user, one list."""
    idempotency: ClassVar[str] = ""
    """The field by which the vendor knows what it was sent before; "" if it does not. `doorstep check` warns where it is left out."""
    hashes: ClassVar[bool] = False
    """Whether `build` itself hashes what a mapping gives of a field with `hashed`. If not, `doorstep check` looks for `@hash` there."""

    def __init__(self, settings: S) -> None:
        self.settings = settings

    def build(self, fields: dict[str, Any], envelope: Envelope) -> Any:
        """What the vendor is told of one event, as a value that JSON can hold.

        Raises `ValidationError` or `InvalidEventPayload` for what it cannot be told, `EventNotSupported` for what is not for it.
        """
        return fields

    def request(self, items: Sequence[Item]) -> Request:
        """The one request that carries `items`, in order; their `body`s are made already."""
        raise NotImplementedError

    def verdict(self, response: Response, items: Sequence[Item]) -> Judgement:
        """What the response says about `items`. The default knows only status codes; `reported` adds how much was taken, where that
        is said."""
        return verdict_by_status(response)

    def exchange(self, items: Sequence[Item]) -> Exchange:
        """Override where it takes several requests, or one depends on the answer to another.

        It may be run again from the start, after a failure anywhere: each request must bear repeating.
        """
        response = yield self.request(items)
        return self.verdict(response, items)


class Preset(msgspec.Struct, frozen=True):
    """An action as it is used when the user says nothing: with a trigger and a mapping of its own in place of the class's."""

    action: type[Action[Any]]
    trigger: str = ""
    """In place of the action's."""
    mapping: Mapping[str, Any] = {}
    """In place of the defaults of these fields."""
    label: str = ""


class Use(msgspec.Struct, frozen=True, eq=False):
    """An action in use: under a name of the user's, with the trigger and mapping that hold for it."""

    name: str
    action: Action[Any]
    trigger: str
    mapping: Mapping[str, Any]
    version: str
    """Of the mapping: a hash of its content."""
    matches: Predicate
    compiled: CompiledMapping
    complete: Callable[[Any], dict[str, Any]]
    """The schema stage: from what was mapped to valid fields. Raises ValidationError."""
    key: CompiledMapping | None
    """The mapping of just the fields that a request's events share."""

    def fields(self, event: Event) -> dict[str, Any]:
        """The valid fields of an event. Raises ValidationError, UnmappableEvent."""
        return self.complete(self.compiled(event))


class Formed(msgspec.Struct, frozen=True):
    """What became of a batch when it was mapped."""

    items: list[Item]
    outcomes: dict[int, Outcome]
    """Of events that cannot be sent, by position."""
    limits: Limits

    def parts(self) -> list[list[Item]]:
        """The items in as many parts as the limits make necessary, in order."""
        if not self.limits.are_fixed:
            return [self.items] if self.items else []
        return list(_packed(self.items, self.limits))


class ActionDestination(Destination[S]):
    """A destination behind HTTP that is told of events by actions."""

    actions: ClassVar[tuple[type[Action[Any]], ...]]
    presets: ClassVar[Mapping[str, Preset]] = {}
    """What is in use when the user says nothing; {}: every action that has a trigger, under its own name."""
    authority: Authority | None = None
    """See `RequestDestination`."""

    def __init__(self, settings: S, uses: Iterable[Use] = (), read: Read = decode_event) -> None:
        """`uses`: the actions in use (see `using.equipped`); `read`: where decoded events come from."""
        super().__init__(settings)
        self._uses = {use.name: use for use in uses}
        self._read = read
        self._by_kind: dict[tuple[str | None, str | None], tuple[str, ...]] | None = None
        if all(use.matches.paths <= _KINDS for use in self._uses.values()):
            self._by_kind = {}

    @property
    def uses(self) -> Mapping[str, Use]:
        """The actions in use, by name, in the order in which an event goes through them."""
        return self._uses

    @property
    def paths(self) -> frozenset[tuple[str, ...]]:
        """The parts of an event that its triggers and mappings read."""
        return frozenset().union(*(use.matches.paths | use.compiled.paths for use in self._uses.values()))

    def sign(self, request: Request, batch: Batch, at: float) -> Request:
        """The request as it goes out at `at`: see `RequestDestination.sign`."""
        return request

    @property
    def only(self) -> str | None:
        """The one action in use, if it is the only one and any of its events may share a request; else None."""
        if len(self._uses) != 1:
            return None
        use = next(iter(self._uses.values()))
        return use.name if use.key is None else None

    # What the engine asks --------------------------------------------------------------------------------------------

    def wanted(self, envelope: Envelope) -> tuple[str, ...]:
        """The names of the actions that want this event. None for one that cannot be decoded: `form` then says so."""
        if self._by_kind is None:
            return self._wanted(envelope)
        kind = (envelope.event.type, envelope.event.event)
        names = self._by_kind.get(kind)
        if names is None:
            names = self._wanted_of({"type": kind[0], "event": kind[1]})
            if len(self._by_kind) < MAX_KINDS:
                self._by_kind[kind] = names
        return names

    def has(self, name: str) -> bool:
        """Whether there is an action of this name in use."""
        return name in self._uses

    def mapping_of(self, name: str) -> str:
        """The version of its mapping; "" for one that is not in use."""
        return self._uses[name].version if name in self._uses else ""

    def limits_of(self, name: str) -> Limits:
        """Of one request of this action."""
        own = self._uses[name].action.limits if name in self._uses else None
        return own or self.tuned(self.settings)

    def key_of(self, name: str, envelope: Envelope) -> Hashable:
        """What the event may share a request of this action with."""
        use = self._uses.get(name)
        if use is None or use.key is None:
            return None
        try:
            return _encode(use.key(self._read(envelope)))
        except DestinationError:
            return envelope.number  # alone: `form` says what is wrong with it

    def form(self, batch: Batch) -> Formed:
        """What the batch's action makes of its events."""
        use = self._uses.get(batch.action)
        items: list[Item] = []
        outcomes: dict[int, Outcome] = {}
        if use is None:
            return Formed(items, self._unwanted(batch), self.limits_of(batch.action))
        read, mapped, complete, build, encode = self._read, use.compiled, use.complete, use.action.build, _encode
        for position, envelope in enumerate(batch.envelopes):
            try:
                fields = complete(mapped(read(envelope)))
                items.append(Item(position, envelope, fields, encode(build(fields, envelope))))
            except (EventNotSupported, DestinationError) as error:
                outcomes[position] = outcome_of(error)
            except Exception as error:
                _log.exception("an action could not encode an event", extra={"facts": {"action": batch.action}})
                outcomes[position] = Rejected("encoding_error", type(error).__name__)
        limits = self.limits_of(batch.action)
        _take_out_oversize(items, outcomes, limits)
        return Formed(items, outcomes, limits)

    def _unwanted(self, batch: Batch) -> dict[int, Outcome]:
        """Of events that no action wants: what cannot be decoded is the event's fault, the rest is filtered."""
        outcomes: dict[int, Outcome] = {}
        for position, envelope in enumerate(batch.envelopes):
            try:
                self._read(envelope)
                outcomes[position] = NO_ACTION
            except DestinationError as error:
                outcomes[position] = outcome_of(error)
        return outcomes

    def exchange(self, batch: Batch, items: Sequence[Item]) -> Exchange:
        """The exchange by which the batch's action sends `items`."""
        return self._uses[batch.action].action.exchange(items)

    def _wanted(self, envelope: Envelope) -> tuple[str, ...]:
        try:
            return self._wanted_of(self._read(envelope))
        except DestinationError:
            return ()

    def _wanted_of(self, event: Event) -> tuple[str, ...]:
        return tuple(name for name, use in self._uses.items() if use.matches(event))


NO_ACTION = Filtered("no_action")
MAX_KINDS = 10_000
"""Different types and names of events that are remembered."""


def outcome_of(error: Exception) -> Outcome:
    """What an error that is about one event, raised before anything was sent, means for it."""
    if isinstance(error, EventNotSupported):
        return Filtered("not_supported")
    assert isinstance(error, DestinationError)
    if isinstance(error, RetryError):
        return Retry(storable(error.code), error.after)
    kind = Rejected if error.fault is Fault.EVENT else Raised
    return kind(storable(error.code), storable(str(error)))


def _take_out_oversize(items: list[Item], outcomes: dict[int, Outcome], limits: Limits) -> None:
    """What is too big for the vendor even alone is not sent in vain."""
    most = limits.max_item_bytes or limits.max_bytes
    if limits.are_fixed and any(len(item.body) > most for item in items):
        for item in [item for item in items if len(item.body) > most]:
            outcomes[item.position] = Rejected("too_large", f"{len(item.body)} bytes, at most {most} are taken")
            items.remove(item)


def _packed(items: Sequence[Item], limits: Limits) -> Iterator[list[Item]]:
    if len(items) <= limits.max_events and sum([len(item.body) for item in items]) + len(items) <= limits.max_bytes:
        if items:
            yield list(items)
        return
    part: list[Item] = []
    size = 0
    for item in items:
        if part and (len(part) >= limits.max_events or size + len(item.body) + 1 > limits.max_bytes):
            yield part
            part, size = [], 0
        part.append(item)
        size += len(item.body) + 1
    if part:
        yield part
