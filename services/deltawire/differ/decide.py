"""The decision: ``(memory, look) -> (memory, changes)``. Pure: its now is the look's time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from deltawire.differ import clocks, coverage, freshness, noise, unstated, volatile
from deltawire.differ.document import EntryPass
from deltawire.differ.shown import once as shown_once
from deltawire.differ.state import FeedChange, FeedChangeKind, FeedState, Known, Note, Outcome, Policy
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
    state, linked = _link(state, look)
    if isinstance(look, Retired):
        outcome = _retire(state, known, look)
        return replace(outcome, changes=(*linked, *outcome.changes))
    if state is not None and state.feed.url != look.feed.url:
        # Another address is another server, with a clock of its own.
        state = replace(state, copy_time=None, copy_date=None, last_modified=None, refused_time=None, clocks=())
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
    return replace(outcome, entries={**forgotten, **outcome.entries}, changes=(*linked, *outcome.changes))


def _link(state: FeedState | None, look: Observation) -> tuple[FeedState | None, tuple[FeedChange, ...]]:
    """What is new about the feed that continues this one; the event that starts a feed says it by itself."""
    if state is None or look.feed.continued_by in (None, state.feed.continued_by):
        return state, ()
    change = _feed_change("failing" if state.failing else "updated", state.since, "continued", state.ended)
    state = replace(state, feed=replace(state.feed, continued_by=look.feed.continued_by))
    return state, (replace(change, kind="updated"),) if state.meta is not None else ()


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
        if state.refused is not None and state.refused.digest == look.digest:
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
        detail = "the copy that is shown still is not the accepted one"
        return _not_accepted(state, recovered, look, "stale", detail)
    state, made = _looked(state, look)
    state, recovered = _recover(state, look)
    if policy.reversal_looks > 1 and freshness.older(state, made):
        return _not_accepted(state, recovered, look, "stale", "an older copy that shows the same")
    entries = EntryPass(state, look, policy, known)
    entries.look_again()
    newcomers, stayed = noise.stay(state.newcomers, freshness.needed(policy, doubtful=True))
    for newcomer in stayed:
        entries.add(newcomer)
    return Outcome(
        state=replace(
            _accepted(state, look),
            copy_time=_latest(made, state.copy_time),
            newcomers=newcomers,
            order=entries.order,
            volatile=volatile.stood(state.volatile),
        ),
        entries=entries.memory,
        changes=(*recovered, *entries.changes),
        notes=tuple(entries.notes),
    )


def _document(state: FeedState, known: Mapping[str, Known], look: Document, policy: Policy) -> Outcome:
    state, feed_changes = _recover(state, look)
    state, made = _looked(state, look)
    whole, once = look, shown_once(unstated.of_feed(state.meta, look.reading))
    stays = freshness.needed(policy, doubtful=True)
    reading, newcomers, left_out = noise.admit(state.newcomers, known, once, stays, backfill=state.meta is None)
    look = replace(look, reading=reading)
    entries = EntryPass(state, look, policy, known)
    shown = entries.identify(reading)
    state = replace(state, volatile=entries.volatile)
    covers = coverage.Range(reading, shown, state.order, entries.withdrawn).covers
    verdict = freshness.judge(state, known, shown, look, made, policy, covers, entries.withdrawn)
    if verdict.outcome == "refused":
        uncounted = (verdict.form, verdict.looks) == (state.refused_form, state.refused_looks)
        refused = replace(
            state,
            refused=state.refused if uncounted else whole,
            refused_form=verdict.form,
            refused_looks=verdict.looks,
            refused_doubtful=verdict.doubtful,
            refused_time=state.refused_time if uncounted else None if verdict.doubtful else made,
        )
        outcome = _not_accepted(refused, feed_changes, look, verdict.code, verdict.reason)
        return replace(outcome, entries=entries.memory, notes=(*outcome.notes, *entries.learned))
    reader = f"{reading.format}/{reading.version}"
    ended = reading.feed.live is False
    past, turned = state.past, state.turned
    if state.meta is None:
        feed_changes += (_feed_change("started", look.fetched_at, "first-seen"),)
        entries.first_sight(shown)
        shown_times = [e.published_at for e in reading.entries if e.published_at]
        state = replace(state, horizon=min(shown_times, default=None), since=look.fetched_at)
    else:
        if changed := _meta_changes(state.meta, reading.feed):
            feed_changes += (_feed_change("updated", state.since, "edit", state.ended, changed),)
        if state.ended and not ended:
            feed_changes += (_feed_change("started", look.fetched_at, "reopened"),)
        if freshness.facts(state.meta) != freshness.facts(reading.feed):
            past, turned = freshness.replaced(past, freshness.facts(state.meta)), state.looks
        entries.next_sight(reading, shown, verdict, covers, reparsed=state.reader not in (None, reader))
    accepted = (_note(look, verdict.code, verdict.reason),) if verdict.outcome == "reversal" else ()
    odd = () if {n.form for n in newcomers} <= {n.form for n in state.newcomers} else (_odd(look, left_out, stays),)
    last: tuple[FeedChange, ...] = ()
    if ended and not state.ended:
        last = (_feed_change("ended", look.fetched_at, "source"),)
    newest = freshness.newest(reading.entries)
    state = replace(
        _accepted(state, look),
        meta=reading.feed,
        ended=ended,
        since=look.fetched_at if ended != state.ended else state.since,
        digest=look.digest,
        reader=reader,
        order=entries.order,
        ids=entries.ids,
        unknown_tombstones=entries.unknown_tombstones,
        source_age_s=look.cache.age_s,
        copy_time=made or state.copy_time,
        copy_date=look.cache.date,
        last_modified=look.cache.last_modified,
        past=past,
        turned=turned,
        newcomers=newcomers,
        newest=_latest(newest, state.newest),
    )
    return Outcome(
        state=state,
        entries=entries.memory,
        changes=(*feed_changes, *entries.changes, *last),
        notes=(*accepted, *odd, *entries.notes),
    )


def _not_accepted(
    state: FeedState, recovered: tuple[FeedChange, ...], look: Document | Unchanged, code: str, detail: str
) -> Outcome:
    """A copy that changes nothing. It does not move ``fetched_at``: it cannot say what was not there yet."""
    return Outcome(state=replace(state, began_at=look.began_at), changes=recovered, notes=(_note(look, code, detail),))


def _looked(state: FeedState, look: Document | Unchanged) -> tuple[FeedState, datetime | None]:
    """One more look, with what its Date says of the clocks, and when its copy was made."""
    readings, made = clocks.read(state.clocks, look.cache, look.fetched_at)
    return replace(state, looks=state.looks + 1, clocks=readings), made


def _accepted(state: FeedState, look: Document | Unchanged) -> FeedState:
    return replace(
        state,
        feed=look.feed,
        began_at=look.began_at,
        fetched_at=look.fetched_at,
        refused=None,
        refused_form="",
        refused_looks=0,
        refused_doubtful=False,
        refused_time=None,
    )


def _odd(look: Document, count: int, stays: int) -> Note:
    detail = f"{count} entries without a time among others with one: none, unless shown in {stays} looks on end"
    return _note(look, "untimed", detail)


def _latest(*times: datetime | None) -> datetime | None:
    return max((t for t in times if t), default=None)


def _recover(state: FeedState, look: Document | Unchanged) -> tuple[FeedState, tuple[FeedChange, ...]]:
    if not state.failing:
        return state, ()
    state = replace(state, failing=False, since=look.fetched_at)
    return state, (_feed_change("recovered", look.fetched_at, "read-again", state.ended),)


def _feed_change(
    kind: FeedChangeKind, since: datetime, cause: str, ended: bool = False, changes: tuple[Change, ...] = ()
) -> FeedChange:
    is_ended = kind == "ended" or ended
    return FeedChange(
        kind=kind,
        state="failing" if kind == "failing" else "ended" if is_ended else "open",
        since=since,
        cause=cause,
        changes=changes,
    )


def _meta_changes(old: FeedMeta, new: FeedMeta) -> tuple[Change, ...]:
    """What the blog says of itself otherwise than before; what it says for the first time is no change."""
    found: list[Change] = []
    if old.title is not None and new.title is not None and old.title != new.title:
        found.append(Change(field="title", diff=diff(old.title, new.title)))
    found += [
        Change(field=field, old=getattr(old, field), new=getattr(new, field))
        for field in ("url", "language")
        if getattr(old, field) not in (None, getattr(new, field))
    ]
    return tuple(found)


def _note(look: Observation, reason: str, detail: str) -> Note:
    return Note(at=look.fetched_at, poll_id=look.poll_id, reason=reason, detail=detail)
