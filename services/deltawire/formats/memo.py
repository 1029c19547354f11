"""What raw segments were read as, remembered across looks, so that the cost of a look follows what changed.

All feeds share one memory with a budget in bytes, because bounding each of ten thousand feeds by itself would bound
nothing: a feed of 50 entries of 2 KB takes about 280 KB. Looks that find nothing new never ask, so what is asked for
is what feeds that change hold. Feeds are told apart by their digests, so that none sees what another one's document
was read as; the segments of one by Python's own hash, which costs a third: 64 bits of SipHash with a key of the
process's own, so that nobody can look for two that share one, and of a thousand two do by chance once in 10**13
documents.

Feeds make room as a whole, and any one may have to, by chance: they are read in turns, and if the one that was not read
for longest had to, each would be forgotten just before it is read again as soon as there are a few too many of them. Of
one feed, what its documents have not shown for a while is forgotten in any case.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable, Sequence
from random import randrange
from typing import Any, TypeVar

import msgspec

from deltawire.formats.base import BEGINNING, Begun, Memo
from deltawire.formats.foreign import segment

T = TypeVar("T")

_KEY = 32
_OVERHEAD = 800
"""Bytes that remembering a segment takes beside it: its beginning, digest, tuples, places in dictionaries, the entry's
own digest."""

_READINGS = 32
"""Readings of a feed's documents, of which one look can take a dozen, after which what none of them showed is old."""


Digest = tuple[bytes, int]
"""What a segment's result depends on besides, and the hash of the segment."""

_Known = tuple[Any, int, bytes]
"""What a segment was read as, its size in bytes, and how it began."""


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

    def recall(self, key: bytes, digest: Digest, read: Callable[[], T]) -> T:
        (known,) = self.find(key, (digest,))
        if known is not None:
            value: T = known[0]
            return value
        value = read()
        self.keep(key, digest, value)
        return value

    def find(self, key: bytes, digests: Sequence[Digest]) -> list[_Known | None]:
        """What is remembered of a feed's segments, each with its size."""
        with self._lock:
            held = self._feeds.get(key)
            found = [held.find(digest) if held is not None else None for digest in digests]
            missed = found.count(None)
            self.hits += len(found) - missed
            self.misses += missed
        return found

    def keep(self, key: bytes, digest: Digest, value: object, text: bytes = b"") -> None:
        """Remember what a segment was read as; ``text`` is the segment, where its end is to be found again."""
        size = _OVERHEAD + weight(value)
        if size <= self._budget:
            with self._lock:
                self._keep(key, digest, (value, size, text[:BEGINNING]))
                if len(text) > BEGINNING:
                    self._feeds[key].begun[text[:BEGINNING]] = len(text), hash(text)

    def begun(self, key: bytes) -> Begun:
        held = self._feeds.get(key)
        return held.begun if held is not None else {}

    def _keep(self, key: bytes, digest: Digest, known: _Known) -> None:
        held = self._feeds.get(key)
        if held is None:
            held = self._feeds[key] = _Held(place=len(self._keys))
            self._keys.append(key)
        if held.find(digest) is not None:
            return
        size = known[1]
        held.fresh[digest] = known
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
        self.fresh: dict[Digest, _Known] = {}
        self.begun: dict[bytes, tuple[int, int]] = {}
        self._aged: dict[Digest, _Known] = {}
        self._readings = 0

    def find(self, digest: Digest) -> _Known | None:
        known = self.fresh.pop(digest, None) or self._aged.pop(digest, None)
        if known is not None:
            self.fresh[digest] = known
        return known

    def age(self) -> int:
        """Count a reading; forget what was not asked for in so many. Returns how many bytes that were."""
        self._readings += 1
        if self._readings % _READINGS:
            return 0
        gone = sum(size for _, size, _ in self._aged.values())
        for digest, known in self._aged.items():
            self._unlearn(digest, known)
        self._aged, self.fresh = self.fresh, {}
        self.size -= gone
        return gone

    def forget_oldest(self) -> int:
        oldest = self._aged or self.fresh
        digest = next(iter(oldest))
        known = oldest.pop(digest)
        self._unlearn(digest, known)
        self.size -= known[1]
        return known[1]

    def _unlearn(self, digest: Digest, known: _Known) -> None:
        beginning = known[2]
        # Another segment may begin in the same way by now: an entry that was edited.
        if beginning in self.begun and self.begun[beginning][1] == digest[1]:
            del self.begun[beginning]


class _OfOneFeed:
    def __init__(self, memory: Memory, key: bytes) -> None:
        self._memory = memory
        self._key = key

    def recall(self, segment: bytes, read: Callable[[], T]) -> T:
        return self._memory.recall(self._key, (b"", hash(segment)), read)

    def recall_all(
        self, context: bytes, segments: Sequence[bytes], read: Callable[[Sequence[bytes]], list[T]]
    ) -> list[T]:
        digests = [(context, hash(one)) for one in segments]
        found = self._memory.find(self._key, digests)
        missed = {digest: one for digest, one, known in zip(digests, segments, found, strict=True) if known is None}
        new: dict[Digest, T] = {}
        if missed:
            for (digest, one), value in zip(missed.items(), read([*missed.values()]), strict=True):
                new[digest] = value
                self._memory.keep(self._key, digest, value, one)
        return [new[digest] if known is None else known[0] for digest, known in zip(digests, found, strict=True)]

    def begun(self) -> Begun:
        return self._memory.begun(self._key)


def recalled(memo: Memo, context: str, value: object, read: Callable[[], T]) -> T:
    """What ``read`` makes of a JSON value; all else that it depends on is in ``context``."""
    return memo.recall(context.encode("utf-8", "surrogatepass") + b"\0" + segment(value), read)


def weight(value: object) -> int:
    """The bytes that a value of texts, tuples and structs takes; what Python shares anyway counts all the same."""
    size = 0
    pending = [value]
    while pending:
        one = pending.pop()
        size += sys.getsizeof(one)
        if isinstance(one, tuple | list):
            pending += one
        elif isinstance(one, msgspec.Struct):
            pending += msgspec.structs.astuple(one)
    return size
