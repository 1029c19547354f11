"""What of a document stands in earlier observations, and so need not be written again."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from deltawire.model import Document, Entry
from deltawire.observations import AMENDED_FOR, SOURCES, WHOLE_BYTES, Amended, Source, held, keep_at_hand
from deltawire.poller import digest

_HERE = 0


class Told(msgspec.Struct, frozen=True):
    """Where the entries of a feed's last document stand: with what is at hand about 20 kB for 50 of them.

    ``whole_at`` is when the first of ``sources`` began, which is a whole document. ``places`` are (source, index) as in
    ``Amended``, by the digest of the entry.
    """

    whole_at: datetime
    sources: tuple[Source, ...]
    places: dict[bytes, tuple[int, int]]


class Draft(msgspec.Struct, frozen=True):
    """A document as it is to be written: ``value``. ``told`` is what follows for the next ones, but for its offset."""

    value: bytes
    poll_id: str
    told: Told | None

    def written(self, offset: int) -> Told | None:
        """What the next documents may refer to, now that this one stands at ``offset``."""
        told = self.told
        if told is None:
            return None
        sources = (*told.sources, Source(offset, self.poll_id))
        here = len(sources)
        places = {of: (here, place[1]) if place[0] == _HERE else place for of, place in told.places.items()}
        return Told(told.whole_at, sources, places)


def draft(document: Document, told: Told | None) -> Draft:
    """Only what stands in none of the observations that ``told`` knows, or the whole document.

    It is written whole where the last whole one is too old or too many followed it, where less than half of it stands,
    and where its entries have no digests yet, for to take them would cost more than it saves.
    """
    entries = document.reading.entries
    digests = [of for entry in entries if (of := digest.known(entry)) is not None]
    if len(digests) < len(entries):
        return Draft(msgspec.json.encode(document), document.poll_id, None)
    if told is None or not _may_be_amended(document, told):
        return _whole(document, digests)
    places: list[tuple[int, int]] = []
    fresh: list[Entry] = []
    for entry, of in zip(entries, digests, strict=True):
        place = told.places.get(of)
        if place is None:
            place = _HERE, len(fresh)
            fresh.append(entry)
        places.append(place)
    if 2 * len(fresh) > len(entries):
        return _whole(document, digests)
    amended = Amended(
        poll_id=document.poll_id,
        feed=document.feed,
        poller=document.poller,
        began_at=document.began_at,
        fetched_at=document.fetched_at,
        reading=msgspec.structs.replace(document.reading, entries=tuple(fresh)),
        digest=document.digest,
        sources=told.sources,
        entries=tuple(places),
        cache=document.cache,
    )
    poll_ids = [document.poll_id, *(source.poll_id for source in told.sources)]
    keep_at_hand(((poll_ids[number], index), entry) for (number, index), entry in zip(places, entries, strict=True))
    told = Told(told.whole_at, told.sources, dict(zip(digests, places, strict=True)))
    return Draft(msgspec.json.encode(amended), document.poll_id, told)


def _may_be_amended(document: Document, told: Told) -> bool:
    return len(told.sources) <= SOURCES and timedelta(0) <= document.began_at - told.whole_at < AMENDED_FOR


def _whole(document: Document, digests: list[bytes]) -> Draft:
    value = msgspec.json.encode(document)
    if len(value) < WHOLE_BYTES:
        return Draft(value, document.poll_id, None)
    keep_at_hand(held(document).items())
    places = {of: (_HERE, index) for index, of in enumerate(digests)}
    return Draft(value, document.poll_id, Told(document.began_at, (), places))
