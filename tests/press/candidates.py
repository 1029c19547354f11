"""What plays against the press: deltawire in one process, without network and log, and a differ of the usual kind."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import TypeVar, cast

import msgspec

from deltawire.config import FetchConfig
from deltawire.differ.state import Policy
from deltawire.events import EntryData, Event
from deltawire.formats.base import Forgetful, NeedsLenient, Raw, Unreadable
from deltawire.formats.registry import read, read_leniently
from deltawire.model import Feed, Look, Observation
from deltawire.poller import look as looks
from deltawire.poller.headers import cache_info, fresh_for, opaque
from deltawire.poller.outcome import Failure, Fetched, Validators
from deltawire.poller_state import FetchState
from deltawire.press.facts import Kind
from deltawire.press.game import Answer
from deltawire.press.score import Said
from support.one_feed import OneFeed

URL = "https://game.example/feed"
READER = "press"

T = TypeVar("T")


def fetched(answer: Answer) -> Fetched | Failure:
    """The answer as the poller's fetch would give it."""
    if answer.status != 200:
        return Failure(cause=f"http-{answer.status}", detail=f"it answered {answer.status}", status=answer.status)
    return Fetched(
        status=200,
        url=URL + answer.query,
        body=answer.body,
        body_hash=hashlib.blake2b(answer.body, digest_size=16).hexdigest(),
        content_type=answer.headers["Content-Type"],
        validators=Validators(
            etag=opaque(answer.headers.get("ETag")), last_modified=opaque(answer.headers.get("Last-Modified"))
        ),
        cache=cache_info(answer.headers),
        fresh_for=fresh_for(answer.headers, answer.at),
    )


class Everything(Forgetful):
    """A memo of every segment read; all blogs are at one address, so they can share it."""

    def __init__(self) -> None:
        self._known: dict[bytes, object] = {}

    def recall(self, segment: bytes, read: Callable[[], T]) -> T:
        if segment not in self._known:
            if len(self._known) > 20_000:
                self._known.clear()
            self._known[segment] = read()
        return cast("T", self._known[segment])

    def recall_all(
        self, context: bytes, segments: Sequence[bytes], read: Callable[[Sequence[bytes]], list[T]]
    ) -> list[T]:
        return [self.recall(context + segment, partial(read, [segment]))[0] for segment in segments]


_MEMO = Everything()


@lru_cache(maxsize=512)
def read_once(body: bytes, url: str, content_type: str | None, at: datetime) -> looks.Readout | Unreadable:
    """What deltawire reads in a body; kept for the next candidate, for reading is most of the cost."""
    raw = Raw(body=body, url=url, content_type=content_type, fetched_at=at, memo=_MEMO)
    try:
        try:
            return looks.readout(read(raw))
        except NeedsLenient:
            return looks.readout(read_leniently(raw))
    except Unreadable as error:
        return error


class Deltawire(OneFeed):
    """Fetch, read, conclude, decide and emit, each look at once. ``observations`` are kept for whoever asks why."""

    def __init__(self, policy: Policy | None = None) -> None:
        super().__init__(policy)
        self.feed = Feed(id="game", url=URL)
        self.fetch_state: FetchState = looks.start(self.feed, None)
        self.events: list[Event] = []
        self._fetch = FetchConfig()

    def look(self, answer: Answer) -> list[Said]:
        observation = self._observe(answer)
        if observation is None:
            return []
        events = self.decided(observation).events
        self.events += events
        return [_said(event) for event in events]

    def _observe(self, answer: Answer) -> Observation | None:
        outcome = fetched(answer)
        seen = Look(
            poll_id=f"{answer.look:032x}",
            feed=looks.reference(self.feed),
            poller="press",
            began_at=answer.at,
            fetched_at=answer.at + timedelta(milliseconds=20),
        )
        readout: looks.Readout | Unreadable | None = None
        if isinstance(outcome, Fetched) and looks.needs_reading(
            self.feed, self.fetch_state, outcome, READER, answer.at
        ):
            raw = (outcome.body, outcome.url, outcome.content_type, answer.at)
            readout = read_once(*raw)
        conclusion = looks.conclude(
            self.feed,
            self.fetch_state,
            seen,
            outcome,
            readout,
            reader=READER,
            fetch=self._fetch,
            removal_looks=self.policy.removal_looks,
        )
        self.fetch_state = conclusion.state
        return conclusion.observation


def _said(event: Event) -> Said:
    """The event as the press compares it."""
    if not isinstance(event.data, EntryData):
        return Said(kind="feed", entry=event.subject, title=None, text="", number=event.sequence, id=event.id)
    entry = event.data.entry
    return Said(
        kind=cast("Kind", event.type.removeprefix("deltawire.entry.")),
        entry=event.subject,
        title=entry.title,
        text=entry.content_text,
        labels=tuple(sorted(entry.labels)),
        number=event.sequence,
        id=event.id,
    )


class Usual:
    """Seen-set by guid else link, hash of the content, missing means removed. It reads as deltawire does."""

    def __init__(self) -> None:
        self._shown: dict[str, tuple[bytes, Said]] = {}
        self._gone: set[str] = set()

    def look(self, answer: Answer) -> Sequence[Said]:
        outcome = fetched(answer)
        if isinstance(outcome, Failure):
            return []
        readout = read_once(outcome.body, outcome.url, outcome.content_type, answer.at)
        if isinstance(readout, Unreadable):
            return []
        said: list[Said] = []
        shown: dict[str, tuple[bytes, Said]] = {}
        for entry in reversed(readout.reading.entries):
            key = entry.source_id or entry.url or hashlib.sha256(entry.content_text.encode()).hexdigest()
            plain = msgspec.structs.replace(entry, updated_at=None, labels=tuple(sorted(entry.labels)))
            digest = msgspec.json.encode(plain)
            old = self._shown.get(key)
            kind: Kind = "restored" if key in self._gone else "created" if old is None else "updated"
            event = Said(kind=kind, entry=key, title=entry.title, text=entry.content_text, labels=plain.labels)
            shown[key] = (digest, event)
            if old is None or old[0] != digest:
                said.append(event)
        for key in self._shown.keys() - shown.keys():
            event = self._shown[key][1]
            said.append(removal(event))
        self._gone = (self._gone | (self._shown.keys() - shown.keys())) - shown.keys()
        self._shown = shown
        return said


def removal(event: Said) -> Said:
    return Said(kind="removed", entry=event.entry, title=event.title, text=event.text, labels=event.labels)
