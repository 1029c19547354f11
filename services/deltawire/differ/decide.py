"""The decision: ``(memory, look) -> (memory, changes)``. Pure: its now is the look's time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from deltawire.differ import freshness
from deltawire.differ.document import EntryPass
from deltawire.differ.state import FeedChange, FeedState, Known, Note, Outcome, Policy
from deltawire.differ.words import diff
from deltawire.events import Change
from deltawire.model import Document, Failed, FeedMeta, Observation, Retired, Unchanged, is_failing

replace = msgspec.structs.replace


def decide(state: FeedState | None, known: Mapping[str, Known], look: Observation, policy: Policy) -> Outcome:
    """What one look at a feed leads to.

    ``known`` are the feed's entries by id. A look of another generation of the feed starts a new epoch; one that
    does not begin after the last accepted look is dropped, whatever it contains (it came twice or late).
    """
    forgotten: dict[str, Known | None] = {}
    if state is not None and state.feed.generation != look.feed.generation:
        if isinstance(look, Retired):
            return Outcome(state=state, notes=(_note(look, "late", "the retired feed was added again since"),))
        forgotten = dict.fromkeys(known)
        state, known = None, {}
    if state is not None and look.began_at <= state.began_at:
        return Outcome(state=state, notes=(_note(look, "late", "does not begin after the last accepted look"),))
    if isinstance(look, Retired):
        return _retire(state, known, look)
    if state is not None and state.feed.url != look.feed.url:
        # Another address is another server, with a clock of its own.
        state = replace(state, copy_time=None)
    if state is None:
        state = FeedState(
            feed=look.feed,
            epoch=f"{int(look.began_at.timestamp() * 1000):x}",
            since=look.fetched_at,
            began_at=look.began_at,
            fetched_at=look.fetched_at,
        )
    match look:
        case Failed():
            outcome = _failed(state, look)
        case Unchanged():
            outcome = _unchanged(state, known, look, policy)
        case Document():
            outcome = _document(state, known, look, policy)
    return replace(outcome, entries={**forgotten, **outcome.entries})


def _retire(state: FeedState | None, known: Mapping[str, Known], look: Retired) -> Outcome:
    if state is None:
        return Outcome(state=None, notes=(_note(look, "late", "the retired feed is not known"),))
    changes = () if state.ended else (_feed_change("ended", look.fetched_at, look.cause),)
    if look.cause == "removed":
        return Outcome(state=None, entries=dict.fromkeys(known), changes=changes)
    ended = replace(state, ended=True, failing=False, since=look.fetched_at, began_at=look.began_at)
    return Outcome(state=ended, changes=changes)


def _failed(state: FeedState, look: Failed) -> Outcome:
    note = _note(look, "failed", f"{look.cause}: {look.detail} (attempt {look.attempts})")
    state = replace(state, feed=look.feed, began_at=look.began_at)
    if state.failing or not is_failing(look.attempts, ever_read=look.ever_read):
        return Outcome(state=state, notes=(note,))
    state = replace(state, failing=True, since=look.since)
    return Outcome(state=state, changes=(_feed_change("failing", look.since, look.cause),), notes=(note,))


def _unchanged(state: FeedState, known: Mapping[str, Known], look: Unchanged, policy: Policy) -> Outcome:
    if look.digest != state.digest:
        told = look.cache.copy_time(look.fetched_at) is not None
        if told and state.refused is not None and state.refused.digest == look.digest:
            # What was refused is still shown: told of again with its caches' words of now, it may prove current.
            again = replace(
                state.refused,
                poll_id=look.poll_id,
                feed=look.feed,
                poller=look.poller,
                began_at=look.began_at,
                fetched_at=look.fetched_at,
                cache=look.cache,
            )
            return _document(state, known, again, policy)
        state, recovered = _recover(state, look)
        return _not_accepted(state, recovered, look, "still the copy that was not accepted")
    state, recovered = _recover(state, look)
    entries = EntryPass(state, look, policy, known)
    entries.look_again()
    return Outcome(
        state=_looked(state, look),
        entries=entries.memory,
        changes=(*recovered, *entries.changes),
        notes=tuple(entries.notes),
    )


def _document(state: FeedState, known: Mapping[str, Known], look: Document, policy: Policy) -> Outcome:
    state, feed_changes = _recover(state, look)
    if reason := freshness.stale(state, look):
        return _not_accepted(replace(state, refused=look), feed_changes, look, reason)
    reading = look.reading
    reader = f"{reading.format}/{reading.version}"
    ended = reading.feed.live is False
    entries = EntryPass(state, look, policy, known)
    if state.meta is None:
        feed_changes += (_feed_change("started", look.fetched_at, "first-seen"),)
        entries.first_sight(reading)
        shown_times = [e.published_at for e in reading.entries if e.published_at]
        state = replace(state, horizon=min(shown_times, default=None), since=look.fetched_at)
    else:
        if changed := _meta_changes(state.meta, reading.feed):
            feed_changes += (_feed_change("updated", state.since, "edit", state.ended, changed),)
        if state.ended and not ended:
            feed_changes += (_feed_change("started", look.fetched_at, "reopened"),)
        entries.next_sight(reading, reparsed=state.reader not in (None, reader))
    last: tuple[FeedChange, ...] = ()
    if ended and not state.ended:
        last = (_feed_change("ended", look.fetched_at, "source"),)
    made = look.cache.copy_time(look.fetched_at)
    newest = freshness.newest(reading.entries)
    state = replace(
        _looked(state, look),
        meta=reading.feed,
        ended=ended,
        since=look.fetched_at if ended != state.ended else state.since,
        digest=look.digest,
        reader=reader,
        order=entries.order,
        ids=entries.ids,
        unknown_tombstones=entries.unknown_tombstones,
        refused=None,
        source_age_s=look.cache.age_s,
        copy_time=max((t for t in (made, state.copy_time) if t), default=None),
        newest=max((t for t in (newest, state.newest) if t), default=None),
    )
    return Outcome(
        state=state,
        entries=entries.memory,
        changes=(*feed_changes, *entries.changes, *last),
        notes=tuple(entries.notes),
    )


def _not_accepted(
    state: FeedState, recovered: tuple[FeedChange, ...], look: Document | Unchanged, reason: str
) -> Outcome:
    """A copy that changes nothing. It does not move ``fetched_at``: it cannot say what was not there yet."""
    return Outcome(
        state=replace(state, began_at=look.began_at), changes=recovered, notes=(_note(look, "stale", reason),)
    )


def _looked(state: FeedState, look: Document | Unchanged) -> FeedState:
    return replace(state, feed=look.feed, began_at=look.began_at, fetched_at=look.fetched_at)


def _recover(state: FeedState, look: Document | Unchanged) -> tuple[FeedState, tuple[FeedChange, ...]]:
    if not state.failing:
        return state, ()
    state = replace(state, failing=False, since=look.fetched_at)
    return state, (_feed_change("recovered", look.fetched_at, "read-again", state.ended),)


def _feed_change(
    kind: str, since: datetime, cause: str, ended: bool = False, changes: tuple[Change, ...] = ()
) -> FeedChange:
    state = "failing" if kind == "failing" else "ended" if kind == "ended" or ended else "open"
    return msgspec.convert(
        {"kind": kind, "state": state, "since": since, "cause": cause, "changes": changes}, FeedChange
    )


def _meta_changes(old: FeedMeta, new: FeedMeta) -> tuple[Change, ...]:
    found: list[Change] = []
    if old.title != new.title:
        if old.title is not None and new.title is not None:
            found.append(Change(field="title", diff=diff(old.title, new.title)))
        else:
            found.append(Change(field="title", old=old.title, new=new.title))
    found += [
        Change(field=field, old=getattr(old, field), new=getattr(new, field))
        for field in ("url", "language")
        if getattr(old, field) != getattr(new, field)
    ]
    return tuple(found)


def _note(look: Observation, reason: str, detail: str) -> Note:
    return Note(at=look.fetched_at, poll_id=look.poll_id, reason=reason, detail=detail)
