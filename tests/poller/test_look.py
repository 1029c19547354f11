"""What follows from a look at a feed: what is written, and the feed's health."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest

from deltawire.formats.base import Unreadable
from deltawire.model import (
    CacheInfo,
    Document,
    Failed,
    FeedMeta,
    Observation,
    Problem,
    Retired,
)
from deltawire.poller import look as looks
from deltawire.poller.look import Readout, readout
from deltawire.poller.outcome import GONE, Failure, Fetched, Validators
from deltawire.poller_state import Hints, Rhythm
from poller.looks import FEED, NOT_MODIFIED, NOW, OWED, READER, Story, document, failure, fetched


def test_the_first_document_is_written_with_everything_it_needs() -> None:
    story = Story()
    cache = CacheInfo(age_s=3)
    story.look(fetched(validators=Validators(etag='"1"', last_modified="then", target="t"), cache=cache), document("a"))
    [written] = story.written
    assert isinstance(written, Document)
    assert written.reading == document("a").reading
    assert written.digest == document("a").digest
    assert written.cache == cache
    assert written.feed.url == "https://example.org/feed"
    assert (written.feed.generation, written.feed.tags) == ("g1", ("port",))
    assert (story.state.etag, story.state.last_modified, story.state.target) == ('"1"', "then", "t")
    assert (story.state.body_hash, story.state.digest) == ("b", written.digest)
    assert (story.state.state, story.state.reader, story.state.owed) == ("ok", READER, OWED)
    assert story.state.problems == (Problem(code="odd", message="odd"),)
    assert story.state.last_change_at == story.state.last_read_at == story.state.since == NOW + timedelta(seconds=61)
    assert msgspec.json.decode(msgspec.json.encode(written), type=Observation) == written


@pytest.mark.parametrize(
    "still",
    [(NOT_MODIFIED, None), (fetched("b"), None), (fetched("other bytes"), document("a"))],
    ids=["304", "same bytes", "other bytes, same entries"],
)
def test_a_page_that_stands_still_supplies_as_many_looks_as_a_return_to_an_older_state_needs(
    still: tuple[Fetched, Readout | None],
) -> None:
    story = Story()
    story.look(fetched(), document("a"))
    for _ in range(OWED + 3):
        story.look(*still)
    assert story.kinds == ["document", *["unchanged"] * OWED]
    assert {written.digest for written in story.written} == {document("a").digest}  # type: ignore[union-attr]
    assert story.state.owed == 0


def test_a_change_is_written_and_starts_the_count_again() -> None:
    story = Story()
    story.look(fetched("1"), document("a"))
    story.look(fetched("1"))
    story.look(fetched("2"), document("b", "a"))
    for _ in range(OWED + 3):
        story.look(NOT_MODIFIED)
    assert story.kinds == ["document", "unchanged", "document", *["unchanged"] * OWED]


@pytest.mark.parametrize(
    "other",
    [
        document("a", "b"),
        document("b", "a"),
        document("a", live=None),
        document("a", version=2),
        readout(msgspec.structs.replace(document("a").reading, coverage="full")),
    ],
)
def test_the_digest_covers_entries_order_feed_coverage_and_reader(other: Readout) -> None:
    assert other.digest != document("a").digest


def test_problems_are_no_change() -> None:
    assert readout(msgspec.structs.replace(document("a").reading, problems=())).digest == document("a").digest


def test_each_failed_look_is_written_and_then_the_recovery_even_if_nothing_changed() -> None:
    story = Story()
    story.look(fetched(), document("a"))
    for _ in range(OWED):
        story.look(NOT_MODIFIED)
    began = story.now + timedelta(minutes=1)
    for _ in range(4):
        story.look(failure())
    failed = [written for written in story.written if isinstance(written, Failed)]
    assert [written.attempts for written in failed] == [1, 2, 3, 4]
    assert {written.since for written in failed} == {began}
    assert all(written.ever_read and written.cause == "timeout" for written in failed)
    story.look(NOT_MODIFIED)
    story.look(NOT_MODIFIED)
    assert story.kinds[OWED + 1 :] == ["failed"] * 4 + ["unchanged"]
    assert (story.state.attempts, story.state.failing_since) == (0, None)


def test_health_goes_new_ok_retrying_failing_ok() -> None:
    story = Story()
    steps: Sequence[tuple[Fetched | Failure, Readout | None]] = [
        (fetched(), document("a")),
        (failure(), None),
        (failure(), None),
        (failure(), None),
        (NOT_MODIFIED, None),
    ]
    assert story.state.state == "new"
    assert [story.look(*step).state.state for step in steps] == ["ok", "retrying", "retrying", "failing", "ok"]
    assert story.state.since == story.now + timedelta(seconds=1)


def test_a_feed_that_never_worked_is_failing_at_once() -> None:
    story = Story()
    assert story.look(failure("dns")).state.state == "failing"
    [written] = story.written
    assert isinstance(written, Failed)
    assert not written.ever_read
    assert written.next_poll_at == story.state.next_poll_at


def test_a_document_that_cannot_be_read_is_a_failed_look_that_forgets_nothing() -> None:
    story = Story()
    story.look(fetched("1", validators=Validators(etag='"1"')), document("a"))
    before = story.state
    unreadable = fetched("2", validators=Validators(etag='"2"'), body=b"Log in")
    story.look(unreadable, Unreadable("not-a-live-blog", "a page to log in"))
    assert story.state.looks[-1].bytes == len(b"Log in")
    failed = story.written[-1]
    assert isinstance(failed, Failed)
    assert (failed.cause, failed.detail, failed.status) == ("not-a-live-blog", "a page to log in", 200)
    kept = ("etag", "body_hash", "digest", "reader", "last_read_at", "last_change_at", "owed", "live")
    assert all(getattr(story.state, name) == getattr(before, name) for name in kept)


def test_an_ended_blog_is_ended_and_can_open_again() -> None:
    story = Story()
    assert story.look(fetched("1"), document("a")).state.state == "ok"
    assert story.look(fetched("2"), document("a", live=False)).state.state == "ended"
    assert story.look(NOT_MODIFIED).state.state == "ended"
    assert story.look(failure()).state.state == "retrying"
    assert story.look(NOT_MODIFIED).state.state == "ended"
    assert story.look(fetched("3"), document("a", live=True)).state.state == "ok"


def test_410_twice_in_a_row_retires_the_feed() -> None:
    story = Story()
    story.look(fetched(), document("a"))
    story.look(failure(GONE, 410))
    assert story.state.state == "retrying"
    story.look(failure(GONE, 410))
    assert story.kinds == ["document", "failed", "retired"]
    assert isinstance(story.written[-1], Retired)
    assert story.written[-1].cause == "gone"
    assert (story.state.state, story.state.next_poll_at) == ("gone", None)


def test_410_between_other_answers_does_not() -> None:
    story = Story()
    story.look(fetched(), document("a"))
    for answer in (failure(GONE, 410), failure("http-502", 502), failure(GONE, 410), NOT_MODIFIED, failure(GONE, 410)):
        story.look(answer)
    assert "retired" not in story.kinds


def test_retry_after_is_remembered_until_the_next_success() -> None:
    story = Story()
    later = NOW + timedelta(hours=3)
    story.look(failure("http-429", 429, retry_after=later))
    assert (story.state.retry_after, story.state.next_poll_at) == (later, later)
    story.look(fetched(), document("a"))
    assert story.state.retry_after is None


def test_a_feed_that_was_gone_lives_again_at_another_url() -> None:
    story = Story()
    for _ in range(2):
        story.look(failure(GONE, 410))
    assert looks.start(FEED, story.state).state == "gone"
    assert looks.start(msgspec.structs.replace(FEED, url="https://example.org/new"), story.state).state != "gone"


def test_the_last_ten_looks_are_kept_with_outcome_and_timing() -> None:
    story = Story()
    story.look(fetched(body=b"x" * 70), document("a"))
    first = story.state.looks[0]
    assert (first.outcome, first.bytes, first.duration_s, first.status) == ("changed", 70, 0.1, 200)
    for _ in range(12):
        story.look(failure())
    assert len(story.state.looks) == 10
    assert {(kept.outcome, kept.detail) for kept in story.state.looks} == {("failed", "it failed")}


def test_a_detail_is_bounded_and_can_be_written() -> None:
    story = Story()
    story.look(failure(detail="\ud800" + "long " * 1000))
    assert len(msgspec.json.encode(story.state)) < 4000


def dated(body_hash: str, seconds: float, age: float | None = None) -> Fetched:
    return fetched(body_hash, cache=CacheInfo(date=NOW + timedelta(seconds=seconds), age_s=age))


def test_what_a_cache_repeats_is_no_look_at_the_origin() -> None:
    story = Story()
    story.look(dated("b", 0, age=1), document("a"))
    for age in (61.0, 121.0):
        story.look(dated("b", 0, age=age))
    assert (story.kinds, story.state.owed) == (["document"], OWED)
    story.look(dated("b", 180, age=1))
    assert (story.kinds, story.state.owed) == (["document", "unchanged"], OWED - 1)


def test_copies_that_were_behind_are_told_of_again_once_they_are_current() -> None:
    story = Story()
    story.look(dated("new", 600), document("a", "b"))
    story.look(dated("old", 100), document("a"))
    for second in range(101, 120):
        story.look(dated("old", second))
    assert story.kinds == ["document", "document", *["unchanged"] * OWED]
    for second in range(700, 720):
        story.look(dated("old", second))
    assert story.kinds == ["document", "document", *["unchanged"] * 2 * OWED]


def test_a_move_is_kept_after_five_looks_over_an_hour_and_forgotten_with_the_url() -> None:
    story = Story()
    story.look(fetched("1", permanent="https://example.org/new"), document("a"))
    for _ in range(70):
        story.look(fetched("1", permanent="https://example.org/new"))
        if story.state.moved_to is not None:
            break
    assert story.now - NOW >= timedelta(hours=1)
    assert story.state.moved_to == "https://example.org/new"
    again = looks.start(msgspec.structs.replace(FEED, url="https://example.org/new"), story.state)
    assert (again.moved_to, again.move) == (None, None)


def test_the_rhythm_counts_changes_but_neither_the_first_look_nor_another_reader() -> None:
    story = Story()
    story.look(fetched("1"), document("a"))
    assert story.state.rhythm == Rhythm(since=story.now + timedelta(seconds=1))
    story.look(fetched("1"), document("a", version=2), "auto:2")
    assert story.state.rhythm == Rhythm(since=NOW + timedelta(seconds=61))
    story.look(fetched("2"), document("b", "a", version=2), "auto:2")
    assert story.state.rhythm.counts == (1, 1, 1)


def test_what_a_document_says_about_when_to_look_is_kept_with_its_format() -> None:
    story = Story()
    said = document("a").reading
    said = msgspec.structs.replace(said, feed=FeedMeta(poll_hint_s=600, skip_hours=(3,), skip_days=("monday",)))
    story.look(fetched("1"), readout(said))
    story.look(NOT_MODIFIED)
    assert story.state.hints == Hints(poll_hint_s=600, skip_hours=(3,), skip_days=("monday",))
    assert story.state.format == "rss"


def test_the_cause_of_a_failure_is_known_until_it_is_over() -> None:
    story = Story()
    story.look(failure("robots"))
    assert story.state.cause == "robots"
    story.look(fetched(), document("a"))
    assert story.state.cause is None
