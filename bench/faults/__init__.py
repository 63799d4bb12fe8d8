"""Faults on purpose: disks that fail, forget, tear, rot or fill up, for whatever keeps its data in SQLite.

    RecordingVfs -> Record (operations + marks) -> crash_images -> Image -> open it, compare with the marks before it
    FaultyVfs    fails the k-th write, sync, truncate, open, read or delete, as the real VFS would
    damage       one random wound in a file       limited_folder, limited_files       a disk that is soon full

Nothing here imports the engine, and nothing sleeps. Randomness is a `random() -> float` that the caller seeds. How the journal
is tested with it (`open_journal` stands for whatever opens one with its connections made as `apsw.Connection(path, vfs=...)`):

    with RecordingVfs("recording") as vfs:
        journal = open_journal(folder, vfs="recording")
        for chunk in chunks:
            vfs.record.mark(("acked", journal.append_and_wait(chunk)))     # in the thread that acknowledges
        journal.close()
    boundaries = sorted(rng.randrange(len(vfs.record) + 1) for _ in range(500))
    for image in crash_images(vfs.record, boundaries, rng.random):
        image.write_to(scratch)                                            # on /dev/shm, if there is one
        with open_journal(scratch) as survivor:
            assert {n for _, n in vfs.record.marks_before(image.boundary)} <= survivor.numbers()

    with FaultyVfs("faulty") as vfs:
        journal = open_journal(folder, vfs="faulty")
        vfs.fail("sync", k, Fault.IO_ERROR, times=3, file="-wal")          # or times=None and vfs.heal()
        ...
        assert vfs.failed                                                  # it did take place

A file that is written beside SQLite takes part in the images if its writes are recorded as well:
`vfs.record.add(Write("durable", 0, data))`. Recording syncs real files: let the folder be on tmpfs and nothing waits.
"""

from .crash import Image, crash_images, images
from .disk import Disk
from .record import Delete, FailedSync, Mark, Open, Record, Sync, Truncate, Write
from .rot import Damage, damage
from .small import can_mount, limited_files, limited_folder
from .vfs import Failed, Fault, FaultyVfs, RecordingVfs

__all__ = [
    "Damage",
    "Delete",
    "Disk",
    "Failed",
    "FailedSync",
    "Fault",
    "FaultyVfs",
    "Image",
    "Mark",
    "Open",
    "Record",
    "RecordingVfs",
    "Sync",
    "Truncate",
    "Write",
    "can_mount",
    "crash_images",
    "damage",
    "images",
    "limited_files",
    "limited_folder",
]
