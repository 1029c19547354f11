"""What follows from a look at a feed: its new state, and the observation to write. Pure.

The poller concludes nothing about entries. It writes a document when the canonical entries differ from the last
ones it wrote, and that they still stand for the next few looks: a removal is confirmed by fresh looks, a return to an
earlier state by more of them, and a page that stands still must supply them too.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from deltawire.config import FetchConfig
from deltawire.formats.base import Unreadable
from deltawire.model import (
    COPY_TOLERANCE,
    DOUBTFUL,
    REVERSAL_LOOKS,
    Document,
    Failed,
    Feed,
    FeedRef,
    Look,
    Observation,
    Reading,
    Retired,
    Unchanged,
    is_failing,
)
from deltawire.poller import cadence, headers, moves, schedule, trust
from deltawire.poller import digest as digests
from deltawire.poller.outcome import GONE, Failure, Fetched, Validators
from deltawire.poller_state import FetchState, Hints, LookSummary, Trust
from deltawire.telemetry import redact

RETELL_AFTER = timedelta(days=1)
"""Age of the last document from which it is written again: well within the three days that looks are kept."""

GONE_LOOKS = 2
"""Consecutive answers 410 after which a feed is gone: once can be an accident."""

_LOOKS_KEPT = 10
_PROBLEMS_KEPT = 20
_LONGEST_DETAIL = 500


class Readout(msgspec.Struct, frozen=True, kw_only=True):
    """A reading with its digest, which is taken beside it, off the event loop."""

    reading: Reading
    digest: str


class Conclusion(msgspec.Struct, frozen=True, kw_only=True):
    state: FetchState
    observation: Observation | None
    outcome: schedule.Outcome


def readout(reading: Reading) -> Readout:
    return Readout(reading=reading, digest=digests.of(reading))


def reference(feed: Feed) -> FeedRef:
    return FeedRef(
        id=feed.id,
        url=redact(feed.url),
        tags=feed.tags,
        series=feed.series,
        continues=feed.continues,
        continued_by=feed.continued_by,
        generation=feed.generation,
    )


def start(feed: Feed, state: FetchState | None) -> FetchState:
    """The state to go on with. A feed added again begins anew; another URL is asked without validators."""
    if state is None or state.generation != feed.generation:
        return FetchState(generation=feed.generation, url=feed.url)
    if state.url == feed.url:
        return state
    return msgspec.structs.replace(
        state,
        state="retrying" if state.state == "gone" else state.state,
        url=feed.url,
        etag=None,
        last_modified=None,
        target=None,
        body_hash=None,
        reader=None,
        copy_date=None,
        copy_time=None,
        behind=False,
        next_poll_at=None,
        retry_after=None,
        format=None,
        trust=Trust(),
        move=None,
        moved_to=None,
        move_checked_at=None,
        newest_at=None,
        followed=(),
    )


def validators(feed: Feed, state: FetchState, reader: str, now: datetime) -> Validators:
    """What to ask with: nothing where a 304 could not be understood or believed, or another reader is to read now."""
    if state.digest is None or state.reader != reader or retold(feed, state, now) or trust.withheld(feed, state, now):
        return Validators()
    return Validators(etag=state.etag, last_modified=state.last_modified, target=state.target)


def retold(feed: Feed, state: FetchState, now: datetime) -> bool:
    """Whether the document is to be written again though nothing changed.

    A differ that was away for longer than observations are kept has lost the feed's document, and would not see it
    again before the next change.
    """
    if state.told_at is None or (age := now - state.told_at) < RETELL_AFTER:
        return False
    return age >= RETELL_AFTER * (1 + 0.25 * schedule.jitter(feed.id, 0))


def needs_reading(feed: Feed, state: FetchState, fetched: Fetched, reader: str, now: datetime) -> bool:
    """Whether the body is other than the one that ``state.digest`` was read from, by the same reader."""
    if fetched.status == 304:
        return False
    if state.digest is None or state.reader != reader or retold(feed, state, now):
        return True
    return fetched.body_hash != state.body_hash


def conclude(
    feed: Feed,
    state: FetchState,
    look: Look,
    outcome: Fetched | Failure,
    read: Readout | Unreadable | None,
    *,
    reader: str,
    fetch: FetchConfig,
    removal_looks: int,
    asked: str | None = None,
    pace: float = 0.0,
) -> Conclusion:
    """What follows from a look, whose times are those of ``look``.

    ``read`` is what ``reader`` made of the body, null exactly if it need not be read again (``needs_reading``).
    ``asked`` is the URL that was asked last, if not the feed's own; ``pace`` as for ``schedule.plan``.
    """
    if isinstance(read, Unreadable) and isinstance(outcome, Fetched):
        outcome = Failure(
            cause=read.code,
            detail=str(read),
            status=outcome.status,
            duration_s=outcome.duration_s,
            bytes=len(outcome.body),
        )
        return _failed(feed, state, look, outcome, fetch)
    if isinstance(outcome, Failure):
        return _failed(feed, state, look, outcome, fetch)
    assert not isinstance(read, Unreadable)
    return _succeeded(feed, state, look, outcome, read, reader, fetch, removal_looks, asked or feed.url, pace)


def _succeeded(
    feed: Feed,
    state: FetchState,
    look: Look,
    fetched: Fetched,
    read: Readout | None,
    reader: str,
    fetch: FetchConfig,
    removal_looks: int,
    asked: str,
    pace: float,
) -> Conclusion:
    now = look.fetched_at
    digest = state.digest if read is None else read.digest
    assert digest is not None
    changed = digest != state.digest
    recovered = state.attempts > 0
    made, newest = fetched.cache.copy_time(now), state.copy_time
    behind = made is not None and newest is not None and made < newest - COPY_TOLERANCE
    # While older copies are served the differ refuses them; when the copies are current again it must be told.
    current_again = state.behind and not behind
    # What was written last may be an older copy, or a reversal: the differ tells by the looks that follow.
    enough = max(removal_looks, REVERSAL_LOOKS * DOUBTFUL) + 1
    owed = enough if changed or current_again else state.owed
    # A cache that answers with the same copy once more has not looked at the origin.
    looked = current_again or not fetched.cache.repeats(state.copy_date)
    untold = feed.continued_by != state.continued_by
    owes = not changed and (recovered or untold or (looked and owed > 0))
    live = state.live if read is None else read.reading.feed.live
    health: Literal["ok", "ended"] = "ended" if live is False else "ok"
    not_modified = fetched.status == 304
    given = fetched.validators
    after = msgspec.structs.replace(
        state,
        state=health,
        since=state.since if state.state == health else now,
        url=feed.url,
        # A 304 may bring new validators, and one that brings none confirms the old (RFC 9110, 15.4.5).
        etag=given.etag or (state.etag if not_modified else None),
        last_modified=given.last_modified or (state.last_modified if not_modified else None),
        target=given.target,
        body_hash=state.body_hash if not_modified else fetched.body_hash,
        digest=digest,
        live=live,
        owed=max(0, owed - owes),
        copy_date=fetched.cache.date,
        copy_time=headers.later(made, newest),
        behind=behind,
        attempts=0,
        failing_since=None,
        last_read_at=now,
        last_change_at=now if changed else state.last_change_at,
        retry_after=fetched.retry_after,
        continued_by=feed.continued_by,
        cause=None,
        trust=trust.after(feed, state, fetched, changed=changed, asked_at=look.began_at, now=now),
        # What another reader makes of the same page says nothing about how often the page changes.
        rhythm=cadence.after(state.rhythm, now, changed=changed and state.reader == reader),
        looks=_with(state, look, fetched, "changed" if changed else "unchanged"),
    )
    after = moves.after(feed, state, after, asked, fetched, now)
    if read is not None:
        after = msgspec.structs.replace(
            after,
            reader=reader,
            problems=read.reading.problems[:_PROBLEMS_KEPT],
            format=read.reading.format,
            hints=_hints(read.reading),
        )
    outcome: schedule.Outcome = "changed" if changed else "unchanged"
    after = _planned(feed, after, outcome, now, fetch, fetched.fresh_for, pace)
    observation: Observation | None = None
    if read is not None and (changed or retold(feed, state, look.began_at)):
        after = msgspec.structs.replace(after, told_at=now)
        observation = Document(**_fields(look), reading=read.reading, digest=digest, cache=fetched.cache)
    elif owes:
        observation = Unchanged(**_fields(look), digest=digest, cache=fetched.cache)
    return Conclusion(state=after, observation=observation, outcome=outcome)


def _failed(feed: Feed, state: FetchState, look: Look, failure: Failure, fetch: FetchConfig) -> Conclusion:
    now = look.fetched_at
    detail = failure.detail[:_LONGEST_DETAIL].encode("utf-8", "replace").decode()
    failure = msgspec.structs.replace(failure, detail=detail)
    attempts = state.attempts + 1
    ever_read = state.last_read_at is not None
    last_status = state.looks[-1].status if state.looks else None
    gone = failure.cause == GONE and last_status == failure.status and attempts >= GONE_LOOKS
    failing = is_failing(attempts, ever_read=ever_read)
    health: Literal["gone", "failing", "retrying"] = "gone" if gone else "failing" if failing else "retrying"
    since = state.failing_since or look.began_at
    after = msgspec.structs.replace(
        state,
        state=health,
        since=state.since if state.state == health else now,
        url=feed.url,
        attempts=attempts,
        failing_since=since,
        retry_after=failure.retry_after,
        continued_by=feed.continued_by,
        cause=failure.cause,
        looks=_with(state, look, failure, "failed"),
    )
    if gone:
        after = msgspec.structs.replace(after, next_poll_at=None)
        return Conclusion(state=after, observation=Retired(**_fields(look), cause="gone"), outcome="failed")
    after = _planned(feed, after, "failed", now, fetch, None)
    observation = Failed(
        **_fields(look),
        cause=failure.cause,
        detail=failure.detail,
        attempts=attempts,
        since=since,
        ever_read=ever_read,
        status=failure.status,
        next_poll_at=after.next_poll_at,
    )
    return Conclusion(state=after, observation=observation, outcome="failed")


def _planned(
    feed: Feed,
    state: FetchState,
    outcome: schedule.Outcome,
    now: datetime,
    fetch: FetchConfig,
    fresh_for: float | None,
    pace: float = 0.0,
) -> FetchState:
    plan = schedule.plan(feed, state, outcome, now, fetch, fresh_for, pace)
    return msgspec.structs.replace(state, interval=plan.interval, next_poll_at=plan.next_poll_at)


def _hints(reading: Reading) -> Hints:
    said = reading.feed
    return Hints(poll_hint_s=said.poll_hint_s, skip_hours=said.skip_hours, skip_days=said.skip_days)


def _with(
    state: FetchState, look: Look, outcome: Fetched | Failure, result: schedule.Outcome
) -> tuple[LookSummary, ...]:
    failure = outcome if isinstance(outcome, Failure) else None
    summary = LookSummary(
        at=look.began_at,
        poll_id=look.poll_id,
        outcome=result,
        duration_s=round(outcome.duration_s, 4),
        status=outcome.status,
        bytes=len(outcome.body) if isinstance(outcome, Fetched) else outcome.bytes,
        detail=failure.detail if failure else None,
    )
    return (*state.looks, summary)[-_LOOKS_KEPT:]


def _fields(look: Look) -> dict[str, Any]:
    return msgspec.structs.asdict(look)
