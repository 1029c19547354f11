"""When a permanent redirect is believed, and which addresses a look asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from deltawire.model import Feed
from deltawire.poller import moves
from deltawire.poller.outcome import Fetched
from deltawire.poller_state import FetchState

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OLD, NEW, OTHER = "https://example.org/feed", "https://example.com/feed", "https://example.net/feed"
FEED = Feed(id="harbour-live", url=OLD)
HOUR = timedelta(hours=1)


class Story:
    """Looks at a feed, each answered by the first of its places that is up."""

    def __init__(self) -> None:
        self.state = FetchState(generation="1", url=OLD)
        self.now = NOW

    def look(self, permanent: str | None, *, down: str | None = None, step: timedelta = HOUR) -> tuple[str, ...]:
        self.now += step
        places = moves.places(FEED, self.state, self.now)
        up = [place for place in places if place != down]
        if not up:
            self.state = msgspec.structs.replace(self.state, attempts=self.state.attempts + 1)
            return places
        fetched = Fetched(status=200, url=up[0], permanent=permanent if up[0] == OLD else None)
        after = msgspec.structs.replace(self.state, attempts=0)
        self.state = moves.after(FEED, self.state, after, up[0], fetched, self.now)
        return places

    def moved(self) -> Story:
        for _ in range(5):
            self.look(NEW)
        assert self.state.moved_to == NEW
        return self


def test_a_move_counts_after_five_looks_in_a_row_that_agree() -> None:
    story = Story()
    for permanent in (NEW, NEW, NEW, NEW, OTHER, NEW, NEW, NEW, None, NEW, NEW, NEW, NEW):
        story.look(permanent)
        assert story.state.moved_to is None
    story.look(NEW)
    assert story.state.moved_to == NEW
    assert story.state.move is None


def test_many_looks_within_minutes_confirm_nothing() -> None:
    story = Story()
    for _ in range(200):
        story.look(NEW, step=timedelta(seconds=15))
    assert story.state.moved_to is None
    for _ in range(60):
        story.look(NEW, step=timedelta(seconds=15))
    assert story.state.moved_to == NEW


def test_then_the_new_place_is_asked_and_the_old_one_once_a_day() -> None:
    story = Story().moved()
    asked = [story.look(NEW) for _ in range(49)]
    assert 1 <= asked.count((OLD, NEW)) <= 3
    assert asked.count((NEW,)) == 49 - asked.count((OLD, NEW))
    assert story.state.moved_to == NEW


def test_a_move_that_the_old_place_takes_back_is_dropped() -> None:
    story = Story().moved()
    assert story.look(None, step=timedelta(days=2)) == (OLD, NEW)
    assert story.state.moved_to is None
    assert story.look(None) == (OLD,)


def test_a_move_elsewhere_begins_anew() -> None:
    story = Story().moved()
    story.look(OTHER, step=timedelta(days=2))
    assert story.state.moved_to is None
    assert story.state.move is not None
    assert (story.state.move.url, story.state.move.looks) == (OTHER, 1)


def test_an_old_place_that_is_gone_does_not_harm_the_new_one() -> None:
    story = Story().moved()
    assert story.look(None, down=OLD, step=timedelta(days=2)) == (OLD, NEW)
    assert (story.state.moved_to, story.state.attempts) == (NEW, 0)
    assert story.look(None, down=OLD) == (NEW,)


def test_a_new_place_that_fails_sends_the_next_look_back_to_the_old_one() -> None:
    story = Story().moved()
    assert story.look(None, down=NEW) == (NEW,)
    assert story.look(None, down=NEW) == (NEW, OLD)
    assert story.state.moved_to is None


def test_the_credentials_of_the_feed_go_to_its_own_origin_only() -> None:
    feed = msgspec.structs.replace(FEED, url="https://user:pw@example.org/feed")
    checked = FetchState(generation="1", move_checked_at=NOW)
    for moved_to, asked in (
        ("https://example.org/new", "https://user:pw@example.org/new"),
        ("https://example.org:8443/new", "https://example.org:8443/new"),
        ("http://example.org/new", "http://example.org/new"),
        (NEW, NEW),
    ):
        assert moves.places(feed, msgspec.structs.replace(checked, moved_to=moved_to), NOW) == (asked,)
