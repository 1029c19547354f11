"""The truth: which events follow from the states that were served, look by look.

It is derived from what was served and not from what the editors did: nobody can see an edit that was edited
again before anyone looked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from deltawire.press.blog import Post
from deltawire.press.render import FORMATS, FormatName
from deltawire.press.shown import Shown

Kind = Literal["created", "updated", "removed", "restored"]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a reader can know of a post in one format. A part that the format cannot carry is null.

    ``source`` is the body with its markup: an edit of a link alone changes it and not the text.
    """

    text: str
    title: str | None = None
    author: str | None = None
    labels: tuple[str, ...] | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """An event that must be seen. ``look`` counts from 1: the look at which it could first be known.

    ``old`` is null for ``created``; ``new`` is null for ``removed``; ``published_at`` where no time was stated.
    """

    look: int
    kind: Kind
    post: str
    published_at: datetime | None
    old: State | None
    new: State | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"published_at": self.published_at and self.published_at.isoformat()}


def fact_from_json(record: dict[str, Any]) -> Fact:
    """The inverse of ``Fact.as_json``, also after a trip through JSON text."""
    states = {name: _state_from_json(record[name]) for name in ("old", "new")}
    published = record["published_at"]
    return Fact(**(record | states | {"published_at": published and datetime.fromisoformat(published)}))


def _state_from_json(record: dict[str, Any] | None) -> State | None:
    if record is None:
        return None
    labels = record["labels"]
    return State(**(record | {"labels": None if labels is None else tuple(labels)}))


def state_of(post: Post | Shown, name: FormatName) -> State:
    """What the format shows of a post. In flattened text the title cannot be told from the text."""
    carries = FORMATS[name].carries
    text = post.text if "title" in carries else " ".join(filter(None, (post.title, post.text)))
    return State(
        text=text,
        title=post.title if "title" in carries else None,
        author=post.author if "author" in carries else None,
        labels=tuple(sorted(post.labels)) if "labels" in carries else None,
        source="".join(post.body) if "markup" in carries else "",
    )


@dataclass(slots=True)
class _Known:
    state: State
    published_at: datetime
    missing: int = 0
    removed: bool = False


@dataclass(slots=True)
class Ledger:
    """Keeps the facts. A removal needs ``removal_looks`` looks in a row at which the post should have been shown."""

    format: FormatName
    removal_looks: int = 2
    looks: int = 0
    facts: list[Fact] = field(default_factory=list)
    _known: dict[str, _Known] = field(default_factory=dict)

    def record(self, shown: Sequence[Post]) -> None:
        """One more look at the feed: these posts were served."""
        self.looks += 1
        for post in reversed(shown):
            self._see(post)
        ids = {post.id for post in shown}
        # A pinned post stays on show wherever it belongs: it says nothing about how far down the window reaches.
        labelled = "labels" in FORMATS[self.format].carries
        ranged = [post for post in shown if not (labelled and "pinned" in post.labels)]
        oldest = min((post.created_at for post in ranged), default=None)
        for post_id, known in self._known.items():
            if post_id not in ids and not known.removed:
                self._miss(post_id, known, oldest)

    def _see(self, post: Post) -> None:
        new = state_of(post, self.format)
        known = self._known.get(post.id)
        if known is None:
            self._known[post.id] = _Known(new, post.created_at)
            self._add("created", post.id, post.created_at, None, new)
            return
        if known.removed:
            self._add("restored", post.id, post.created_at, known.state, new)
        elif known.state != new:
            self._add("updated", post.id, post.created_at, known.state, new)
        self._known[post.id] = _Known(new, post.created_at)

    def _miss(self, post_id: str, known: _Known, oldest: datetime | None) -> None:
        inside = FORMATS[self.format].coverage == "full" or (oldest is not None and oldest < known.published_at)
        known.missing = known.missing + 1 if inside else 0
        if known.missing >= self.removal_looks:
            known.removed = True
            self._add("removed", post_id, known.published_at, known.state, None)

    def _add(self, kind: Kind, post: str, published_at: datetime, old: State | None, new: State | None) -> None:
        self.facts.append(Fact(look=self.looks, kind=kind, post=post, published_at=published_at, old=old, new=new))


def standing(facts: Sequence[Fact]) -> dict[str, State]:
    """The last known state of every post that is not removed: the facts, folded."""
    states: dict[str, State] = {}
    for fact in facts:
        if fact.new is None:
            del states[fact.post]
        else:
            states[fact.post] = fact.new
    return states
