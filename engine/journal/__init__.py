"""The journal: events are written once, numbered, and read by each destination at its own pace, from where its cursor stands.

    pipeline -> take -> (durable) -> on_stored -> fleet ... account: read -> settle, park, bury -> (written with the next commit)

| file | what |
|---|---|
| `log.py`, `records.py`, `plans.py` | the seam: what the engine asks of a log, and what is kept of a destination |
| `memory.py` | the twin without a disk: bounded, and nothing survives |
| `opening.py`, `disk.py`, `account.py`, `cache.py`, `room.py`, `taken.py`, `frames.py` | the loop's side of the journal on disk |
| `dedup.py`, `seen.py` | repeats, by `messageId` |
| `committing.py`, `storage.py` | when it writes, and what it does when it cannot; the threads |
| `store.py`, `commits.py`, `disposing.py`, `queries.py` | the file: writing, what goes with it, deleting, reading |
| `schema.py`, `blob.py`, `sealing.py`, `rows.py`, `translating.py` | its tables, a chunk and a row as bytes, errors |
| `folder.py` | what stands beside it: lock, ballast, how far acks went |
| `desk.py`, `local_desk.py`, `hands.py` | what people ask of it: the contract, and its keeper |
| `letters.py`, `replaying.py`, `stepping.py`, `explaining.py`, `standing.py` | dead letters, replays, an event's life: in SQL |
| `checking.py`, `salvage.py`, `pages.py`, `untouched.py` | a journal that is damaged: said, and rescued, never written to |

Knows events and chunks, nothing of delivery but that there are destinations.
"""

from .disk import DiskLog
from .log import Account, Log, Ticket
from .memory import NOTHING, MemoryLog
from .opening import open_disk_log

__all__ = ["NOTHING", "Account", "DiskLog", "Log", "MemoryLog", "Ticket", "open_disk_log"]
