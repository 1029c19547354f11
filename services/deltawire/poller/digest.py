"""The digest of a document: of what it showed, and by which reader, however it was served.

Most entries of a document were read from a segment that was seen before, and are then the very objects of the last
look (``formats.memo``). Their digests are remembered for as long as they live, so that a look costs the digests of what
changed. An entry's digest follows from what it holds alone: it is the same in every process.
"""

from __future__ import annotations

import hashlib
import weakref

import msgspec

from deltawire.model import Entry, Reading

VERSION = 2
"""Raised whenever the same reading has another digest; part of what names the readers."""

_known: dict[int, tuple[weakref.ref[Entry], bytes]] = {}
"""By the identity of an entry. One that dies is forgotten before another can have its place in memory."""


def of(reading: Reading) -> str:
    """It covers what the differ sees: entries, withdrawals, feed, coverage, and which reader produced them."""
    entries = b"".join(map(_of_entry, reading.entries))
    seen = (reading.tombstones, reading.feed, reading.coverage, reading.format, reading.version)
    return hashlib.sha256(entries + msgspec.json.encode(seen)).hexdigest()[:32]


def known(entry: Entry) -> bytes | None:
    """The digest of an entry, where it was taken before."""
    found = _known.get(id(entry))
    return None if found is None else found[1]


def _of_entry(entry: Entry) -> bytes:
    if (found := known(entry)) is not None:
        return found
    place = id(entry)
    digest = hashlib.sha256(msgspec.json.encode(entry)).digest()
    _known[place] = weakref.KeyedRef(entry, _forget, place), digest
    return digest


def _forget(dead: weakref.ref[Entry]) -> None:
    assert isinstance(dead, weakref.KeyedRef)
    del _known[dead.key]
