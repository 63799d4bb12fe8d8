"""The journal: events are written once, numbered, and read by each destination at its own pace, from where its cursor stands.

    pipeline -> take -> (durable) -> on_stored -> fleet ... account: read -> settle, park, bury -> (written with the next commit)

| file | what |
|---|---|
| `log.py`, `records.py` | the seam: what the engine asks of a log, and what is kept of a destination |
| `memory.py` | the twin without a disk: bounded, and nothing survives |
| `disk.py`, `account.py`, `cache.py`, `room.py`, `taken.py` | the loop's side of the journal on disk |
| `committing.py` | when it writes, and what it does when it cannot |
| `storage.py` | the threads |
| `store.py`, `queries.py`, `schema.py`, `blob.py` | the file: writing, reading, its tables, a chunk as bytes |

Only the last row knows SQLite. Knows events and chunks, nothing of delivery but that there are destinations.
"""

from .disk import DiskLog
from .log import Account, Log, Ticket
from .memory import NOTHING, MemoryLog
from .opening import open_disk_log

__all__ = ["NOTHING", "Account", "DiskLog", "Log", "MemoryLog", "Ticket", "open_disk_log"]
