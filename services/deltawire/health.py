"""A feed's health in a word that an operator understands, and a sentence. Pure: from what the poller remembers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from deltawire.model import Feed
from deltawire.poller_state import FetchState, LookSummary
from deltawire.telemetry import redact, redact_text

Word = Literal[
    "new", "ok", "quiet", "noisy", "moved", "ended", "paused", "retrying", "failing", "unreadable", "blocked", "gone"
]

QUIET_AFTER = timedelta(days=7)
NOISY_LOOKS = 9
"""So many of the last ten looks with a change, less than ``NOISY_WITHIN`` apart, are noise rather than news."""

NOISY_WITHIN = timedelta(minutes=2)

BLOCKED = "robots"
_UNREADABLE = frozenset(
    {
        "ambiguous",
        "cut-off",
        "empty",
        "encoding",
        "format",
        "malformed",
        "not-a-live-blog",
        "reader-error",
        "source-error",
        "too-expensive",
        "too-large",
    }
)


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """``detail`` is one sentence that anybody may see, null where the word says it all."""

    word: Word
    detail: str | None = None


def health(feed: Feed, state: FetchState | None, now: datetime) -> Health:
    """How the feed is. The state of an earlier life of the feed does not count."""
    if feed.paused:
        return Health(word="paused")
    if state is None or state.generation != feed.generation or state.state == "new":
        return Health(word="new", detail="it has not been looked at yet")
    if state.state == "gone":
        return Health(word="gone", detail="the source answers 410: it will not come back")
    if state.attempts:
        return _failing(state, now)
    if state.state == "ended":
        return Health(word="ended", detail="the source says that the blog is closed")
    if state.moved_to is not None:
        return Health(word="moved", detail=f"it has moved for good to {redact(state.moved_to)}; give it this URL")
    trust = state.trust
    doubts = None
    if trust.mistrusted_until is not None and trust.mistrusted_until > now:
        until = _time(trust.mistrusted_until)
        doubts = f"the source said 304 although the document had changed; until {until} it is asked for whole"
    if _noisy(state):
        return Health(word="noisy", detail="nearly every look shows something else: news, or what stands around it?")
    if state.last_change_at is None or now - state.last_change_at > QUIET_AFTER:
        since = f"since {_time(state.last_change_at)}" if state.last_change_at else "so far"
        return Health(word="quiet", detail=doubts or f"it has not changed {since}")
    return Health(word="ok", detail=doubts)


def _failing(state: FetchState, now: datetime) -> Health:
    word: Word = "failing" if state.state == "failing" else "retrying"
    if state.cause == BLOCKED:
        word = "blocked"
    elif state.cause in _UNREADABLE and word == "failing":
        word = "unreadable"
    since = f"since {_time(state.failing_since)}" if state.failing_since else ""
    why = next((look.detail for look in reversed(state.looks) if look.outcome == "failed" and look.detail), None)
    detail = redact_text(": ".join(filter(None, (since, why))))
    if state.retry_after is not None and state.retry_after > now:
        detail += f"{'; ' if detail else ''}the site wants to be left alone until {_time(state.retry_after)}"
    return Health(word=word, detail=detail or None)


def redacted(look: LookSummary) -> LookSummary:
    """The look as anybody may see it: the URLs of its sentence without credentials and query."""
    return msgspec.structs.replace(look, detail=look.detail and redact_text(look.detail))


def _noisy(state: FetchState) -> bool:
    looks = state.looks
    changed = sum(look.outcome == "changed" for look in looks)
    return changed >= NOISY_LOOKS and (looks[-1].at - looks[0].at) / (len(looks) - 1) < NOISY_WITHIN


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
