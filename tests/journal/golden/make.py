"""Writes `format-1/`: a journal as version 1 of the format has it, for `test_opening.py`. The file is packed: most of its pages are empty.

    python tests/journal/golden/make.py

Run it again only while no user has a journal of that format.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
from array import array
from pathlib import Path

from doorstep.engine.journal.blob import joined
from doorstep.engine.journal.commits import Arrival, Commit
from doorstep.engine.journal.records import (
    Attempt,
    Changes,
    DeadLetter,
    Gap,
    OpenChunk,
    ParkedEvent,
    Position,
    Standing,
    Try,
)
from doorstep.engine.journal.store import Store, hash_of

FOLDER = Path(__file__).with_name("format-1")
TRIES = [Try(1700000010.0, "http_500", 500), Try(1700000020.0, "timeout")]


def arrival(source: str, received: float, *numbers: int, digests: bytes = b"") -> Arrival:
    lines = [b'{"type":"track","userId":"u","event":"E","messageId":"m-%d"}' % number for number in numbers]
    hashes = array("I", [hash_of(f"m-{number}") for number in numbers])
    return Arrival(joined(source, received, lines), hashes.tobytes(), digests)


def changes() -> Changes:
    line = b'{"type":"track","userId":"u","event":"E","messageId":"m-2"}'
    dead = DeadLetter(
        destination="crm",
        number=1,
        message_id="m-1",
        type="track",
        event="E",
        line=line.replace(b"m-2", b"m-1"),
        source="shop",
        received=1700000000.5,
        reason="http_400",
        status=400,
        excerpt="no such ***",
        tries=TRIES,
        version="v1",
        first_at=1700000010.0,
        last_at=1700000030.0,
    )
    parked = ParkedEvent(
        number=2,
        line=line,
        source="shop",
        received=1700000000.5,
        due=1700000100.0,
        waited_s=12.5,
        attempts=3,
        tries=TRIES,
    )
    return Changes(
        name="crm",
        position=Position(5, (OpenChunk(1, 3, b"\x03"),)),
        standing=Standing(paused=True),
        parked={2: parked},
        dead=[dead],
        attempts=[Attempt(1700000010.0, 7, "failed", "http_500", 500, 1, [(1, 2)])],
        gaps=[Gap(4, 4, "expired", 1700000005.0)],
        version="v1",
        plan=b'{"a":1}',
    )


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        store.commit(
            Commit(
                arrivals=[
                    arrival("shop", 1700000000.5, 1, 2, digests=bytes(range(32))),
                    arrival("till", 1700000001.0, 3),
                ]
            )
        )
        store.commit(Commit(arrivals=[arrival("shop", 1700000002.0, 4)], changes=[changes()]))
        store.commit(Commit(arrivals=[arrival("shop", 1700000003.0, 5, 6)]))
        store.work(lambda connection: connection.execute("UPDATE journal SET id = '0f1e2d3c', created = 1700000000"))
        store.close(clean=True)
        FOLDER.mkdir(exist_ok=True)
        packed = gzip.compress((Path(folder) / "journal.db").read_bytes(), mtime=0)
        (FOLDER / "journal.db.gz").write_bytes(packed)
        (FOLDER / "durable").write_bytes((Path(folder) / "durable").read_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
