"""Does a look show an older state than the accepted one? The rule and its cost are told in docs/freshness.md.

Going forward is believed at once, going back only when it lasts. What goes back is a version that was replaced, an
entry that is not there yet or still there, an earlier title. It is the mark of an old copy unless the same document
shows that it was made later: something in it came after what it lacks, or a modification time was never seen before.
Headers can only add to the doubts: caches put a Date of now on old copies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal, Protocol

import msgspec

from deltawire.differ import compare
from deltawire.differ.state import PAST_VERSIONS, FeedState, Known, Policy
from deltawire.model import COPY_TOLERANCE, DOUBTFUL, Document, Entry, FeedMeta

WITHDRAWN = "-"
"""Stands among an entry's earlier versions once it was removed."""

_Rank = tuple[int, datetime, int]
"""When something came: at which look, then by its own time, then by its place (the higher in the order the later)."""


_URL = len(compare.TEXTS) + compare.VALUES.index("url")
_HALF = 16
_VERSIONS = 16
"""Entries of which the version is remembered: one look asks for that of an edited entry ten times."""


class Covers(Protocol):
    def __call__(self, entry: Entry, *, left: bool = False) -> bool: ...


_EVER = datetime.min.replace(tzinfo=UTC)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """``refused`` changes nothing; ``reversal`` is the last look at an earlier state that was needed to believe it.

    ``looks`` is how many looks at the same state this one stands for.
    ``doubtful``: something says that it is older. ``reason`` is the evidence, ``code`` what ``explain`` calls it.
    """

    outcome: Literal["current", "refused", "reversal"] = "current"
    code: str = ""
    reason: str = ""
    form: str = ""
    looks: int = 1
    doubtful: bool = False


def newest(entries: Sequence[Entry]) -> datetime | None:
    """The latest publication or modification time in a document."""
    times = [*(e.published_at for e in entries), *(e.updated_at for e in entries)]
    return max(filter(None, times), default=None)


@lru_cache(_VERSIONS)
def version(entry: Entry) -> str:
    """A fingerprint of what an editor made of an entry; its second half leaves the address out."""
    essence = compare.essence(entry)
    return _digest(essence) + _digest([*essence[:_URL], *essence[_URL + 1 :]])


def among(version: str, past: Sequence[str]) -> bool:
    """Whether a version is one of those, wherever it stood: what is put back may have another address."""
    return any(before[_HALF:] == version[_HALF:] for before in past)


def facts(meta: FeedMeta) -> str:
    """A fingerprint of what a document says of the blog as a whole."""
    return _digest([meta.title, meta.url, meta.language, meta.live is False])


def replaced(past: Sequence[str], by: str) -> tuple[str, ...]:
    """The earlier versions with one more."""
    return (*(old for old in past if old != by), by)[-PAST_VERSIONS:]


def reverts(known: Known, entry: Entry) -> Literal["dated", "plain"] | None:
    """Whether a version of an entry is one from before the accepted one: by its own time, or known from then."""
    if entry in (known.entry, known.shown):
        return None
    told = entry.updated_at if known.entry.updated_at not in (None, entry.updated_at) else None
    if not (told or known.past) or compare.alike(known.entry, entry):
        return None
    if told is not None:
        return "dated" if told < _updated(known) else None
    shown = version(entry)
    if shown[_HALF:] == version(known.entry)[_HALF:]:
        return "plain" if shown in known.past else None
    return "plain" if among(shown, known.past) else None


def needed(policy: Policy, *, doubtful: bool) -> int:
    """Looks on end at an earlier state before it is believed."""
    looks = policy.reversal_looks
    return looks * DOUBTFUL if doubtful and looks > 1 else looks


def judge(
    state: FeedState,
    known: Mapping[str, Known],
    shown: Sequence[Entry],
    look: Document,
    made: datetime | None,
    policy: Policy,
    covers: Covers,
    withdrawn: Container[str] = (),
) -> Verdict:
    """Whether to believe a document. ``shown`` are its entries with their ids; ``covers`` says which it should show.

    ``made`` is when the copy was, by our clock; ``withdrawn`` are the ids of entries that it says are gone.
    """
    if state.meta is None or policy.reversal_looks <= 1:
        return Verdict()
    if look.digest == state.digest:
        # The blog looked like that before, too: such a copy confirms nothing, and interrupts nothing.
        return _disregarded(state, "an older copy that shows the same") if older(state, made) else Verdict()
    case = _Case(state, known, shown, look.reading.feed, covers, withdrawn)
    signs = _signs(state, look, made)
    # News in a copy that was made before the accepted one, which lacks it: it came and went between two looks.
    ahead = case.ahead and not older(state, made) and not (case.back and signs)
    waiting = state.refused_form and not state.refused_doubtful
    if ahead or not (case.changed or waiting) or not (case.back or signs):
        return Verdict()
    reason = "; ".join([*case.back[:3], *signs])
    return _counted(state, look, policy, case.form(), reason, doubtful=case.dated or bool(signs))


def _signs(state: FeedState, look: Document, made: datetime | None) -> list[str]:
    """What the headers say for that the copy is older than the accepted one. That it is newer they cannot prove."""
    signs: list[str] = []
    modified, before = look.cache.last_modified, state.last_modified
    if modified is not None and before is not None and modified < before - COPY_TOLERANCE:
        signs.append("Last-Modified went back")
    if made is not None and older(state, made):
        signs.append(f"made {made:%H:%M:%S}, a newer one {_newest_copy(state):%H:%M:%S}")
    return signs


def older(state: FeedState, made: datetime | None) -> bool:
    """Whether a copy was made before the accepted one, or the one waited for, as far as headers can be believed."""
    return made is not None and made < _newest_copy(state) - COPY_TOLERANCE


def _newest_copy(state: FeedState) -> datetime:
    return max((t for t in (state.copy_time, state.refused_time) if t), default=_EVER + COPY_TOLERANCE)


def _counted(state: FeedState, look: Document, policy: Policy, form: str, reason: str, *, doubtful: bool) -> Verdict:
    """One more look at the state ``form``. Doubts last as long as that state is shown."""
    again = form == state.refused_form
    if doubtful and state.refused_form and not state.refused_doubtful:
        # An older copy between two looks at a return says nothing against it.
        return _disregarded(state, reason)
    looks = state.refused_looks if again else 0
    doubtful |= again and state.refused_doubtful
    enough = needed(policy, doubtful=doubtful)
    if looks and _kept(state, look):
        code, reason = "stale", f"the same copy once more: {reason}"
    elif looks + 1 < enough:
        looks += 1
        code, reason = "stale" if doubtful else "reversal-pending", f"{reason}; look {looks} of {enough}"
    else:
        code, reason, looks = "reversal-accepted", f"{reason}; shown in {looks + 1} looks on end", looks + 1
    outcome: Literal["refused", "reversal"] = "reversal" if code == "reversal-accepted" else "refused"
    return Verdict(outcome=outcome, code=code, reason=reason, form=form, looks=looks, doubtful=doubtful)


def _disregarded(state: FeedState, reason: str) -> Verdict:
    """Refused, and what is waited for stays as it was."""
    return Verdict(
        outcome="refused",
        code="stale",
        reason=reason,
        form=state.refused_form,
        looks=state.refused_looks,
        doubtful=state.refused_doubtful,
    )


def _kept(state: FeedState, look: Document) -> bool:
    """Whether a look shows the very copy that was refused before, kept by some cache: its Date stands still.

    A Date of now does not stand still, for it has no finer grain than a second; and one that the accepted document had
    as well stands still always, and says nothing.
    """
    date = look.cache.date
    return (
        state.refused is not None
        and date is not None
        and date == state.refused.cache.date
        and date != state.copy_date
        and abs(look.fetched_at - date) >= COPY_TOLERANCE
    )


class _Case:
    """The evidence of one document.

    ``ahead``: something in it is newer than all that was seen. ``back``: what in it is from before, and so far that
    nothing shown came later. ``dated``: an entry's own time went back. ``changed``: it differs from what is accepted.
    """

    def __init__(
        self,
        state: FeedState,
        known: Mapping[str, Known],
        shown: Sequence[Entry],
        meta: FeedMeta,
        covers: Covers,
        withdrawn: Container[str],
    ) -> None:
        self._shown = shown
        self._known = known
        self._meta = meta
        self.ahead = self.dated = self.changed = False
        self.back: list[str] = []
        self._places = {entry_id: place for place, entry_id in enumerate(state.order)}
        self._latest: _Rank = (0, _EVER, 0)
        standing: list[Known] = []
        found: list[tuple[_Rank, str]] = []
        first = next((i for i, e in enumerate(shown) if e.id in known), 0)
        for place, entry in enumerate(shown):
            if (k := known.get(entry.id)) is None and entry.source_id in state.unknown_tombstones:
                # When it was withdrawn is not remembered: nothing that is known already counts as later.
                self.changed = True
                found.append(((state.looks, _EVER, 0), "an entry is shown that was withdrawn before it was seen"))
            elif k is None:
                self._unknown(entry, state.newest, above=place < first)
            elif k.status == "removed":
                self.changed = True
                if among(version(entry), (version(k.entry), *k.past)):
                    found.append((self._turned(k), "a removed entry is shown"))
            elif entry is k.entry and k.shown is None and k.status == "present":
                standing.append(k)
            else:
                found += self._met(k, entry)
        ids = {e.id for e in shown}
        left = {i: k for i, k in known.items() if k.status == "left" and i not in ids}
        for entry_id in (*state.order, *(i for i in left if i not in self._places)):
            if entry_id in ids or (k := known.get(entry_id)) is None or k.status == "removed":
                continue
            if entry_id in withdrawn and WITHDRAWN not in k.past:
                # Explicit, and never said before.
                self.ahead = self.changed = True
            elif entry_id in withdrawn or (k.status == "present" and covers(k.entry)):
                self.changed = True
                found.append((self._rank(k.born, k.entry.published_at, entry_id), "a newer entry is not shown"))
        for entry_id, k in left.items():
            if covers(k.entry, left=True):
                self.changed = True
                found.append((self._rank(k.born, k.entry.published_at, entry_id), "a newer entry is not back"))
        retold = state.meta is not None and meta != state.meta and facts(meta) != facts(state.meta)
        if retold:
            self.changed = True
            if facts(meta) in state.past:
                found.append(((state.turned, _EVER, 0), "the blog's earlier title or state is shown"))
        if not found:
            # When what stands came is asked only where something is from before.
            return
        for k in standing:
            self._stood(k)
        if not retold and facts(meta) not in state.past and state.turned > self._latest[0]:
            self._latest = (state.turned, _EVER, 0)
        self.back = list(dict.fromkeys(what for rank, what in found if rank > self._latest))

    def form(self) -> str:
        """A fingerprint of the state that is shown. Its order is no part of it: what floats to the top may vary."""
        # The id of an entry that is not known yet is made anew at each look, and addresses may hold such ids.
        shown = sorted((e.id if e.id in self._known else "", version(e)[_HALF:]) for e in self._shown)
        return _digest([shown, facts(self._meta)])

    def _unknown(self, entry: Entry, newest_seen: datetime | None, *, above: bool) -> None:
        self.changed = True
        time = max((t for t in (entry.published_at, entry.updated_at) if t), default=None)
        if time is None or newest_seen is None or time == newest_seen:
            self.ahead |= above
        else:
            self.ahead |= time > newest_seen

    def _met(self, known: Known, entry: Entry) -> list[tuple[_Rank, str]]:
        updated = entry.updated_at
        # Where headers say that the copy is older, it does not take a withdrawal back.
        self.changed |= known.status == "missing"
        if updated is not None and known.entry.updated_at is not None:
            before = _updated(known)
            self.ahead |= updated > before
            if updated < before:
                self.dated = self.changed = True
                return [(self._turned(known), "an entry's modification time went back")]
        if entry in (known.entry, known.shown) or compare.alike(known.entry, entry):
            self._stood(known)
            return []
        self.changed = True
        if reverts(known, entry):
            return [(self._turned(known), "an entry's earlier version is shown")]
        return []

    def _stood(self, known: Known) -> None:
        # A version that came back says nothing of when: a copy from before it went shows it as well.
        turned = self._turned(known)
        if turned > self._latest and not (known.past and among(version(known.entry), known.past)):
            self._latest = turned

    def _turned(self, known: Known) -> _Rank:
        return self._rank(known.turned, known.entry.updated_at or known.entry.published_at, known.entry.id)

    def _rank(self, look: int, time: datetime | None, entry_id: str) -> _Rank:
        return (look, time or _EVER, -self._places.get(entry_id, len(self._places)))


def _updated(known: Known) -> datetime:
    """The latest modification time that an accepted copy gave the entry."""
    times = (known.entry.updated_at, known.shown.updated_at if known.shown else None)
    return max((t for t in times if t), default=_EVER)


def _digest(value: Any) -> str:
    return hashlib.blake2b(msgspec.json.encode(value), digest_size=8).hexdigest()
