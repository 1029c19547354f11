"""How the entries of a document differ from what was last said of them: by field, the stretch that changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from deltawire.differ import blocks, compare
from deltawire.differ.places import Anchor
from deltawire.differ.state import Known
from deltawire.model import Entry


@dataclass(slots=True)
class Run:
    """One changed stretch of a field: all between the first and the last change.

    Of a single block ``start`` and ``end`` are the words that stay, ``words`` are those that do not.
    """

    name: str
    raw_old: list[Any]
    raw_new: list[Any]
    old: list[str]
    new: list[str]
    head: int
    tail: int
    start: int = 0
    end: int = 0
    words: int = 0

    @property
    def gone(self) -> list[str]:
        return self.old[self.head : len(self.old) - self.tail]

    @property
    def come(self) -> list[str]:
        return self.new[self.head : len(self.new) - self.tail]

    @property
    def size(self) -> int:
        return max(len(self.gone), len(self.come))

    @property
    def keys(self) -> tuple[tuple[Anchor, int], tuple[Anchor, int]]:
        return ("end", self.tail), ("start", self.head)

    def offset(self, anchor: Anchor) -> int:
        """How many blocks stand unchanged between that end and the change."""
        return self.tail if anchor == "end" else self.head

    def single(self) -> bool:
        return len(self.gone) == len(self.come) == 1


@dataclass(slots=True)
class Case:
    """An entry that is shown otherwise than it was last said. ``alone``: no time and nothing else changed."""

    known: Known
    entry: Entry
    runs: dict[str, Run] = field(default_factory=dict)
    alone: bool = True


def case_of(known: Known, entry: Entry) -> Case | None:
    if entry in (known.entry, known.shown):
        return None
    case = Case(known, entry)
    last = known.shown or known.entry
    case.alone = entry.updated_at == last.updated_at and entry.published_at == last.published_at
    for name in (*compare.TEXTS, *compare.VALUES):
        old, new = getattr(known.entry, name), getattr(entry, name)
        if old == new or compare.plain(name, old) == compare.plain(name, new):
            continue
        if name not in blocks.FIELDS or old is None or new is None:
            case.alone = False
            continue
        raw_old, raw_new = blocks.cut(name, known.entry), blocks.cut(name, entry)
        run = Run(name, raw_old, raw_new, blocks.keys(name, raw_old), blocks.keys(name, raw_new), 0, 0)
        run.head, run.tail = blocks.common(run.old, run.new)
        if run.single():
            old_words, new_words = blocks.words_apart(name, run.gone[0], run.come[0])
            run.start, run.end = blocks.common(old_words, new_words)
            run.words = min(len(old_words), len(new_words)) - run.start - run.end
        case.runs[name] = run
    return case
