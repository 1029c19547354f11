"""One pass over the entries of a look: who is new, changed, back, or missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec

from deltawire.differ import coverage, freshness, identity, unstated, volatile, withdrawals, words
from deltawire.differ.compare import TEXTS, same_texts
from deltawire.differ.compare import changes as changes_between
from deltawire.differ.facts import judge
from deltawire.differ.freshness import Verdict
from deltawire.differ.names import Vocabulary
from deltawire.differ.source_ids import current as current_id
from deltawire.differ.state import (
    NOTES_PER_ENTRY,
    UNKNOWN_TOMBSTONES,
    EntryChange,
    FeedState,
    Known,
    Newcomer,
    Note,
    Policy,
)
from deltawire.events import Evidence
from deltawire.model import Document, Entry, Reading, Unchanged

replace = msgspec.structs.replace

_EVER = datetime.min.replace(tzinfo=UTC)

DIFFS = 10
"""Word diffs of the largest size that one look may take: the more entries were edited, the smaller each share."""


class EntryPass:
    """Collects what a look does to the entries: changed ``memory``, ``changes``, ``notes``, and the new ``order``."""

    def __init__(
        self, state: FeedState, look: Document | Unchanged, policy: Policy, known: Mapping[str, Known]
    ) -> None:
        self._state = state
        self._look = look
        self._policy = policy
        self._known = known
        self.memory: dict[str, Known | None] = {}
        self.changes: list[EntryChange] = []
        self.notes: list[Note] = []
        self._verdict = Verdict()
        self._cells = words.MATRIX_LIMIT
        self._names = Vocabulary(known)
        self.order = state.order
        self.ids = state.ids
        self.unknown_tombstones = state.unknown_tombstones
        self.withdrawn: set[str] = set()
        self._unstated: tuple[str, ...] | None = None
        self.volatile = state.volatile
        self.learned: list[Note] = []

    def first_sight(self, shown: Sequence[Entry]) -> None:
        """Everything the feed already holds is created, oldest first, as backfill. ``shown`` as from ``identify``."""
        for entry in reversed(shown):
            self._create(entry, backfill=True, reparsed=False)
        self.order = tuple(e.id for e in shown)

    def next_sight(
        self, reading: Reading, shown: Sequence[Entry], verdict: Verdict, covers: freshness.Covers, *, reparsed: bool
    ) -> None:
        """Compare with what is known, oldest first.

        ``covers`` says which entries the document should show. ``reparsed``: the last look was read by another reader.
        """
        self._verdict = verdict
        met = [(k, e) for e in shown if (k := self._known.get(e.id)) is not None and k.entry is not e]
        edited = sum(not same_texts(k.entry, e) for k, e in met)
        self._cells = words.MATRIX_LIMIT * DIFFS // max(DIFFS, edited * len(TEXTS))
        for entry in reversed(shown):
            known = self._known.get(entry.id)
            if known is None:
                self._create(entry, backfill=self._before_horizon(entry), reparsed=reparsed)
            elif not _stands(known, entry):
                self._meet(known, entry, reparsed=reparsed)
        expected = self._expected()
        for known in expected:
            if known.entry.id in self.withdrawn:
                self._remove(known, "tombstone", looks=1)
        ids = {e.id for e in shown} | self.withdrawn
        for known in expected:
            if known.entry.id not in ids:
                self._miss(known, reading, covered=covers(known.entry, left=known.status == "left"))
        if reading.coverage == "delta":
            self.order = coverage.merged(self._state.order, self._existing(), shown)
        else:
            missing = {i for i, k in self._known.items() if (self.memory.get(i) or k).status == "missing"} - ids
            self.order = coverage.place(self._state.order, [e.id for e in shown], missing)
        self._forget_oldest(ids, delta=reading.coverage == "delta")

    def _existing(self) -> dict[str, datetime | None]:
        """When those known entries were published that are not removed."""
        now = {i: self.memory.get(i) or k for i, k in self._known.items()}
        return {i: k.entry.published_at for i, k in now.items() if k.status != "removed"}

    def look_again(self) -> None:
        """The same document once more: one more look for each entry that was missing from it."""
        for known in self._expected():
            if known.status == "missing":
                self._count_missing(known)
            elif known.held is not None:
                self._meet(known, known.held, reparsed=False)

    def add(self, newcomer: Newcomer) -> None:
        """An entry that was not taken for one stands in the document still."""
        entry_id = identity.new_id(newcomer.entry, {*self._known, *self.memory})
        self._create(replace(newcomer.entry, id=entry_id), backfill=newcomer.backfill, reparsed=False)
        self.order = (*self.order[: newcomer.place], entry_id, *self.order[newcomer.place :])

    def _expected(self) -> list[Known]:
        """Entries that may be missed: those that left a window, then those last shown, oldest first."""
        ordered = set(self._state.order)
        outside = [k for i, k in self._known.items() if i not in ordered and k.status in ("left", "missing")]
        expected = outside + [self._known[i] for i in reversed(self._state.order) if i in self._known]
        return [k for k in expected if k.status != "removed"]

    def identify(self, reading: Reading) -> tuple[Entry, ...]:
        matching = identity.match(
            self._known, reading.entries, ids=self.ids, order=self._state.order, coverage=reading.coverage
        )
        self.ids = matching.ids
        for reason, detail in matching.notes:
            self._note(None, reason, detail)
        self.withdrawn, strangers = withdrawals.of_known(self._known, reading, self.ids)
        if new := [i for i in strangers if i not in self.unknown_tombstones]:
            self.unknown_tombstones = (*self.unknown_tombstones, *new)[-UNKNOWN_TOMBSTONES:]
            self._note(None, "tombstone-unknown", f"{len(new)} withdrawals of entries that were never seen: {new[0]!r}")
        self._unstated = reading.unstated
        shown = unstated.dated(self._known, matching.entries)
        if reading.unstated:
            shown = tuple(self._completed(entry, reading.unstated) for entry in shown)
        return self._sifted(reading, shown)

    def _sifted(self, reading: Reading, shown: Sequence[Entry]) -> tuple[Entry, ...]:
        """The entries without the noise that was learned. What they show of it is remembered of refused copies too."""
        state = self._state
        seen = {state.digest, state.refused.digest if state.refused else None}
        reader = f"{reading.format}/{reading.version}"
        evidence = state.reader == reader and self._look.digest not in seen
        sifted = volatile.sift(state.volatile, self._known, shown, evidence=evidence)
        self.volatile = sifted.places
        self.memory |= {i: replace(self._known[i], volatile=spans) for i, spans in sifted.spans.items()}
        self.learned = [self._note(None, reason, detail) for reason, detail in sifted.notes]
        return sifted.entries

    def _completed(self, entry: Entry, fields: Sequence[str]) -> Entry:
        known = self._known.get(entry.id)
        return entry if known is None else unstated.carried(known, entry, fields)

    def _before_horizon(self, entry: Entry) -> bool:
        horizon = self._state.horizon
        return horizon is not None and entry.published_at is not None and entry.published_at < horizon

    def _create(self, entry: Entry, *, backfill: bool, reparsed: bool) -> None:
        change = EntryChange(
            kind="created",
            entry=entry,
            revision=1,
            not_before=None if self._state.meta is None else self._state.fetched_at,
            backfill=backfill,
            cause="reparse" if reparsed else "edit",
        )
        looks = self._state.looks
        self._emit(change, Known(entry=entry, revision=1, born=looks, turned=looks, unstated=self._unstated or ()))

    def _meet(self, known: Known, entry: Entry, *, reparsed: bool) -> None:
        if known.status == "removed":
            change = EntryChange(
                kind="restored", entry=entry, revision=known.revision + 1, not_before=self._state.fetched_at
            )
            self._emit(change, self._turned(known, entry, change.revision, born=self._state.looks))
            return
        if known.status != "present":
            reason = "removal-cancelled" if known.status == "missing" else "back-in-window"
            back = replace(known, status="present", looks=0, last_seen=None, missed_copy=None)
            self._remember(back, reason, "it is shown again")
        current = self.memory.get(entry.id) or known
        if self._holds(current, entry):
            return
        current = self.memory.get(entry.id) or known
        read = replace(entry, source_id=known.entry.source_id)
        if entry.source_id != current_id(known):
            current = replace(current, source_id=entry.source_id)
            self.memory[entry.id] = current
        if self._unstated is not None and current.unstated:
            current = unstated.taken_over(current, read, self._unstated)
            self.memory[entry.id] = current
        if read in (known.entry, current.shown):
            return
        changes = changes_between(unstated.told(current), read, self._cells)
        if not changes:
            # Noted once: a source that renders differently at each look would fill the notes with it.
            if known.shown is None:
                self._remember(replace(current, shown=read), "noise", "differs only in what no editor changes")
            return
        if current.taken:
            # The store adds up events: what was taken over without one goes out with the next.
            changes = changes_between(known.entry, read, self._cells)
        finding = judge(changes, self._names, entry.id)
        change = EntryChange(
            kind="updated",
            entry=entry,
            revision=known.revision + 1,
            not_before=known.last_seen or self._state.fetched_at,
            changes=changes,
            significance=finding.significance,
            rule=finding.rule,
            cause="reparse" if reparsed else "edit",
        )
        self._emit(change, self._turned(current, entry, change.revision, born=known.born))

    def _holds(self, known: Known, entry: Entry) -> bool:
        """Whether an entry goes back to an earlier version that is not believed yet.

        The document is not older as a whole; but one node of those that make it up may lag behind the others.
        """
        back = freshness.reverts(known, entry)
        if back is None:
            if known.held is not None:
                self.memory[entry.id] = replace(known, held=None, held_looks=0)
            return False
        if self._verdict.outcome == "reversal":
            return False
        same = known.held is not None and freshness.version(known.held) == freshness.version(entry)
        looks = (known.held_looks if same else 0) + self._verdict.looks
        needed = freshness.needed(self._policy, doubtful=back == "dated")
        if looks >= needed:
            self._remember(
                replace(known, held=None, held_looks=0), "reversal-accepted", f"shown in {looks} looks on end"
            )
            return False
        detail = f"an earlier version is shown, look {looks} of {needed}"
        self._remember(replace(known, held=entry, held_looks=looks), "reversal-pending", detail)
        return True

    def _turned(self, known: Known, entry: Entry, revision: int, *, born: int) -> Known:
        return Known(
            entry=entry,
            revision=revision,
            born=born,
            turned=self._state.looks,
            past=freshness.replaced(known.past, freshness.version(known.entry)),
            notes=known.notes,
            unstated=known.unstated,
            volatile=known.volatile,
        )

    def _miss(self, known: Known, reading: Reading, *, covered: bool) -> None:
        if covered:
            self._count_missing(known)
        elif reading.coverage != "delta" and known.status != "left":
            gone = replace(known, status="left", looks=0, last_seen=known.last_seen or self._state.fetched_at)
            self._remember(gone, "left-window", "not shown any more, outside the range that the source shows")

    def _count_missing(self, known: Known) -> None:
        if self._look.cache.repeats(known.missed_copy):
            return
        looks, needed = known.looks + self._verdict.looks, self._policy.removal_looks
        last_seen = known.last_seen or self._state.fetched_at
        if looks < needed:
            copy = self._look.cache.date
            missing = replace(known, status="missing", looks=looks, last_seen=last_seen, missed_copy=copy)
            self._remember(missing, "removal-pending", f"missing from {looks} of {needed} looks")
            return
        self._remove(known, "missing", looks)

    def _remove(self, known: Known, kind: Literal["tombstone", "missing"], looks: int) -> None:
        last_seen = known.last_seen or self._state.fetched_at
        change = EntryChange(
            kind="removed",
            entry=known.entry,
            revision=known.revision + 1,
            not_before=last_seen,
            evidence=Evidence(kind=kind, looks=looks),
        )
        removed = Known(
            entry=known.entry,
            revision=change.revision,
            status="removed",
            looks=looks,
            last_seen=last_seen,
            born=known.born,
            turned=self._state.looks,
            past=freshness.replaced(known.past, freshness.WITHDRAWN),
            source_id=known.source_id,
            notes=known.notes,
            unstated=(*known.unstated, *known.taken),
            volatile=known.volatile,
        )
        self._emit(change, removed)

    def _forget_oldest(self, shown: set[str], *, delta: bool) -> None:
        """Keep the memory bounded: the longest unseen entries go first, never one that is shown.

        What a ``delta`` does not show stays present for ever: there the oldest go.
        """
        most = self._policy.max_entries
        if len(self._known) + len(self.memory) <= most:
            return
        surplus = len(self._known.keys() | self.memory.keys()) - most
        if surplus <= 0:
            return
        merged = {**self._known, **{i: k for i, k in self.memory.items() if k is not None}}
        unseen = ("left", "removed", "present") if delta else ("left", "removed")
        hidden = [k for k in merged.values() if k.entry.id not in shown and k.status in unseen]
        hidden.sort(key=lambda k: (k.last_seen or self._state.fetched_at, k.entry.published_at or _EVER, k.entry.id))
        for known in hidden[:surplus]:
            self.memory[known.entry.id] = None
            self._note(known.entry.id, "forgotten", f"more than {self._policy.max_entries} entries are remembered")

    def _emit(self, change: EntryChange, known: Known) -> None:
        self.changes.append(change)
        self.memory[change.entry.id] = known

    def _remember(self, known: Known, reason: str, detail: str) -> None:
        note = self._note(known.entry.id, reason, detail)
        self.memory[known.entry.id] = replace(known, notes=(*known.notes, note)[-NOTES_PER_ENTRY:])

    def _note(self, entry_id: str | None, reason: str, detail: str) -> Note:
        note = Note(
            at=self._look.fetched_at, poll_id=self._look.poll_id, reason=reason, detail=detail, entry_id=entry_id
        )
        self.notes.append(note)
        return note


def _stands(known: Known, entry: Entry) -> bool:
    """Whether an entry is as it was, which nearly all are at each look, and nothing of it is waited for."""
    return (
        known.status == "present"
        and known.held is None
        and not known.unstated
        and known.source_id in (None, entry.source_id)
        and known.entry == entry
    )
