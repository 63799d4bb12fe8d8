"""What a disk can do to the journal: what was acknowledged is there, and nothing but JournalError ever comes out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import anyio
import pytest
from doorstep.engine.journal.committing import DISPOSE_EVERY_S, FLUSH_S, Limits
from doorstep.engine.journal.records import Position
from doorstep.engine.journal.store import Store
from doorstep.engine.model import Chunk

pytestmark = pytest.mark.anyio


async def test_a_chunk_goes_no_sooner_than_what_was_decided_of_it_is_written(
    open_log: Any, events: Any, tmp_path: Path
) -> None:
    """The parked copy is noted, its chunk may go, the power fails before the next flush: one of the two is in the file."""
    stored: list[Chunk] = []
    folder, image = tmp_path / "data", tmp_path / "image"
    async with open_log("disk", folder, stored, limits=Limits(retention_s=0.0)) as log:
        account = log.account("a", oldest=True)
        for first in (1, 2):
            await (await log.take(events(first, 1), "shop")).stored()
        await anyio.sleep(DISPOSE_EVERY_S - FLUSH_S / 2)
        position = Position(2)
        account.follow(lambda: position)
        account.park(stored[0].envelopes[0], due=9.0, waited_s=0.0, attempts=1, tries=[], replay=None)
        await anyio.sleep(FLUSH_S * 0.75)
        shutil.copytree(folder, image)
    store = Store(image)
    opened = store.opened()
    store.close(clean=False)
    assert opened.oldest == 1 or [row.number for row in opened.accounts["a"].parked] == [1]
