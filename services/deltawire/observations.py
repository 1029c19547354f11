"""How observations are written in the log: most documents by what changed in them.

Of a document of 50 entries that changes, 48 stand as they stood at the look before. To write, read and decode them all
at each look was a quarter of what a look costs. So a large document is written whole now and then, and ``Amended`` in
between. A reference names an observation by its offset and its poll id; whoever lacks the entry reads it back in the
log. It counts the entries that the observation itself holds, so that no reference leads to another one.

Where the poller runs in the same process nearly all entries are still at hand: the very objects that were written, kept
by what reads documents (``formats.memo``). That saves their decoding, and nothing depends on it.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from datetime import timedelta

import msgspec

from deltawire.model import CacheInfo, Document, Entry, Failed, Look, Reading, Retired, Unchanged

WHOLE_BYTES = 32 * 1024
"""Documents below this size are always written whole: there is nothing to be saved."""

SOURCES = 8
"""Observations that one may refer to: as many may have to be read back for one look."""

AMENDED_FOR = timedelta(hours=1)
"""Age of a whole document from which none refers to it: what may be gone three days later, an hour before its time."""

Place = tuple[str, int]
"""An entry by the poll id of an observation that holds it, and its index there."""


class Source(msgspec.Struct, frozen=True, array_like=True):
    """An earlier observation of the same feed, in the same partition."""

    offset: int
    poll_id: str


class Amended(Look, frozen=True, kw_only=True, tag="amended"):
    """A document of which entries stand in earlier observations.

    ``reading`` holds only the other ones. ``entries`` says of each entry of the document where it is, as (source,
    index): source 0 is this observation, n is ``sources[n - 1]``, and the index is that in its ``reading``.
    """

    reading: Reading
    digest: str
    sources: tuple[Source, ...]
    entries: tuple[tuple[int, int], ...]
    cache: CacheInfo = CacheInfo()


Written = Document | Amended | Unchanged | Failed | Retired


class Absent(Exception):
    """Entries stand in these observations, and are not known."""

    def __init__(self, sources: frozenset[Source]) -> None:
        offsets = ", ".join(str(source.offset) for source in sorted(sources, key=lambda source: source.offset))
        super().__init__(f"entries of it stand in earlier observations that are not there (offsets {offsets})")
        self.sources = sources


_at_hand: weakref.WeakValueDictionary[Place, Entry] = weakref.WeakValueDictionary()


def keep_at_hand(entries: Iterable[tuple[Place, Entry]]) -> None:
    """Remember where these entries are written, for as long as something else keeps them."""
    for place, entry in entries:
        if _at_hand.get(place) is not entry:
            _at_hand[place] = entry


def held(look: Document | Amended) -> dict[Place, Entry]:
    """The entries that an observation itself holds, by their places."""
    return {(look.poll_id, index): entry for index, entry in enumerate(look.reading.entries)}


def whole(look: Amended, read: Mapping[Place, Entry]) -> Document:
    """The document, of what is at hand and what was ``read`` back.

    Raises:
        Absent: that is not enough.
    """
    own = look.reading.entries
    entries: list[Entry] = []
    for number, index in look.entries:
        place = (look.sources[number - 1].poll_id if number else look.poll_id, index)
        entry = _at_hand.get(place) or (read.get(place) if number else own[index])
        if entry is None:
            # All of them: what is at hand now may not be any more when the others have been read.
            raise Absent(frozenset(look.sources))
        entries.append(entry)
    return Document(
        poll_id=look.poll_id,
        feed=look.feed,
        poller=look.poller,
        began_at=look.began_at,
        fetched_at=look.fetched_at,
        reading=msgspec.structs.replace(look.reading, entries=tuple(entries)),
        digest=look.digest,
        cache=look.cache,
    )


def shared(look: Document) -> Document:
    """The document with the very entries that were written, where they are at hand.

    What is remembered of them then has its texts in common with them: these are neither kept nor compared twice.
    """
    entries = tuple(_at_hand.get((look.poll_id, n)) or entry for n, entry in enumerate(look.reading.entries))
    return msgspec.structs.replace(look, reading=msgspec.structs.replace(look.reading, entries=entries))
