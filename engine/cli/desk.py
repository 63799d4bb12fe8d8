"""How a command comes to a journal: through the engine that runs on it, or, while none does, by opening it for itself.

options -> Place -> open_desk -> Desk -> what was asked -> stdout
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import anyio
import click
import msgspec

from ..admin.place import find_place
from ..config import load_config
from ..errors import ConfigError, NotRunning, Problem, Unanswered
from ..journal.desk import Desk
from ..journal.folder import expect_journal
from ..journal.local_desk import LocalDesk
from ..journal.queries import Queries
from ..journal.storage import OnTheSpot
from ..journal.store import Store
from . import exits
from .options import config_option, config_paths, prints_aside

if TYPE_CHECKING:
    from ..admin.client import RemoteDesk

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a journal is, and what the configuration says that speaks of it."""

    folder: Path
    spec: Literal["segment", "any"] = "segment"
    known: frozenset[str] = frozenset()
    """The destinations that are configured."""
    owners: Mapping[str, str] = {}
    """Who is asked about them."""


class Refused(click.ClickException):
    """What was asked for cannot be done; for whoever typed it."""

    exit_code = exits.USAGE


class Missing(click.ClickException):
    """What was asked for is not there."""

    exit_code = exits.INCOMPLETE


class Silent(click.ClickException):
    """An engine runs and does not answer: to be tried again."""

    exit_code = exits.PENDING


def journal_options(command: F) -> F:
    """`-c FILE` and `--data-dir DIR`: where the journal is."""
    data_dir = click.option(
        "--data-dir", metavar="DIR", help="Where the journal lives; without -c, no configuration is read."
    )
    return config_option(data_dir(command))


def place_of(configs: tuple[str, ...], data_dir: str | None) -> Place:
    """Raises ConfigError."""
    if data_dir is not None and not configs:
        return Place(folder=Path(data_dir))
    with prints_aside():
        config = load_config(*config_paths(configs))
    if data_dir is None and config.engine.durability == "memory":
        message = 'is "memory": there is no journal; with durability = "disk" there is one'
        raise ConfigError([Problem("engine.durability", message)])
    return Place(
        folder=Path(data_dir or config.engine.data_dir),
        spec=config.engine.spec,
        known=frozenset(config.destinations),
        owners={name: one.owner for name, one in config.destinations.items() if one.owner},
    )


@asynccontextmanager
async def open_desk(place: Place) -> AsyncIterator[Desk]:
    """The desk of that journal. Raises ConfigError if there is none for this user, JournalError if it cannot be used."""
    async with AsyncExitStack() as stack:
        try:
            desk: Desk = await stack.enter_async_context(_connected(place.folder))
        except NotRunning:
            desk = _opened(stack, place)
        yield desk


@asynccontextmanager
async def _connected(folder: Path) -> AsyncIterator[RemoteDesk]:
    """The desk of the engine that runs on `folder`. Raises NotRunning if none does, Unanswered, and what `find_place` raises.

    The client is imported when there is an engine to be asked: it takes as long as all else that a command needs.
    """
    find_place(folder)
    from ..admin.client import connect

    async with connect(folder) as desk:
        yield desk


def _opened(stack: AsyncExitStack, place: Place) -> LocalDesk:
    expect_journal(place.folder)
    store = Store(place.folder)
    stack.callback(store.close, clean=False)
    queries = Queries(place.folder)
    stack.callback(queries.close)
    worker = OnTheSpot()
    return LocalDesk(store, queries, worker, worker, utc=time.time, spec=place.spec, known=place.known)


def ask(place: Place, question: Callable[[Desk], Awaitable[T]]) -> T:
    """What the desk answers. Raises Missing, Silent, and what `open_desk` raises."""

    async def main() -> T:
        async with open_desk(place) as desk:
            return await question(desk)

    return _run(place, main)


def ask_engine(place: Place, question: Callable[[RemoteDesk], Awaitable[T]]) -> T:
    """The same of what only an engine that runs can say. Raises Missing if none does."""

    async def main() -> T:
        async with _connected(place.folder) as desk:
            return await question(desk)

    return _run(place, main)


def look_on(place: Place, question: Callable[[RemoteDesk], Awaitable[None]]) -> None:
    """As `ask_engine`, for what goes on until the engine ends or somebody presses Ctrl-C: neither is an error, once it has begun.

    The loop listens to Ctrl-C itself. Python alone would not hear of one that comes as the loop falls asleep, until the next event.
    """

    async def until_interrupted(desk: RemoteDesk) -> None:
        with anyio.CancelScope() as scope:
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, scope.cancel)
            await question(desk)

    with suppress(KeyboardInterrupt):
        ask_engine(place, until_interrupted)


def _run(place: Place, main: Callable[[], Awaitable[T]]) -> T:
    try:
        return anyio.run(main)
    except LookupError as error:
        if type(error) is not LookupError:  # a slip of ours
            raise
        raise Missing(str(error)) from error
    except NotRunning as error:
        raise Missing(f"no engine runs on {place.folder}; `doorstep run` starts one") from error
    except Unanswered as error:
        raise Silent(str(error)) from error
