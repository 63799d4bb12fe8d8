"""Which messageIds were seen within the window: exact, bounded, lean. The memory behind `dedup = "24h"`.

    ids -> digests (16 bytes each) -> admit -> positions of the duplicates; the others are remembered
    journal at start-up -> load;  a commit that failed -> forget

Exact on 128 bits: no Bloom filter, whose false positive would be an event lost in silence.

*Buckets.* The first bits of a digest choose a bytearray; in it stand entries of 16 bytes, the number of a *lot* and the rest of the
digest, and `bytearray.find` looks through some twenty of them at the speed of C. No object per key, no table to be enlarged in one go.
*Lots.* Keys that were seen in the same 1/64 of the window, at most 1/64 of `max_keys` of them, make one lot, and a lot is
forgotten as one: a flag is cleared. What it leaves in the buckets (*stale* entries) counts as absent, and is swept up by those who come
by: by the next key of the bucket, and 1/64 of the buckets by each new lot.

Measured with CPython 3.11, chunks of 500 ids, `max_keys` 10 million, CPU in µs per event; two runs on two cores that others kept busy
(load 2.4 and 5), `digests` (0.35 to 0.55) included:

    keys remembered           0            1 M          5 M          10 M         10 M, as many go as come
    all new                   1.5 to 2.1   2.2 to 2.3   1.9 to 2.3   2.1 to 2.7   2.1 to 2.6
    all duplicates            1.6 to 2.2   2.1 to 2.4   2.1 to 2.3   2.2 to 2.5
    load, up to here                       0.7 to 0.9   0.7 to 1.05  0.75 to 1.0
    resident MB               38           65           167          273          347

Refused: a set of bytes, twice as fast, but 911 MB, and the one insertion that enlarges it holds everything up for 0.5 s or more. Open
addressing in an array (not built) would be as lean, but growing stops the world too, and each key that is over must be taken out alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from hashlib import blake2b
from math import inf
from struct import iter_unpack

import msgspec

DIGEST_BYTES = 16
SLICES = 64
"""A key is remembered for at most this part of the window too long; at most this part of `max_keys` is forgotten as one."""
BUCKET_KEYS = 24
"""At most so many keys to a bucket, on average. Twice as many save 4 bytes a key and cost 0.5 µs an event."""
MIN_BUCKETS = 256
"""The first byte of a digest is not stored, so the number of its bucket must tell it."""
BUCKET_BYTES = 72
KEY_BYTES = 25
"""Bucket object, its place in the list, what the allocator rounds up; entry and room to grow. Both measured."""

_EMPTY = blake2b(digest_size=DIGEST_BYTES)
"""Copying it is a quarter faster than making one. It also beats MD5 and SHA-256, and nobody can make two ids collide."""


def digests(ids: Sequence[str]) -> bytes:
    """BLAKE2b-128 of the UTF-8 of each id, one after another: 16 bytes each. The journal keeps them: never change this.

    Any text is an id, a lone surrogate too; different texts give different bytes to the hash.
    """
    found: list[bytes] = []
    for one in ids:
        digest = _EMPTY.copy()
        digest.update(one.encode("utf-8", "surrogatepass"))
        found.append(digest.digest())
    return b"".join(found)


class SeenStatistics(msgspec.Struct, frozen=True):
    """As of the last call."""

    keys: int
    max_keys: int
    forgotten_early: int
    """Keys that had to go before their time because of `max_keys`, ever."""
    duplicates: int
    """Positions that `admit` returned, ever."""
    size_bytes: int
    """An estimate, stale entries included."""


class _Lot(msgspec.Struct):
    """Keys that are forgotten together."""

    number: int
    """What stands in its entries."""
    slot: int
    """Which slice of time they were seen in."""
    count: int = 0


class Seen:
    """What one ingress has seen in the last `window_s` seconds, at most `max_keys` of it. For one thread.

    A key is remembered from when it was first seen for `window_s`, and up to `window_s / 64` more. When one too many comes, the oldest
    lot goes first: between one key and `max_keys / 64`.

    `now` and `seen_at` are UTC seconds. Time counts forwards only: when the clock is set back (by more than `window_s / 64`; less is
    taken for noise) no time has passed, and what was seen at a time that is still to come counts as seen now. A clock set forward makes
    keys old early, which lets duplicates through and loses nothing. Raises ValueError for a window or bound that is not positive.
    """

    def __init__(self, window_s: float, max_keys: int) -> None:
        if not 0 < window_s < inf or max_keys < 1:
            raise ValueError("the window and max_keys must be positive")
        self._width_s = window_s / SLICES
        self._max_keys = max_keys
        self._lot_keys = max(1, max_keys // SLICES)
        bits = max(MIN_BUCKETS - 1, (max_keys - 1) // BUCKET_KEYS).bit_length()
        self._mask = (1 << bits) - 1
        self._buckets = [bytearray() for _ in range(1 << bits)]
        self._lots: dict[int, _Lot] = {}
        self._alive = bytearray(256)
        self._free = list(range(256))
        self._dead: deque[tuple[int, int]] = deque()
        """Numbers of lots that have left stale entries, and the value of `_swept` at which these are gone."""
        self._swept = 0
        self._time = -inf
        self._offset_s = 0.0
        self._expired = -inf
        self._keys = self._stale = self._forgotten_early = self._duplicates = 0
        self._is_warned = False

    def admit(self, digests: bytes, now: float) -> list[int]:
        """The positions of the digests that were seen within the window, or earlier in this call; the others are remembered.

        A duplicate may be acknowledged only when the event that it repeats is durable: settle both with the same commit.
        """
        slot = self._slot(self._tick(now))
        chosen = self._choose(digests)
        alive, room = self._alive, 0
        known: list[int] = []
        for position, bucket, (tail,) in zip(range(len(chosen)), chosen, iter_unpack("x15s", digests), strict=True):
            if tail in bucket and self._find(bucket, tail):
                known.append(position)
                continue
            if not room:
                lot, room = self._reserve(slot, len(chosen))
            if bucket and not alive[bucket[0]]:
                self._remove(bucket, 1)
            room -= 1
            bucket.append(lot.number)
            bucket += tail
        if room:
            self._give_back(lot, room)
        self._duplicates += len(known)
        return known

    def load(self, digests: bytes, seen_at: float, now: float) -> None:
        """Remembers what the journal says was seen at `seen_at`. To be called in the order in which it was admitted.

        It does not look whether one is there already, which would double the time: that one counts as two keys until the first goes.
        """
        time = self._tick(now)
        slot = self._slot(min(seen_at + self._offset_s, time))
        chosen = self._choose(digests) if slot > self._expired else []
        start = 0
        while start < len(chosen):
            lot, room = self._reserve(slot, len(chosen) - start)
            entries = bytearray(digests[start * DIGEST_BYTES : (start + room) * DIGEST_BYTES])
            entries[::DIGEST_BYTES] = bytes([lot.number]) * room
            for bucket, (entry,) in zip(chosen[start : start + room], iter_unpack("16s", entries), strict=True):
                bucket += entry
            start += room

    def forget(self, digests: bytes) -> None:
        """Takes back what `admit` remembered for a commit that failed: without the duplicates, whose first is somebody else's."""
        for bucket, (tail,) in zip(self._choose(digests), iter_unpack("x15s", digests), strict=True):
            while at := self._find(bucket, tail):
                self._remove(bucket, at)

    def is_warning_due(self) -> bool:
        """True once: the first time it is asked with `max_keys` remembered, or some forgotten early."""
        if self._is_warned or (self._keys < self._max_keys and not self._forgotten_early):
            return False
        self._is_warned = True
        return True

    def statistics(self) -> SeenStatistics:
        """What is remembered as of the last call."""
        size_bytes = len(self._buckets) * BUCKET_BYTES + (self._keys + self._stale) * KEY_BYTES
        return SeenStatistics(self._keys, self._max_keys, self._forgotten_early, self._duplicates, size_bytes)

    def __repr__(self) -> str:
        return f"<Seen {self._keys} of {self._max_keys} keys in {len(self._lots)} lots, {self._stale} stale>"

    # Time

    def _tick(self, now: float) -> float:
        """The time that only goes forwards, with everything that is over by then forgotten."""
        time = now + self._offset_s
        if time < self._time - self._width_s:
            self._offset_s += self._time - time
        if time > self._time:
            self._time = time
            self._expire(self._slot(time) - SLICES - 1)
        return self._time

    def _slot(self, time: float) -> int:
        return int(time // self._width_s)

    def _expire(self, slot: int) -> None:
        """Everything up to `slot`, the last one whose end is at least a window ago, is forgotten."""
        if slot > self._expired:
            self._expired = slot
            for lot in [lot for lot in self._lots.values() if lot.slot <= slot]:
                self._drop(lot)

    # Keys

    def _choose(self, digests: bytes) -> list[bytearray]:
        """The bucket of each digest. All at once: a processor waits for many of them at a time, and so half as long."""
        mask = self._mask
        return list(map(self._buckets.__getitem__, [place & mask for (place,) in iter_unpack("<I12x", digests)]))

    def _find(self, bucket: bytearray, tail: bytes) -> int:
        """Where `tail` stands in an entry that is not stale; 0 if nowhere. What straddles two entries does not count."""
        at = bucket.find(tail)
        while at >= 0 and (at % DIGEST_BYTES != 1 or not self._alive[bucket[at - 1]]):
            at = bucket.find(tail, at + 1)
        return max(at, 0)

    def _remove(self, bucket: bytearray, at: int) -> None:
        """Deletes the entry whose digest begins at `at`, stale or not."""
        lot = self._lots.get(bucket[at - 1])
        if lot:
            lot.count -= 1
            self._keys -= 1
        else:
            self._stale -= 1
        del bucket[at - 1 : at + DIGEST_BYTES - 1]

    # Lots

    def _reserve(self, slot: int, wanted: int) -> tuple[_Lot, int]:
        """A lot of `slot`, and how many of the `wanted` keys it takes, at least one, whatever must go for it; they count at once."""
        while self._keys >= self._max_keys:
            self._drop_oldest()
        lot = self._lot(slot)
        room = min(wanted, self._lot_keys - lot.count, self._max_keys - self._keys)
        lot.count += room
        self._keys += room
        return lot, room

    def _give_back(self, lot: _Lot, room: int) -> None:
        lot.count -= room
        self._keys -= room

    def _lot(self, slot: int) -> _Lot:
        for lot in reversed(self._lots.values()):
            if lot.slot == slot and lot.count < self._lot_keys:
                return lot
        number = self._free_number()
        self._alive[number] = 1
        self._lots[number] = lot = _Lot(number, slot)
        return lot

    def _free_number(self) -> int:
        """One that no entry bears. Each new lot sweeps 1/64 of the buckets (some 10 ms of 2**19), so no number is missing for longer than
        64 lots; as some 130 lots at most are alive, 256 are enough, unless `forget` left many lots nearly empty.
        """
        self._sweep(-(-len(self._buckets) // SLICES))
        while not self._free:
            if not self._dead:
                self._drop_oldest()
            self._sweep(len(self._buckets))
        return self._free.pop()

    def _drop_oldest(self) -> None:
        oldest = min(self._lots.values(), key=lambda lot: lot.slot)
        self._forgotten_early += oldest.count
        self._drop(oldest)

    def _drop(self, lot: _Lot) -> None:
        """Its keys are not remembered any more; its number is free again after one round of the sweep."""
        del self._lots[lot.number]
        self._alive[lot.number] = 0
        self._keys -= lot.count
        self._stale += lot.count
        self._dead.append((lot.number, self._swept + len(self._buckets)))

    def _sweep(self, count: int) -> None:
        """Deletes the stale entries of the next `count` buckets, in a round that never ends."""
        start = self._swept & self._mask
        swept = self._buckets[start : start + count]
        if self._stale:
            for bucket in swept:
                flags = bucket[::DIGEST_BYTES].translate(self._alive)
                if 0 in flags:
                    self._clean(bucket, flags)
        self._swept += len(swept)
        while self._dead and self._dead[0][1] <= self._swept:
            self._free.append(self._dead.popleft()[0])

    def _clean(self, bucket: bytearray, flags: bytearray) -> None:
        """Deletes the entries whose flag is 0: the run of old ones in front, then the rare others from the end."""
        self._stale -= flags.count(0)
        front = len(flags) - len(flags.lstrip(b"\0"))
        at = len(flags)
        while (at := flags.rfind(0, front, at)) >= 0:
            del bucket[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES]
        del bucket[: front * DIGEST_BYTES]
