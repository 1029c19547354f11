"""A feed's health in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from deltawire.health import health
from deltawire.model import Feed
from deltawire.poller_state import FetchState, LookSummary, Trust

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FEED = Feed(id="harbour", url="https://example.org/feed", generation="g")
FRESH: dict[str, Any] = {"state": "ok", "last_change_at": NOW - timedelta(hours=3)}


def looks(
    outcome: Literal["changed", "unchanged", "failed"], apart: timedelta, count: int = 10, detail: str | None = None
) -> tuple[LookSummary, ...]:
    return tuple(
        LookSummary(at=NOW - apart * (count - n), poll_id="p", outcome=outcome, duration_s=0.1, detail=detail)
        for n in range(count)
    )


def failed(cause: str, state: str = "failing") -> dict[str, Any]:
    since = NOW - timedelta(hours=1)
    seen = looks("failed", timedelta(minutes=1), 3, "example.org said no")
    return {"state": state, "attempts": 3, "cause": cause, "failing_since": since, "looks": seen}


@pytest.mark.parametrize(
    ("fields", "word", "says"),
    [
        ({"state": "new"}, "new", "not been looked at"),
        (FRESH, "ok", None),
        ({"state": "ok", "last_change_at": NOW - timedelta(days=8)}, "quiet", "since 2026-02-21 12:00 UTC"),
        ({"state": "ended"}, "ended", "closed"),
        ({"state": "gone"}, "gone", "410"),
        (failed("timeout", "retrying"), "retrying", "example.org said no"),
        (
            failed("http-429") | {"retry_after": NOW + timedelta(hours=2)},
            "failing",
            "said no; the site wants to be left alone until 2026-03-01 14:00 UTC",
        ),
        (failed("http-429") | {"retry_after": NOW - timedelta(hours=2)}, "failing", "said no"),
        (failed("timeout"), "failing", "since 2026-03-01 11:00 UTC: example.org said no"),
        (failed("not-a-live-blog"), "unreadable", "example.org said no"),
        (failed("malformed", "retrying"), "retrying", "example.org said no"),
        (failed("robots"), "blocked", "example.org said no"),
        (FRESH | {"moved_to": "https://example.net/feed?key=secret"}, "moved", "for good to https://example.net/feed;"),
        (FRESH | {"moved_to": "https://example.net/feed"} | failed("timeout"), "failing", "said no"),
        (FRESH | {"looks": looks("changed", timedelta(seconds=20))}, "noisy", "nearly every look"),
        (FRESH | {"looks": looks("changed", timedelta(minutes=15))}, "ok", None),
        (FRESH | {"looks": looks("unchanged", timedelta(seconds=20))}, "ok", None),
        (
            FRESH | {"trust": Trust(mistrusted_until=NOW + timedelta(hours=1), caught=1)},
            "ok",
            "until 2026-03-01 13:00 UTC",
        ),
        (FRESH | {"trust": Trust(mistrusted_until=NOW - timedelta(hours=1), caught=1)}, "ok", None),
    ],
)
def test_each_state_has_a_word_and_a_sentence(fields: dict[str, Any], word: str, says: str | None) -> None:
    found = health(FEED, FetchState(generation="g", **fields), NOW)
    assert found.word == word
    assert (found.detail is None) is (says is None)
    assert (says or "") in (found.detail or "")
    assert ("left alone" in (found.detail or "")) is ("left alone" in (says or ""))
    assert "secret" not in (found.detail or "")


def test_a_paused_feed_is_paused_and_an_earlier_life_does_not_count() -> None:
    paused = Feed(id="harbour", url="https://example.org/feed", generation="g", paused=True)
    assert health(paused, FetchState(generation="g", **failed("timeout")), NOW).word == "paused"
    assert health(FEED, FetchState(generation="old", **failed("timeout")), NOW).word == "new"
    assert health(FEED, None, NOW).word == "new"
