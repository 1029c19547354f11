"""A feed that is looked at again and again: short ways to write what was found and what follows from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from deltawire.config import FetchConfig
from deltawire.formats.base import Unreadable
from deltawire.model import (
    DOUBTFUL,
    REVERSAL_LOOKS,
    Entry,
    Feed,
    FeedMeta,
    Look,
    Observation,
    Problem,
    Reading,
)
from deltawire.poller import look as looks
from deltawire.poller.look import Conclusion, Readout, conclude, readout
from deltawire.poller.outcome import Failure, Fetched

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FETCH = FetchConfig()
FEED = Feed(id="harbour-live", url="https://user:pw@example.org/feed?key=1", generation="g1", tags=("port",))
READER = "auto:1"
OWED = REVERSAL_LOOKS * DOUBTFUL + 1


def document(*texts: str, live: bool | None = True, version: int = 1) -> Readout:
    return readout(
        Reading(
            format="rss",
            version=version,
            feed=FeedMeta(title="Harbour", live=live),
            coverage="window",
            entries=tuple(Entry(source_id=text, content_text=text) for text in texts),
            problems=(Problem(code="odd", message="odd"),),
        )
    )


def fetched(body_hash: str = "b", status: int = 200, **fields: object) -> Fetched:
    return msgspec.structs.replace(
        Fetched(status=status, url="https://example.org/feed", body_hash=body_hash, duration_s=0.1), **fields
    )


NOT_MODIFIED = fetched("", 304)


class Story:
    """Looks at one feed, a minute apart."""

    def __init__(self, feed: Feed = FEED) -> None:
        self.feed = feed
        self.state = looks.start(feed, None)
        self.now = NOW
        self.written: list[Observation] = []

    def look(
        self, outcome: Fetched | Failure, read: Readout | Unreadable | None = None, reader: str = READER
    ) -> Conclusion:
        self.now += timedelta(minutes=1)
        look = Look(
            poll_id=f"{len(self.written):032x}",
            feed=looks.reference(self.feed),
            poller="p1",
            began_at=self.now,
            fetched_at=self.now + timedelta(seconds=1),
        )
        conclusion = conclude(self.feed, self.state, look, outcome, read, reader=reader, fetch=FETCH, removal_looks=2)
        self.state = conclusion.state
        if conclusion.observation is not None:
            self.written.append(conclusion.observation)
        return conclusion

    @property
    def kinds(self) -> list[str]:
        return [observation.__struct_config__.tag for observation in self.written]  # type: ignore[misc]


def failure(cause: str = "timeout", status: int | None = None, **fields: object) -> Failure:
    return msgspec.structs.replace(Failure(cause=cause, detail="it failed", status=status, duration_s=0.5), **fields)
