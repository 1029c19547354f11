"""Further documents that a feed's own one names: its older pages, and entries that it only lists.

Older pages are followed when a feed is seen first, and when so much was published since the last look that the newest
page does not reach back to it. What is only listed is asked for once, and again in turn whenever the list changes; a
list of no more than a look may ask for is asked for at every look.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import msgspec
import structlog

from deltawire import telemetry, variables
from deltawire.formats.assemble import merged
from deltawire.formats.base import Raw, Unreadable
from deltawire.model import Feed, Reading
from deltawire.poller import robots
from deltawire.poller.fetch import fetch
from deltawire.poller.look import Readout, readout
from deltawire.poller.outcome import Failure, Fetched
from deltawire.poller.reader import bounded
from deltawire.poller_state import FetchState

if TYPE_CHECKING:
    from deltawire.poller.shared import Poller

logger = structlog.get_logger()

PART = "+"
"""Ends the name of the reader while something is owed: the feed's own document is then read again at the next look."""

ATTEMPTS = 3
"""Looks on end that ask for a document that fails; then not before the feed's own document changes."""

LISTED = 2000
"""Addresses of one document that are looked at, the first ones."""

_FAILED = "!"
_PORTS = {"http": 80, "https": 443}


class Followed(NamedTuple):
    """A reading with the further ones in it, the state that remembers them, and the name of what read them."""

    readout: Readout
    state: FetchState
    reader: str


async def follow(
    poller: Poller, feed: Feed, state: FetchState, own: Readout, reader: str, fetched_at: datetime
) -> Followed:
    """The reading of a feed's own document together with the further ones that are wanted now.

    Each takes its turn at the gate of its host. One that fails fails nothing; what it would have shown stays open.
    """
    reading, most = own.reading, poller.config.fetch.max_pages
    newest = _newest(reading, state, fetched_at)
    if not (reading.more and most) or reading.coverage == "full":
        return Followed(own, msgspec.structs.replace(state, newest_at=newest), reader)
    ask = _Asking(poller, feed, reading, fetched_at)
    if not reading.entries:
        state, owed, progress = await _list(ask, state, most)
        whole = not ask.failed
    elif is_first(state) or has_gap(reading, state.newest_at):
        whole = await _pages(ask, state, most)
        owed, progress = ask.failed > 0, False
        if not owed:
            state = msgspec.structs.replace(state, newest_at=newest)
    else:
        return Followed(own, msgspec.structs.replace(state, newest_at=newest), reader)
    if owed and (marks := _marks(state, progress=progress)):
        reader += PART * marks
    elif owed:
        state = msgspec.structs.replace(state, newest_at=newest)
    together = await asyncio.to_thread(_together, reading, ask.readings, whole, poller.config.differ.max_entries)
    return Followed(together, state, reader)


def _together(own: Reading, further: Sequence[Reading], whole: bool, max_entries: int) -> Readout:
    return readout(bounded(merged(own, further, whole=whole), max_entries))


def is_first(state: FetchState) -> bool:
    """Whether older pages were never read from this address; also if that was tried and one of them failed."""
    return state.digest is None or (state.newest_at is None and (state.reader is None or _owed(state) > 0))


def has_gap(reading: Reading, newest_at: datetime | None) -> bool:
    """Whether the oldest entry shown is newer than the newest of the last reading: others may lie between."""
    oldest = _oldest(reading)
    return newest_at is not None and oldest is not None and oldest > newest_at


def due(listed: Sequence[str], followed: Sequence[str]) -> list[str]:
    """The listed addresses in the order in which to ask: the new, those that failed, then the least recently read.

    ``followed`` are the signs of those that were asked for, the least recent first.
    """
    turn = {sign: place for place, sign in enumerate(followed)}

    def rank(address: str) -> tuple[int, int]:
        sign = sign_of(address)
        failed = turn.get(_FAILED + sign)
        return (0, 0) if failed is None and sign not in turn else (2, turn[sign]) if failed is None else (1, failed)

    return sorted(dict.fromkeys(listed), key=rank)


def sign_of(address: str) -> str:
    """Eight hexadecimal digits that stand for an address."""
    return hashlib.blake2b(address.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def address_of(feed: str, named: str) -> str | None:
    """What to ask for where a document of the feed names an address; null for what it must not make us ask.

    Credentials and variables go only to the feed's own scheme, host and port, and no variable that the feed's URL does
    not have itself: a document cannot ask for others.
    """
    try:
        own, other = urlsplit(feed), urlsplit(named)
        sites = [(parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)) for parts in (own, other)]
    except ValueError:
        return None
    if other.scheme not in _PORTS or not other.hostname:
        return None
    names = set(variables.NAME.findall(named))
    if sites[0] != sites[1]:
        return None if names else named
    return urlunsplit(other._replace(netloc=own.netloc)) if names <= set(variables.NAME.findall(feed)) else None


class _Asking:
    """Asks for further documents. ``readings`` are those that could be read; ``refused`` is set by a 429 or 503."""

    def __init__(self, poller: Poller, feed: Feed, own: Reading, fetched_at: datetime) -> None:
        self.readings: list[Reading] = []
        self.own = own
        self.failed = 0
        self.refused = False
        self._poller = poller
        self._feed = feed
        self._fetched_at = fetched_at

    async def __call__(self, named: str) -> Reading | None:
        cause = await self._read(named)
        telemetry.further_documents.labels("failed" if cause else "read").inc()
        if cause is None:
            return self.readings[-1]
        self.failed += 1
        logger.info("feed.further", feed=self._feed.id, outcome="failed", cause=cause, url=telemetry.redact(named))
        return None

    async def _read(self, named: str) -> str | None:
        """Read a document; the cause if that failed."""
        poller = self._poller
        place = address_of(self._feed.url, named)
        if place is None:
            return "address-refused"
        outcome: Fetched | Failure | None = None
        if robots.is_page(self._feed.format, self.own.format):
            outcome = await poller.robots.refusal(place)
        if outcome is None:
            async with poller.gates.slot(place):
                outcome = await fetch(poller.session, poller.config.fetch, place, clock=poller.clock)
        if isinstance(outcome, Failure):
            poller.gates.heed(outcome, poller.clock())
            self.refused = outcome.status in (429, 503)
            return outcome.cause
        raw = Raw(body=outcome.body, url=outcome.url, content_type=outcome.content_type, fetched_at=self._fetched_at)
        try:
            read = (await poller.guard.read(raw, self._feed.format, self._feed.id)).reading
        except Unreadable as unreadable:
            return unreadable.code
        if (read.format, read.version) != (self.own.format, self.own.version):
            return "format"
        self.readings.append(read)
        return None


async def _pages(ask: _Asking, state: FetchState, most: int) -> bool:
    """Follow older pages; whether nothing is missing between what was read now and the last reading."""
    pending, seen = list(ask.own.more), set[str]()
    while pending and len(seen) < most:
        named = pending.pop(0)
        if named in seen:
            continue
        seen.add(named)
        page = await ask(named)
        if page is None:
            return is_first(state)
        pending = [*page.more, *pending]
        if not is_first(state) and not has_gap(page, state.newest_at):
            return True
    return is_first(state) or not pending


async def _list(ask: _Asking, state: FetchState, most: int) -> tuple[FetchState, bool, bool]:
    """Read what is listed and due: the new state, whether something is owed, and whether anything new was read."""
    listed = ask.own.more[:LISTED]
    known = set(state.followed)
    asked: list[str] = []
    progress = False
    for named in due(listed, state.followed)[:most]:
        if ask.refused:
            break
        sign = sign_of(named)
        read = await ask(named) is not None
        progress |= read and sign not in known
        asked.append(sign if read else _FAILED + sign)
    signs = {sign_of(named) for named in listed}
    done = {sign.removeprefix(_FAILED) for sign in asked}
    kept = [sign for sign in state.followed if (bare := sign.removeprefix(_FAILED)) in signs and bare not in done]
    followed = (*kept, *asked)
    owed = len(signs) <= most or not signs <= set(followed)
    return msgspec.structs.replace(state, followed=followed), owed, progress or len(signs) <= most


def _owed(state: FetchState) -> int:
    """How many looks on end ended with something owed."""
    name = state.reader or ""
    return len(name) - len(name.rstrip(PART))


def _marks(state: FetchState, *, progress: bool) -> int:
    """The marks for one more such look; 0 if enough was tried."""
    return 1 if progress else (_owed(state) + 1) % (ATTEMPTS + 1)


def _times(reading: Reading) -> list[datetime]:
    aside = set(reading.aside)
    ranged = (e for place, e in enumerate(reading.entries) if place not in aside and "pinned" not in e.labels)
    return [entry.published_at for entry in ranged if entry.published_at is not None]


def _oldest(reading: Reading) -> datetime | None:
    return min(_times(reading), default=None)


def _newest(reading: Reading, state: FetchState, now: datetime) -> datetime | None:
    """The newest entry seen so far; what claims to be of the future counts as of now."""
    shown = max(_times(reading), default=None)
    times = [] if shown is None else [min(shown, now)]
    return max([*times, *([state.newest_at] if state.newest_at else [])], default=None)
