"""From decisions to events: numbers, envelopes, the size limit, and the notes that ``explain`` shows."""

from __future__ import annotations

import hashlib
from html import escape

import msgspec
import orjson

from deltawire.differ.state import (
    NOTES_PER_ENTRY,
    NOTES_PER_FEED,
    EntryChange,
    FeedChange,
    FeedState,
    Known,
    Note,
    Outcome,
)
from deltawire.events import (
    EVENT_LIMIT,
    Change,
    EntryData,
    Event,
    FeedData,
    FeedInfo,
    Observed,
)
from deltawire.grammar import counted
from deltawire.model import Observation, Significance

replace = msgspec.structs.replace

LIST_LIMIT = 100
"""Items of a list field, and changed places of a diff, in an event that had to be cut."""


class Emission(msgspec.Struct, frozen=True, kw_only=True):
    """A decision ready to be committed.

    ``values`` are the events' encoded data, ``wholes`` the entry events before they were cut.
    """

    state: FeedState | None
    entries: dict[str, Known | None]
    events: tuple[Event, ...] = ()
    values: tuple[bytes, ...] = ()
    wholes: tuple[Event, ...] = ()


def emit(before: FeedState | None, outcome: Outcome, look: Observation, source: str) -> Emission:
    """Give each change of ``outcome`` its sequence number and envelope.

    ``before`` is the state the outcome was decided from; it numbers the last events of a feed that is forgotten.
    """
    state = outcome.state or before
    if state is None:
        return Emission(state=None, entries=dict(outcome.entries))
    title = state.meta.title if state.meta else None
    info = FeedInfo(id=look.feed.id, url=look.feed.url, title=title, tags=look.feed.tags, series=look.feed.series)
    entries = dict(outcome.entries)
    events: list[Event] = []
    values: list[bytes] = []
    wholes: list[Event] = []
    notes = list(outcome.notes)
    for number, change in enumerate(outcome.changes, start=state.sequence + 1):
        event_id = f"{look.feed.id}/{state.epoch}/{number}"
        data: EntryData | FeedData
        if isinstance(change, EntryChange):
            type_, subject, data = (
                f"deltawire.entry.{change.kind}",
                change.entry.id,
                _entry_data(change, info, look, state),
            )
            significance: Significance = change.significance
        else:
            type_, subject, data = f"deltawire.feed.{change.kind}", look.feed.id, _feed_data(change, info, look)
            significance = "unclassified"
        event = Event(
            id=event_id,
            source=f"{source}/feeds/{look.feed.id}",
            type=type_,
            subject=subject,
            time=look.fetched_at,
            sequence=number,
            feedepoch=state.epoch,
            significance=significance,
            backfill=isinstance(change, EntryChange) and change.backfill,
            partitionkey=look.feed.id,
            traceparent=f"00-{look.poll_id}-{_span(event_id)}-01",
            data=data,
        )
        fitting, value = fit(event)
        events.append(fitting)
        values.append(value)
        note = _event_note(event, change, look)
        notes.append(note)
        if isinstance(change, EntryChange):
            wholes.append(event)
            if (known := entries[subject]) is not None:
                entries[subject] = replace(known, event_id=event_id, notes=(*known.notes, note)[-NOTES_PER_ENTRY:])
    after = outcome.state
    if after is not None:
        kept = (*after.notes, *notes)[-NOTES_PER_FEED:]
        after = replace(after, sequence=after.sequence + len(events), notes=kept)
    return Emission(state=after, entries=entries, events=tuple(events), values=tuple(values), wholes=tuple(wholes))


def _entry_data(change: EntryChange, info: FeedInfo, look: Observation, state: FeedState) -> EntryData:
    return EntryData(
        feed=info,
        entry=change.entry,
        revision=change.revision,
        backfill=change.backfill,
        observed=Observed(not_before=change.not_before, fetched_at=look.fetched_at, source_age_s=state.source_age_s),
        changes=change.changes,
        significance=change.significance,
        cause=change.cause,
        evidence=change.evidence,
    )


def _feed_data(change: FeedChange, info: FeedInfo, look: Observation) -> FeedData:
    return FeedData(
        feed=info,
        state=change.state,
        since=change.since,
        cause=change.cause,
        changes=change.changes,
        continues=look.feed.continues,
        continued_by=look.feed.continued_by,
    )


def _span(event_id: str) -> str:
    """W3C Trace Context wants 16 hexadecimal digits; the same event always has the same."""
    return hashlib.blake2b(event_id.encode(), digest_size=8).hexdigest()


def _event_note(event: Event, change: EntryChange | FeedChange, look: Observation) -> Note:
    if isinstance(change, EntryChange):
        fields = ", ".join(c.field for c in change.changes)
        rule = f" by {change.rule}" if change.rule else ""
        detail = f"revision {change.revision}, {change.significance}{rule}" + (f": {fields}" if fields else "")
        if change.evidence:
            detail += f": {change.evidence.kind} from {counted(change.evidence.looks, 'look')}"
        if change.backfill:
            detail += ", backfill"
    else:
        fields = ", ".join(c.field for c in change.changes)
        detail = change.cause + (f": {fields}" if fields else "")
    return Note(
        at=look.fetched_at,
        poll_id=look.poll_id,
        reason=event.type.removeprefix("deltawire."),
        detail=detail,
        entry_id=event.subject if isinstance(change, EntryChange) else None,
        event_id=event.id,
    )


def fit(event: Event) -> tuple[Event, bytes]:
    """The event, its long texts cut as far as the limit asks for, and its value.

    What is limited is its size in structured mode, which is never smaller than in binary mode.
    """
    rest = len(orjson.dumps(event.attributes())) + len(',"data":')
    value = event.value()
    budget = 32 * 1024
    cut = event
    while len(value) + rest > EVENT_LIMIT and budget >= 32:
        cut = replace(event, data=_cut(event.data, budget))
        value = cut.value()
        budget //= 2
    return cut, value


def _cut(data: EntryData | FeedData, budget: int) -> EntryData | FeedData:
    """Every text at most ``budget`` characters, every list at most ``LIST_LIMIT`` items."""
    if isinstance(data, FeedData):
        return replace(data, changes=_cut_changes(data.changes, budget), feed=_cut_info(data.feed, budget))
    entry = data.entry
    text = entry.content_text[:budget]
    short = replace(
        entry,
        title=None if entry.title is None else entry.title[:budget],
        content_text=text,
        content_html="".join(f"<p>{escape(p, quote=False)}</p>" for p in text.split("\n") if p),
        language=None if entry.language is None else entry.language[:35],
        authors=tuple(a[:200] for a in entry.authors[:LIST_LIMIT]),
        labels=tuple(label[:200] for label in entry.labels[:LIST_LIMIT]),
        links=tuple(link for link in entry.links[:LIST_LIMIT] if _fits(budget, link.url, link.text, link.rel)),
        media=tuple(m for m in entry.media[:LIST_LIMIT] if _fits(budget, m.url, m.type, m.alt)),
    )
    return replace(
        data,
        feed=_cut_info(data.feed, budget),
        entry=short,
        changes=_cut_changes(data.changes, budget),
        truncated=True,
    )


def _fits(budget: int, *texts: str | None) -> bool:
    """Whether an item of a list is short enough to be kept."""
    return sum(len(text or "") for text in texts) <= budget // 16


def _cut_info(info: FeedInfo, budget: int) -> FeedInfo:
    return replace(info, title=None if info.title is None else info.title[:budget])


def _cut_changes(changes: tuple[Change, ...], budget: int) -> tuple[Change, ...]:
    """Diffs with their longest stretches cut; other values as they are unless they are what is too long."""
    cut: list[Change] = []
    for change in changes:
        if change.diff is not msgspec.UNSET:
            share = max(budget // max(len(change.diff), 1), 16)
            ops = tuple((op, text[:share]) for op, text in change.diff[:LIST_LIMIT])
            cut.append(replace(change, diff=ops))
        elif len(msgspec.json.encode([change.old, change.new])) <= budget:
            cut.append(change)
        else:
            cut.append(Change(field=change.field))
    return tuple(cut)
