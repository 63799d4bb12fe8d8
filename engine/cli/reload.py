"""A new configuration for a running engine: on SIGHUP, or because the files changed. A bad one is reported, and the old one stays."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from ..app import Engine
from ..catalogue import Catalogue
from ..config import Changes, Config, check, load_config, sources
from ..errors import ConfigError, Problem

_log = logging.getLogger("doorstep.reload")

DEBOUNCE_MS = 200
"""How long to go on listening after a change: an editor writes a file in several steps."""

LOOK_EVERY_MS = 5000


class Reloader:
    """Of one engine and the files it was configured from."""

    def __init__(self, engine: Engine, config: Config, paths: Sequence[str], catalogue: Catalogue) -> None:
        self._engine = engine
        self._paths = list(paths)
        self._catalogue = catalogue
        self._named = sources(config)
        """Files that the configuration names, and that are read with it."""
        self._lock = anyio.Lock()

    async def reload(self) -> None:
        """Reads the files and swaps, or says why not. Never raises for what is in them."""
        if not self._paths:
            _log.warning("nothing to reload: the configuration is from no file")
            return
        try:
            await self.apply()
        except ConfigError as error:
            for problem in error.problems:
                _log.error("not reloaded, the old configuration stays: %s", problem)

    async def check(self) -> list[Problem]:
        """All that is wrong with the files as they are now."""
        return await anyio.to_thread.run_sync(partial(check, self._paths, catalogue=self._catalogue))

    async def apply(self) -> Changes:
        """Reads the files and swaps. Raises ConfigError; then the old configuration stays."""
        async with self._lock:
            try:
                config = await anyio.to_thread.run_sync(self._load)
            except ConfigError as error:
                # Also the file that is wrong now: it may be one that the old configuration does not know.
                self._named |= {problem.file for problem in error.problems if problem.file}
                raise
            self._named = sources(config)
            changed = self._engine.reload(config)
        _say(changed)
        return changed

    async def watch(self, stop: anyio.Event) -> None:
        """Reloads when what is in the files has changed, until `stop`.

        Whole folders are watched, not names in them: an editor replaces a file, Kubernetes a link in the folder above it.
        """
        import watchfiles  # with its own runtime: only for those who watch

        seen = await anyio.to_thread.run_sync(self._contents)
        while not stop.is_set():
            folders = self._folders()
            changes = watchfiles.awatch(
                *folders,
                watch_filter=None,
                debounce=DEBOUNCE_MS,
                recursive=False,
                stop_event=stop,
                rust_timeout=LOOK_EVERY_MS,
                yield_on_timeout=True,  # what changed while the folders were exchanged was not seen
            )
            async for _ in changes:
                now = await anyio.to_thread.run_sync(self._contents)
                if now != seen:
                    await self.reload()
                    after = await anyio.to_thread.run_sync(self._contents)
                    seen = {path: now.get(path, text) for path, text in after.items()}
                if self._folders() != folders:
                    break

    def _load(self) -> Config:
        return load_config(*self._paths, catalogue=self._catalogue)

    def _files(self) -> list[str]:
        return sorted({*self._paths, *self._named})

    def _folders(self) -> list[str]:
        folders = {str(Path(path).absolute().parent) for path in self._files()}
        return sorted(folder for folder in folders if Path(folder).is_dir())

    def _contents(self) -> dict[str, bytes | None]:
        return {path: _read(path) for path in self._files()}


def _read(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except OSError:
        return None


def _say(changes: Changes) -> None:
    """One line for what changed, one for each thing that did not although it should."""
    facts = {
        "added": ",".join(changes.added),
        "removed": ",".join(changes.removed),
        "changed": ",".join(path for paths in changes.changed.values() for path in paths),
    }
    facts = {name: value for name, value in facts.items() if value}
    _log.info("reloaded" if facts else "reloaded: nothing changed", extra={"facts": facts})
    for problem in changes.needs_restart:
        _log.warning("%s: %s", problem.path, problem.message)
