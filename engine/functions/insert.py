"""Insert functions: a user's code between the events and a destination. `delivery` calls them when it forms a batch.

    batch -> breaker of its own -> handlers -> for each event the bytes that go on, or what became of it

One object serves all destinations that the function is for: they share its thread, its cache and its breaker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..errors import Fault, RetryError
from ..model.batch import Batch
from ..model.outcome import Failure, Raised, Rejected, Retry, Untried
from ..net import NetSettings
from ..policy.breaker import Breaker, BreakerSettings, Permit
from .calling import Answer, Caller, Result
from .fetching import OpenTransport
from .finishing import InsertFinish
from .function import FunctionSettings
from .runtime import Bounds, Runtime
from .settings import InsertSettings, inserts_before
from .sink import way_out


class InsertFunction:
    """One insert function. `open` and `close` once for each destination that uses it; `transform` in between."""

    def __init__(
        self,
        name: str,
        settings: FunctionSettings,
        *,
        bounds: Bounds | None = None,
        monotonic: Callable[[], float],
        random: Callable[[], float],
        open_transport: OpenTransport | None = None,
    ) -> None:
        self.name = name
        bounds = bounds or Bounds()
        caller = Caller(name, settings, InsertFinish())
        self._runtime = Runtime(caller, bounds, open_transport or way_out(NetSettings()))
        self._breaker = Breaker(BreakerSettings(), random, lease_s=2 * bounds.limit_s)
        self._now = monotonic

    async def open(self) -> None:
        """The thread starts with the first batch."""
        self._runtime.open()

    async def transform(self, batch: Batch) -> list[Result]:
        """For each event, in order: its bytes as they go on, or `Filtered`, `Rejected`, `Retry`, `Raised`, `Untried`.

        Raises RetryError while the function's breaker is open, and `FunctionStuck`: nothing was called then, and the batch may come again.
        """
        permit = self._breaker.admit(self._now())
        if permit is None:
            after = self._breaker.wait_s(self._now())
            raise RetryError(
                f"the insert function {self.name} failed too often and is not called", after=max(0.1, after)
            )
        try:
            answer = await self._runtime.run(batch.envelopes)
        except BaseException:
            self._breaker.release(permit)
            raise
        self._record(permit, answer)
        return _of_each(answer, len(batch))

    async def close(self) -> None:
        """After the last one the thread ends."""
        await self._runtime.close()

    def __repr__(self) -> str:
        return f"<InsertFunction {self.name}: {self._breaker!r}>"

    def _record(self, permit: Permit, answer: Answer) -> None:
        results = _of_each(answer, 1)
        reasons = {result.reason for result in results if isinstance(result, Raised)}
        if "function_timeout" in reasons:
            self._breaker.trip(permit, self._now())
        else:
            is_sound = any(not isinstance(result, Raised | Untried | Retry) for result in results)
            self._breaker.record(permit, is_sound, self._now())


def _of_each(answer: Answer, count: int) -> list[Result]:
    """What `on_batch` raised holds for each event of the batch."""
    if not isinstance(answer, Failure):
        return answer
    if answer.fault is Fault.EVENT:
        return [Rejected(answer.reason, answer.detail)] * count
    if answer.fault is Fault.TRANSIENT:
        return [Retry(answer.reason, answer.after, answer.detail)] * count
    return [Raised(answer.reason, answer.detail)] * count


class Inserts:
    """The insert functions of a configuration. What did not change goes on from one configuration to the next."""

    def __init__(self, monotonic: Callable[[], float], random: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._random = random
        self._made: dict[str, tuple[object, InsertFunction]] = {}
        self._wanted: Mapping[str, InsertSettings] = {}

    def reconcile(self, wanted: Mapping[str, InsertSettings], versions: Mapping[str, str], net: NetSettings) -> None:
        """Makes them what `wanted` says, in its order; the same version (`config.insert_version`) is the same object."""
        made: dict[str, tuple[object, InsertFunction]] = {}
        for name, settings in wanted.items():
            key = (versions[name], net)
            before = self._made.get(name)
            made[name] = before if before and before[0] == key else (key, self._make(name, settings, net))
        self._made = made
        self._wanted = wanted

    def before(self, destination: str) -> tuple[InsertFunction, ...]:
        """Those that an event passes on its way to `destination`, in the order of the configuration."""
        return tuple(self._made[name][1] for name in inserts_before(self._wanted, destination))

    def __repr__(self) -> str:
        return f"<Inserts {', '.join(self._made)}>"

    def _make(self, name: str, settings: InsertSettings, net: NetSettings) -> InsertFunction:
        assert isinstance(settings.settings, FunctionSettings)
        return InsertFunction(
            name,
            settings.settings,
            bounds=Bounds(limit_s=settings.timeout),
            monotonic=self._monotonic,
            random=self._random,
            open_transport=way_out(net),
        )
