"""One pass over the entries of a look: who is new, changed, back, or missing."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from deltawire.differ import coverage, identity
from deltawire.differ.compare import changes as changes_between
from deltawire.differ.facts import significance
from deltawire.differ.state import NOTES_PER_ENTRY, EntryChange, FeedState, Known, Note, Policy
from deltawire.events import Evidence
from deltawire.model import Document, Entry, Reading, Unchanged

replace = msgspec.structs.replace


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
        self.order = state.order
        self.ids = state.ids
        self.unknown_tombstones = state.unknown_tombstones

    def first_sight(self, reading: Reading) -> None:
        """Everything the feed already holds is created, oldest first, as backfill."""
        shown = self._identify(reading)
        for entry in reversed(shown):
            self._create(entry, backfill=True, reparsed=False)
        self.order = tuple(e.id for e in shown)

    def next_sight(self, reading: Reading, *, reparsed: bool) -> None:
        """Compare with what is known, oldest first. ``reparsed``: the last look was read by another reader."""
        shown = self._identify(reading)
        for entry in reversed(shown):
            known = self._known.get(entry.id)
            if known is None:
                self._create(entry, backfill=self._before_horizon(entry), reparsed=reparsed)
            else:
                self._meet(known, entry, reparsed=reparsed)
        ids = {e.id for e in shown}
        range_ = coverage.Range(reading, shown, self._state.order)
        for known in self._expected():
            if known.entry.id not in ids:
                self._miss(known, reading, covered=range_.covers(known.entry))
        missing = {i for i, k in self._known.items() if (self.memory.get(i) or k).status == "missing"} - ids
        self.order = coverage.place(self._state.order, [e.id for e in shown], missing)
        self._forget_oldest(ids)

    def look_again(self) -> None:
        """The same document once more: one more look for each entry that was missing from it."""
        for known in self._expected():
            if known.status == "missing":
                self._count_missing(known)

    def _expected(self) -> list[Known]:
        """Entries that should be shown, oldest first."""
        expected = [self._known[i] for i in reversed(self._state.order) if i in self._known]
        return [k for k in expected if k.status in ("present", "missing")]

    def _identify(self, reading: Reading) -> tuple[Entry, ...]:
        matching = identity.match(self._known, reading.entries)
        for source_id in sorted(matching.repeated):
            self._note(None, "repeated-id", f"source id {source_id!r} stands on several entries: matched by content")
        return matching.entries

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
        self._emit(change, Known(entry=entry, revision=1))

    def _meet(self, known: Known, entry: Entry, *, reparsed: bool) -> None:
        if known.status == "removed":
            change = EntryChange(
                kind="restored", entry=entry, revision=known.revision + 1, not_before=self._state.fetched_at
            )
            self._emit(change, Known(entry=entry, revision=change.revision, notes=known.notes))
            return
        if known.status != "present":
            reason = "removal-cancelled" if known.status == "missing" else "back-in-window"
            back = replace(known, status="present", looks=0, last_seen=None, missed_copy=None)
            self._remember(back, reason, "it is shown again")
        current = self.memory.get(entry.id) or known
        if entry in (known.entry, known.shown):
            return
        changes = changes_between(known.entry, entry)
        if not changes:
            # Noted once: a source that renders differently at each look would fill the notes with it.
            if known.shown is None:
                self._remember(replace(current, shown=entry), "noise", "differs only in what no editor changes")
            return
        change = EntryChange(
            kind="updated",
            entry=entry,
            revision=known.revision + 1,
            not_before=known.last_seen or self._state.fetched_at,
            changes=changes,
            significance=significance(changes),
            cause="reparse" if reparsed else "edit",
        )
        self._emit(change, Known(entry=entry, revision=change.revision, notes=current.notes))

    def _miss(self, known: Known, reading: Reading, *, covered: bool) -> None:
        if covered:
            self._count_missing(known)
        elif reading.coverage != "delta":
            gone = replace(known, status="left", looks=0, last_seen=known.last_seen or self._state.fetched_at)
            self._remember(gone, "left-window", "not shown any more, outside the range that the source shows")

    def _count_missing(self, known: Known) -> None:
        if self._look.cache.repeats(known.missed_copy):
            return
        looks, needed = known.looks + 1, self._policy.removal_looks
        last_seen = known.last_seen or self._state.fetched_at
        if looks < needed:
            copy = self._look.cache.date
            missing = replace(known, status="missing", looks=looks, last_seen=last_seen, missed_copy=copy)
            self._remember(missing, "removal-pending", f"missing from {looks} of {needed} looks")
            return
        change = EntryChange(
            kind="removed",
            entry=known.entry,
            revision=known.revision + 1,
            not_before=last_seen,
            evidence=Evidence(kind="missing", looks=looks),
        )
        removed = Known(
            entry=known.entry,
            revision=change.revision,
            status="removed",
            looks=looks,
            last_seen=last_seen,
            notes=known.notes,
        )
        self._emit(change, removed)

    def _forget_oldest(self, shown: set[str]) -> None:
        """Keep the memory bounded: the longest unseen entries go first, never one that is shown."""
        surplus = len(self._known.keys() | self.memory.keys()) - self._policy.max_entries
        if surplus <= 0:
            return
        merged = {**self._known, **{i: k for i, k in self.memory.items() if k is not None}}
        hidden = [k for k in merged.values() if k.entry.id not in shown and k.status in ("left", "removed")]
        hidden.sort(key=lambda k: (k.last_seen or self._state.fetched_at, k.entry.id))
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
