"""The editors of a misbehaving blog: one random step after the other, each of which a reader can tell from the pages.

What no program could tell (``undecided.UNDECIDED``) is not done: an operation is tried on the sheet that it would
lead to, and given up where that does not show what happened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from random import Random
from typing import Literal

from deltawire.press import words
from deltawire.press.blog import Blog, Label, Post, in_order
from deltawire.press.edits import EDITS
from deltawire.press.shown import Sheet

Deed = Literal[
    "add", "edit", "mark", "withdraw", "restore", "retitle", "rest",
    "revert", "toll", "twins", "pair", "split", "merge", "republish", "move",
]  # fmt: skip
BASE: dict[Deed, int] = {"add": 5, "edit": 5, "mark": 2, "withdraw": 3, "restore": 2, "retitle": 1, "rest": 2}
RETURNS: frozenset[Deed] = frozenset(("mark", "withdraw", "restore", "revert", "merge", "republish", "move"))
"""Deeds after which a post, or the whole page, can look as it did before: an old copy looks the same."""

_LABELS: tuple[Label, ...] = ("key-event", "pinned", "summary")
_SITES = ("Brackwater", "Lower Fenwick", "Ostrava Quay", "Kestrel Point", "Märsby", "Tolmer")
_TRIES = 8

NAMELESS = 0.7
"""What a post keeps of its words in an edit where sources state neither ids nor times."""


@dataclass(slots=True)
class Desk:
    """``see`` gives the sheet that a reader would see of a blog (and of this desk's ids) after the next step.

    ``alike`` is how much of its words a post keeps in an edit, from 0 to 1: where sources state no lasting identity,
    words are what is left of it. ``ids`` are the stated ids, ``revisions`` count the states of each post.
    ``gap`` is the range of seconds between deeds.
    """

    rng: Random
    blog: Blog
    deeds: dict[Deed, int]
    alike: float = 0.0
    gap: tuple[int, int] = (20, 240)
    now: datetime = field(init=False)
    ids: dict[str, str] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=dict)
    buried: dict[str, datetime] = field(default_factory=dict)
    _had: dict[str, list[Post]] = field(default_factory=dict)
    _made: int = 0

    def __post_init__(self) -> None:
        self.now = self.blog.modified_at

    def open(self, posts: int) -> None:
        for _ in range(posts):
            self._publish(self._post())

    def step(self, before: Sheet, see: Callable[[Blog], Sheet]) -> Deed:
        """Do one thing that can be seen in the sheet that follows; ``rest`` where nothing can be done."""
        for _ in range(_TRIES):
            deed = self.rng.choices(list(self.deeds), list(self.deeds.values()))[0]
            old = (self.blog, self.now, dict(self.ids), dict(self.buried))
            if self._do(deed, before) and self._telling(before, see(self.blog)):
                self._note()
                return deed
            self.blog, self.now, self.ids, self.buried = old
        return "rest"

    def _do(self, deed: Deed, before: Sheet) -> bool:
        shown = [post for post in self.blog.posts if post.id in before.posts]
        match deed:
            case "add":
                return self._publish(self._post())
            case "twins":
                return self._twins()
            case "pair":
                return self._pair()
            case "edit":
                return self._edit(self.rng.choice(shown))
            case "revert":
                return self._revert(shown)
            case "toll":
                return self._toll(min(shown, key=lambda post: post.id))
            case "mark":
                post = self.rng.choice(shown)
                return self._put(replace(post, labels=post.labels ^ {self.rng.choice(_LABELS)}))
            case "withdraw":
                return self._withdraw(self.rng.choice(shown))
            case "restore":
                return self._restore(self.ids)
            case "republish":
                return self._restore(self.ids, anew=True)
            case "split":
                return self._split(shown)
            case "merge":
                return self._merge(shown)
            case "move":
                post = self.rng.choice(shown)
                moved = post.created_at + timedelta(minutes=self.rng.choice((-9, -5, -2, -1, 1, 2, 5, 9)))
                return moved <= self.now and self._put(replace(post, created_at=moved, updated_at=self.now))
            case "retitle":
                self._tick()
                self.blog = replace(self.blog, title=f"{words.headline(self.rng)} – live", modified_at=self.now)
        return True

    def _telling(self, before: Sheet, after: Sheet) -> bool:
        """Whether a reader of both can tell what became of each post."""
        gone = {p.id: p for p in self.blog.withdrawn if p.id in before.posts}
        places = {item.post: place for place, item in enumerate(before.items)}
        still = [
            post.id
            for post in self.blog.posts
            if post.id in after.posts and post.id in before.posts and "pinned" not in post.labels
        ]
        back = {p.id for p in self.blog.posts} & set(before.gone)
        if not back <= after.posts or len(after.posts) < 3:
            return False
        said = [f"{p.title or ''} {p.text}".strip() for p in (*self.blog.posts, *self.blog.withdrawn)]
        if len(set(said)) < len(said):
            return False
        changed = {p.id for p in self.blog.posts if self._had.get(p.id, [p])[-1] != p}
        if self.alike >= NAMELESS and not changed <= after.posts:
            return False
        times = {post.id: post.created_at.replace(second=0) for post in self.blog.posts}
        for post_id, post in gone.items():
            minute = post.created_at.replace(second=0)
            if not any(places[s] > places[post_id] and times[s] < minute for s in still):
                return False
        moved = {
            p.id for p in self.blog.posts if any(p.created_at != q.created_at for q in self._had.get(p.id, [])[-1:])
        }
        return not moved or before.posts == after.posts

    def _tick(self) -> None:
        self.now += timedelta(seconds=self.rng.randint(*self.gap))

    def _note(self) -> None:
        for post in self.blog.posts:
            had = self._had.setdefault(post.id, [])
            if not had or had[-1] != post:
                had.append(post)
                self.revisions[post.id] = len(had)

    def _post(self) -> Post:
        return self._of(
            words.headline(self.rng) if self.rng.random() < 0.6 else None,
            words.body(self.rng),
            frozenset(label for label in _LABELS if self.rng.random() < 0.1),
        )

    def _of(self, title: str | None, body: tuple[str, ...], labels: frozenset[Label] = frozenset()) -> Post:
        self._tick()
        self._made += 1
        name = hashlib.sha256(f"{self.blog.url}/{self._made}".encode()).hexdigest()[:24]
        return Post(
            id=name,
            title=title,
            body=body,
            author=self.rng.choice(words.AUTHORS),
            created_at=self.now,
            labels=labels,
        )

    def _publish(self, post: Post) -> bool:
        self.ids[post.id] = post.id
        self.blog = replace(self.blog, posts=in_order((*self.blog.posts, post)), modified_at=self.now)
        self._note()
        return True

    def _twins(self) -> bool:
        """Two reports of one minute that differ in one name only."""
        self._tick()
        self.now = self.now.replace(second=5)
        here, there = self.rng.sample(_SITES, 2)
        number, person = words.figure(self.rng), words.person(self.rng)
        for site in (here, there):
            title = f"{number.capitalize()} killed in strike on {site}"
            body = (f"<p><b>{number}</b> people were killed in a strike on {site}, said {person}.</p>",)
            self._publish(replace(self._of(title, body), created_at=self.now.replace(second=self.rng.randint(5, 50))))
        return True

    def _pair(self) -> bool:
        """Two posts that the system gives one id."""
        first, second = self._post(), self._post()
        self._publish(first)
        self._publish(second)
        self.ids[second.id] = first.id
        return True

    def _put(self, new: Post) -> bool:
        self._tick()
        posts = in_order(new if post.id == new.id else post for post in self.blog.posts)
        self.blog = replace(self.blog, posts=posts, modified_at=self.now)
        return True

    def _edit(self, post: Post) -> bool:
        title, body = post.title, post.body
        if title is not None and self.rng.random() < 0.2:
            title = words.headline(self.rng)
        else:
            body = self.rng.choice(EDITS)(self.rng, post)
        stamp = post.updated_at if self.rng.random() < 0.2 else self.now
        new = replace(post, title=title, body=body, updated_at=stamp)
        if any((had.title, had.body) == (title, body) for had in self._had[post.id]) or not self._same(post, new):
            return False
        return self._put(new)

    def _toll(self, post: Post) -> bool:
        """A figure goes up, and no stamp moves."""
        rest = tuple(block for block in post.body if "toll stands at" not in block)
        toll = f"<p>The toll stands at {len(self._had[post.id]) + 3}</p>"
        new = replace(post, body=(*rest, toll))
        return self._same(post, new) and not self._was(new) and self._put(new)

    def _revert(self, shown: list[Post]) -> bool:
        """Back to an earlier text."""
        free = [(p, q) for p in shown for q in self._had[p.id] if (p.title, p.body) != (q.title, q.body)]
        if not free:
            return False
        post, old = self.rng.choice(free)
        stamp = post.updated_at if self.rng.random() < 0.3 else self.now
        new = replace(post, title=old.title, body=old.body, updated_at=stamp)
        return self._same(post, new) and self._put(new)

    def _same(self, old: Post, new: Post) -> bool:
        return likeness(old, new) >= self.alike

    def _withdraw(self, post: Post) -> bool:
        self._tick()
        self.buried[post.id] = self.now
        kept = tuple(p for p in self.blog.posts if p.id != post.id)
        self.blog = replace(self.blog, posts=kept, withdrawn=(*self.blog.withdrawn, post), modified_at=self.now)
        return True

    def _restore(self, ids: dict[str, str], *, anew: bool = False) -> bool:
        if not self.blog.withdrawn:
            return False
        back = self.rng.choice(self.blog.withdrawn)
        if anew:
            # A short text says little about who it was.
            if len(back.text.split()) < 10:
                return False
            ids[back.id] = hashlib.sha256(f"{ids[back.id]}/again".encode()).hexdigest()[:24]
        del self.buried[back.id]
        self._tick()
        kept = tuple(p for p in self.blog.withdrawn if p.id != back.id)
        self.blog = replace(self.blog, posts=in_order((*self.blog.posts, back)), withdrawn=kept, modified_at=self.now)
        return True

    def _split(self, shown: list[Post]) -> bool:
        free = [p for p in shown if len(p.body) > 2]
        if not free:
            return False
        post = self.rng.choice(free)
        kept, rest = post.body[:-1], post.body[-1:]
        new = replace(post, body=kept, updated_at=self.now)
        part = self._of(None, rest)
        if len(part.text.split()) < 6 or likeness(post, new) < 0.6 or self._was(new):
            return False
        return self._publish(part) and self._put(new)

    def _merge(self, shown: list[Post]) -> bool:
        if len(shown) < 3:
            return False
        into, lost = self.rng.sample(shown, 2)
        new = replace(into, body=into.body + lost.body, updated_at=self.now)
        if likeness(into, new) < 0.6 or self._was(new):
            return False
        return self._withdraw(lost) and self._put(new)

    def _was(self, new: Post) -> bool:
        return any((had.title, had.body) == (new.title, new.body) for had in self._had[new.id])


def likeness(old: Post, new: Post) -> float:
    """The share of words that two states of a post have in common, in order, from 0 to 1."""
    first, second = (f"{p.title or ''} {p.text}".split() for p in (old, new))
    return SequenceMatcher(None, first, second, autojunk=False).ratio()
