"""What raw segments were read as, remembered across looks, so that the cost of a look follows what changed.

All feeds share one memory with a budget in bytes, because bounding each of ten thousand feeds by itself would bound
nothing: a feed of 50 entries of 2 KB takes about 250 KB. Looks that find nothing new never ask, so what is asked for
is what feeds that change hold. A segment is known by its digest (128 bits, keyed by feed and readers), so one feed
never sees what another one's document was read as.

Feeds make room as a whole, and any one may have to, by chance: they are read in turns, and if the one that was not read
for longest had to, each would be forgotten just before it is read again as soon as there are a few too many of them. Of
one feed, what its documents have not shown for a while is forgotten in any case.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable
from random import randrange
from typing import Any, TypeVar

import msgspec

from deltawire.formats.base import Memo
from deltawire.formats.foreign import segment

T = TypeVar("T")

_KEY = 32
_DIGEST = 16
_OVERHEAD = 500
"""Bytes that remembering a segment takes beside it: digest, tuple, place in the dictionary, the entry's own digest."""

_READINGS = 32
"""Readings of a feed's documents, of which one look can take a dozen, after which what none of them showed is old."""


class Memory:
    """The memory of all feeds; may be used by several threads. ``generation`` names the versions of the readers.

    ``hits`` and ``misses`` count segments recalled and read, ``size`` is in bytes.
    """

    def __init__(self, budget: int, generation: str) -> None:
        self.hits = 0
        self.misses = 0
        self.size = 0
        self._budget = budget
        self._generation = generation
        self._feeds: dict[bytes, _Held] = {}
        self._keys: list[bytes] = []
        self._lock = threading.Lock()

    def of(self, feed: str) -> Memo:
        """The memory of one feed, for one reading of a document."""
        key = hashlib.blake2b(f"{self._generation}\0{feed}".encode(), digest_size=_KEY).digest()
        with self._lock:
            if (held := self._feeds.get(key)) is not None:
                self.size -= held.age()
        return _OfOneFeed(self, key)

    def recall(self, key: bytes, digest: bytes, read: Callable[[], T]) -> T:
        with self._lock:
            held = self._feeds.get(key)
            known = held.find(digest) if held is not None else None
            if known is not None:
                self.hits += 1
                value: T = known[0]
                return value
            self.misses += 1
        value = read()
        size = _OVERHEAD + weight(value)
        if size <= self._budget:
            with self._lock:
                self._keep(key, digest, value, size)
        return value

    def _keep(self, key: bytes, digest: bytes, value: object, size: int) -> None:
        held = self._feeds.get(key)
        if held is None:
            held = self._feeds[key] = _Held(place=len(self._keys))
            self._keys.append(key)
        if held.find(digest) is not None:
            return
        held.fresh[digest] = value, size
        held.size += size
        self.size += size
        while self.size > self._budget:
            if len(self._keys) == 1:
                self.size -= held.forget_oldest()
            else:
                # Any but this one.
                other = held.place - randrange(1, len(self._keys))  # noqa: S311 - no secret
                self._forget(self._keys[other])

    def _forget(self, key: bytes) -> None:
        gone = self._feeds.pop(key)
        self.size -= gone.size
        last = self._keys.pop()
        if last != key:
            self._keys[gone.place] = last
            self._feeds[last].place = gone.place


class _Held:
    """What is remembered of a feed: segments that were asked for of late, and others. ``place`` is for its memory."""

    def __init__(self, place: int) -> None:
        self.place = place
        self.size = 0
        self.fresh: dict[bytes, tuple[Any, int]] = {}
        self._aged: dict[bytes, tuple[Any, int]] = {}
        self._readings = 0

    def find(self, digest: bytes) -> tuple[Any, int] | None:
        known = self.fresh.pop(digest, None) or self._aged.pop(digest, None)
        if known is not None:
            self.fresh[digest] = known
        return known

    def age(self) -> int:
        """Count a reading; forget what was not asked for in so many. Returns how many bytes that were."""
        self._readings += 1
        if self._readings % _READINGS:
            return 0
        gone = sum(size for _, size in self._aged.values())
        self._aged, self.fresh = self.fresh, {}
        self.size -= gone
        return gone

    def forget_oldest(self) -> int:
        oldest = self._aged or self.fresh
        _, size = oldest.pop(next(iter(oldest)))
        self.size -= size
        return size


class _OfOneFeed:
    def __init__(self, memory: Memory, key: bytes) -> None:
        self._memory = memory
        self._key = key

    def recall(self, segment: bytes, read: Callable[[], T]) -> T:
        digest = hashlib.sha256(self._key + segment).digest()[:_DIGEST]
        return self._memory.recall(self._key, digest, read)


def recalled(memo: Memo, context: str, value: object, read: Callable[[], T]) -> T:
    """What ``read`` makes of a JSON value; all else that it depends on is in ``context``."""
    return memo.recall(context.encode("utf-8", "surrogatepass") + b"\0" + segment(value), read)


def weight(value: object) -> int:
    """The bytes that a value of texts, tuples and structs takes; what Python shares anyway counts all the same."""
    size = sys.getsizeof(value)
    if isinstance(value, tuple | list):
        return size + sum(map(weight, value))
    if isinstance(value, msgspec.Struct):
        return size + sum(weight(getattr(value, name)) for name in value.__struct_fields__)
    return size
