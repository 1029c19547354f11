"""The truth of a misbehaving blog: what follows from the sheets that were served as they are now.

Unlike ``facts.Ledger`` it need not conclude from a page what became of a post that is not there: the press knows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from deltawire.press.facts import Fact, Kind, State, state_of
from deltawire.press.render import FORMATS, FormatName
from deltawire.press.shown import Sheet, Shown


@dataclass(slots=True)
class _Known:
    shown: Shown
    state: State
    missing: int = 0
    missed_at: int = 0
    removed: bool = False


@dataclass(slots=True)
class Record:
    """``removal_looks`` looks in a row without a withdrawn post remove it; one with its tombstone does at once.

    ``Fact.look`` of a removal is the first of these looks: whoever believes it at once is right.
    """

    format: FormatName
    removal_looks: int = 2
    facts: list[Fact] = field(default_factory=list)
    _known: dict[str, _Known] = field(default_factory=dict)

    def record(self, sheet: Sheet, look: int) -> None:
        """The sheet was served, made anew, at this look."""
        items: dict[str, Shown] = {}
        for item in sheet.items:
            if item.post is not None:
                items.setdefault(item.post, item)
        for item in reversed(items.values()):
            self._see(item, look)
        named = {post for post, _, _ in sheet.tombstones} if "tombstone" in FORMATS[self.format].carries else set()
        for post, known in self._known.items():
            if post in items or known.removed:
                continue
            known.missing = known.missing + 1 if post in sheet.gone else 0
            if known.missing == 1:
                known.missed_at = look
            if known.missing >= self.removal_looks or post in named:
                known.removed = True
                self._add(known.missed_at, "removed", known.shown, known.state, None)

    def _see(self, item: Shown, look: int) -> None:
        assert item.post is not None
        known = self._known.get(item.post)
        if known is not None and known.shown is item and not known.missing:
            return
        new = state_of(item, self.format)
        # A time that an editor moved is a change; flattened text states times that are too coarse for that.
        if "id" in FORMATS[self.format].carries:
            new = replace(new, source=f"{item.created_at} {new.source}")
        if known is None:
            self._add(look, "created", item, None, new)
        elif known.removed:
            self._add(look, "restored", item, known.state, new)
        elif known.state != new:
            self._add(look, "updated", item, known.state, new)
        self._known[item.post] = _Known(item, new)

    def _add(self, look: int, kind: Kind, item: Shown, old: State | None, new: State | None) -> None:
        assert item.post is not None
        self.facts.append(Fact(look=look, kind=kind, post=item.post, published_at=item.created_at, old=old, new=new))
