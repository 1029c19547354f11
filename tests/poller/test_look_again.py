"""What a look leaves for the next: what is sent, what is read again, and what begins anew."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from deltawire.poller import look as looks
from deltawire.poller.outcome import Validators
from deltawire.poller_state import FetchState
from poller.looks import FEED, NOT_MODIFIED, NOW, OWED, READER, Story, document, failure, fetched


def test_a_304_keeps_what_it_does_not_replace() -> None:
    story = Story()
    story.look(fetched("1", validators=Validators(etag='"1"', last_modified="then")), document("a"))
    story.look(fetched("", 304, validators=Validators(etag='"2"')))
    assert (story.state.etag, story.state.last_modified, story.state.body_hash) == ('"2"', "then", "1")


def test_a_200_without_validators_forgets_the_old_ones() -> None:
    story = Story()
    story.look(fetched("1", validators=Validators(etag='"1"', last_modified="then")), document("a"))
    story.look(fetched("2"), document("b"))
    assert looks.validators(FEED, story.state, READER, story.now) == Validators()


def test_a_better_reader_reads_again() -> None:
    story = Story()
    story.look(fetched("1", validators=Validators(etag='"1"')), document("a"))
    assert looks.validators(FEED, story.state, READER, story.now) == Validators(etag='"1"')
    assert looks.validators(FEED, story.state, "auto:2", story.now) == Validators()
    assert not looks.needs_reading(FEED, story.state, fetched("1"), READER, story.now)
    assert looks.needs_reading(FEED, story.state, fetched("1"), "auto:2", story.now)
    story.look(fetched("1"), document("a", version=2), "auto:2")
    assert story.kinds == ["document", "document"]
    assert story.state.reader == "auto:2"


def test_equal_bytes_and_304_are_not_read_again_and_other_bytes_are() -> None:
    story = Story()
    assert looks.needs_reading(FEED, story.state, fetched("1"), READER, story.now)
    story.look(fetched("1"), document("a"))
    assert not looks.needs_reading(FEED, story.state, fetched("1"), READER, story.now)
    assert not looks.needs_reading(FEED, story.state, NOT_MODIFIED, READER, story.now)
    assert looks.needs_reading(FEED, story.state, fetched("2"), READER, story.now)


def test_a_feed_added_again_begins_anew() -> None:
    story = Story()
    story.look(fetched(), document("a"))
    again = msgspec.structs.replace(FEED, generation="g2")
    assert looks.start(again, story.state) == FetchState(generation="g2", url=FEED.url)
    assert looks.start(FEED, story.state) == story.state


def test_another_url_forgets_validators_and_retry_after_but_not_what_was_written() -> None:
    story = Story()
    story.look(fetched("1", validators=Validators(etag='"1"', last_modified="then")), document("a"))
    story.look(failure("http-429", 429, retry_after=NOW + timedelta(hours=3)))
    moved = looks.start(msgspec.structs.replace(FEED, url="https://example.org/new"), story.state)
    assert (moved.etag, moved.last_modified, moved.body_hash, moved.reader) == (None, None, None, None)
    assert (moved.retry_after, moved.next_poll_at) == (None, None)
    assert moved.digest == document("a").digest
    assert moved.url == "https://example.org/new"


def test_another_format_reads_again_but_still_waits_as_the_source_asked() -> None:
    story = Story()
    story.look(fetched("1", validators=Validators(etag='"1"')), document("a"))
    later = NOW + timedelta(hours=3)
    story.look(failure("http-429", 429, retry_after=later))
    other = looks.start(msgspec.structs.replace(FEED, format="jsonld"), story.state)
    assert other.retry_after == later
    assert looks.validators(FEED, other, "jsonld:1", story.now) == Validators()
    assert looks.needs_reading(FEED, other, fetched("1"), "jsonld:1", story.now)


def test_another_reader_that_reads_the_same_writes_nothing() -> None:
    story = Story()
    story.look(fetched("1"), document("a"))
    for _ in range(3):
        story.look(NOT_MODIFIED)
    story.look(fetched("1"), document("a"), "auto:2")
    assert story.kinds == ["document", *["unchanged"] * 4]
    assert story.state.reader == "auto:2"


def test_a_304_that_hides_a_change_is_found_out_and_its_validators_are_not_sent_for_a_while() -> None:
    story = Story()
    story.look(fetched("1", validators=Validators(etag='"stuck"')), document("a"))
    looked = 0
    while looks.validators(FEED, story.state, READER, story.now + timedelta(minutes=1)) == Validators(etag='"stuck"'):
        story.look(NOT_MODIFIED)
        looked += 1
        assert looked <= 100
    story.look(fetched("2", validators=Validators(etag='"stuck"')), document("b", "a"))
    assert story.kinds[-1] == "document"
    assert story.state.trust.caught == 1
    for minute in (1, 30, 58):
        assert looks.validators(FEED, story.state, READER, story.now + timedelta(minutes=minute)) == Validators()
    assert looks.validators(FEED, story.state, READER, story.now + timedelta(minutes=61)) != Validators()


def test_a_304_that_was_true_stays_believed_even_if_the_bytes_differ() -> None:
    story = Story()
    story.look(fetched("1", validators=Validators(etag='W/"1"')), document("a"))
    while looks.validators(FEED, story.state, READER, story.now + timedelta(minutes=1)) != Validators():
        story.look(NOT_MODIFIED)
    story.look(fetched("2", validators=Validators(etag='W/"1"')), document("a"))
    assert story.state.trust.caught == 0
    assert looks.validators(FEED, story.state, READER, story.now + timedelta(minutes=1)) == Validators(etag='W/"1"')


def test_a_state_written_by_an_older_version_is_read_and_goes_on() -> None:
    old = b"""{"generation": "g1", "state": "ok", "url": "%s", "etag": "\\"1\\"", "digest": "d", "reader": "auto:1",
    "body_hash": "b", "interval": 15.0, "last_change_at": "2026-03-01T11:00:00Z"}""" % FEED.url.encode()
    story = Story()
    story.state = looks.start(FEED, msgspec.json.decode(old, type=FetchState))
    assert looks.validators(FEED, story.state, READER, NOW) == Validators(etag='"1"')
    story.look(NOT_MODIFIED)
    assert (story.state.state, story.state.trust.not_modified) == ("ok", 1)
    assert msgspec.json.decode(msgspec.json.encode(story.state), type=FetchState) == story.state


def test_a_document_that_stands_still_is_written_again_each_day_and_asked_for_whole() -> None:
    story = Story()
    story.look(fetched("1", validators=Validators(etag='"1"')), document("a"))
    told = story.now
    soon, late = told + timedelta(hours=23), told + timedelta(days=1, hours=6)
    assert looks.validators(FEED, story.state, READER, soon) == Validators(etag='"1"')
    assert not looks.needs_reading(FEED, story.state, fetched("1"), READER, soon)
    assert looks.validators(FEED, story.state, READER, late) == Validators()
    assert looks.needs_reading(FEED, story.state, fetched("1"), READER, late)
    for _ in range(OWED + 1):
        story.look(fetched("1"))
    story.now = late
    story.look(fetched("1", validators=Validators(etag='"1"')), document("a"))
    assert story.kinds[-1] == "document"
    assert story.state.told_at is not None
    assert story.state.told_at > told
    assert looks.validators(FEED, story.state, READER, late) == Validators(etag='"1"')
