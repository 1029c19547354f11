"""What raw segments were read as, remembered across looks, so that the cost of a look follows what changed.

All feeds share one memory with a budget in bytes, because bounding each of ten thousand feeds by itself would bound
nothing: a feed of 50 entries of 2 KB takes about 250 KB. Looks that find nothing new never ask, so what is asked for
is what feeds that change hold, and of those the ones that have not been read for longest make room. A segment is known
by its digest (128 bits, keyed by feed and readers), so one feed never sees what another one's document was read as.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from deltawire.formats.base import Memo
from deltawire.formats.foreign import segment

T = TypeVar("T")

_KEY = 32
_DIGEST = 16
_OVERHEAD = 200
"""Bytes that the memory itself takes for a segment: digest, tuple, a place in the dictionary."""


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
        self._known: OrderedDict[bytes, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, feed: str) -> Memo:
        """The memory of one feed."""
        key = hashlib.blake2b(f"{self._generation}\0{feed}".encode(), digest_size=_KEY).digest()
        return _OfOneFeed(self, key)

    def recall(self, digest: bytes, read: Callable[[], T]) -> T:
        with self._lock:
            known = self._known.get(digest)
            if known is not None:
                self._known.move_to_end(digest)
                self.hits += 1
                value: T = known[0]
                return value
            self.misses += 1
        value = read()
        size = _OVERHEAD + weight(value)
        with self._lock:
            if size <= self._budget and digest not in self._known:
                self._known[digest] = value, size
                self.size += size
            while self.size > self._budget:
                self.size -= self._known.popitem(last=False)[1][1]
        return value


class _OfOneFeed:
    def __init__(self, memory: Memory, key: bytes) -> None:
        self._memory = memory
        self._key = key

    def recall(self, segment: bytes, read: Callable[[], T]) -> T:
        digest = hashlib.sha256(self._key + segment).digest()[:_DIGEST]
        return self._memory.recall(digest, read)


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
