"""A publisher that does random things, and knows exactly what follows from what it served.

What no program could decide from what was served is never done, so that everything served is scored:

* In a windowed feed the oldest post shown is not withdrawn: that looks like falling off the end. One that has only
  pinned posts below it is not either: they are shown out of turn.
* A post that has fallen off the window is not touched before it is shown again, and not restored into the dark.
* An edit never returns a post to a body and title it had before: that document could be an old copy. Labels and
  withdrawals do return (pinned, unpinned; withdrawn, restored), with the blog's own stamp moving on.
* No two posts are published within one second.
* Edits of what a format cannot carry (labels in JSON-LD) are made, and must lead to no event.

Truth is derived look by look (``facts.Ledger``): a state that nobody looked at, or a post that was gone for a single
look, leaves no trace in it. Whoever drives the publisher should let every state be looked at twice before the next.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from deltawire.press import words
from deltawire.press.blog import Add, Blog, Edit, Label, Mark, Operation, Restore, Retitle, Withdraw, apply
from deltawire.press.edits import EDITS
from deltawire.press.facts import Fact, Ledger
from deltawire.press.render import FORMATS, FormatName, render

START = datetime(2026, 1, 22, 6, 0, tzinfo=UTC)
_LABELS: tuple[Label, ...] = ("key-event", "pinned", "summary")


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did; a null operation renders the same state again. ``number`` counts from 1."""

    number: int
    operation: Operation | None


class Publisher:
    """``window`` limits how many posts are shown; with ``noisy`` every look is rendered differently.

    ``looks`` counts those at the present state. The same arguments make the same operations, however often it is
    looked at between them.

    Raises:
        ValueError: there would be nothing to see, or a window on a format that shows every post.
    """

    def __init__(
        self, seed: int, name: FormatName, *, window: int | None = None, opening: int = 6, noisy: bool = False
    ) -> None:
        if window is not None and FORMATS[name].coverage == "full":
            raise ValueError(f"the format {name!r} shows every post: a window makes no sense there")
        if opening < 1 or (window is not None and window < 1):
            raise ValueError("a blog opens with at least one post, and a window shows at least one")
        self.format: FormatName = name
        self.window = window
        self.looks = 0
        self.steps: list[Step] = []
        self._noisy = noisy
        self._seed = f"{seed}/{name}/{window}"
        self._rng = Random(self._seed)  # noqa: S311 - reproducible on purpose
        self._now = START
        self._ledger = Ledger(name)
        self._looked = asyncio.Condition()
        self._had: set[tuple[str, str | None, tuple[str, ...]]] = set()
        self._renders = 0
        self.blog = Blog(
            key="chance",
            title="Random live",
            url=f"https://chance.example/live/{seed}",
            section="News",
            standfirst="Everything that happens, in no order",
            publication="The Daily Chance",
            modified_at=START,
        )
        for _ in range(opening):
            self._do(self._add())

    @property
    def facts(self) -> list[Fact]:
        """Everything that follows from the looks so far."""
        return list(self._ledger.facts)

    @property
    def total_looks(self) -> int:
        return self._ledger.looks

    def step(self) -> Step:
        """Do one random thing."""
        operation = self._choose()
        if operation is None:
            self._renders += 1
        else:
            self._do(operation)
        self.looks = 0
        self.steps.append(Step(len(self.steps) + 1, operation))
        return self.steps[-1]

    def draw(self) -> bytes:
        """The document as it is served now."""
        key = f"{self._seed}/{len(self.steps)}/{self._renders}"
        return render(self.blog, self.format, noise=Random(key), window=self.window)  # noqa: S311

    async def look(self) -> None:
        """Somebody was given the document: what it shows enters the truth. Call it right after ``draw``."""
        self._ledger.record(self.blog.newest(self.window))
        self.looks += 1
        if self._noisy:
            self._renders += 1
        async with self._looked:
            self._looked.notify_all()

    async def looked(self, times: int) -> None:
        """Wait until the present state has been looked at that often."""
        async with self._looked:
            await self._looked.wait_for(lambda: self.looks >= times)

    async def advance(self, steps: int = 1, *, looks: int = 2) -> None:
        """That many steps, each once the state before it has been looked at ``looks`` times."""
        for _ in range(steps):
            await self.looked(looks)
            self.step()

    def _do(self, operation: Operation) -> None:
        self.blog = apply(self.blog, operation, self._now)
        # Whole seconds: RSS and the Guardian's dates have no finer grain.
        self._now += timedelta(seconds=self._rng.randint(20, 240))
        self._had.update((post.id, post.title, post.body) for post in self.blog.posts)

    def _choose(self) -> Operation | None:
        kinds: list[tuple[int, Callable[[], Operation | None]]] = [
            (5, self._add),
            (5, self._edit),
            (2, self._mark),
            (3, self._withdraw),
            (2, self._restore),
            (1, self._retitle),
            (2, lambda: None),
        ]
        weights, makers = zip(*kinds, strict=True)
        maker: Callable[[], Operation | None] = self._rng.choices(makers, weights)[0]
        return maker()

    def _add(self) -> Operation:
        number = len(self.blog.posts) + len(self.blog.withdrawn)
        return Add(
            post=hashlib.sha256(f"{self._seed}/{number}".encode()).hexdigest()[:24],
            title=words.headline(self._rng) if self._rng.random() < 0.6 else None,
            body=words.body(self._rng),
            author=self._rng.choice(words.AUTHORS),
            labels=frozenset(label for label in _LABELS if self._rng.random() < 0.1),
        )

    def _edit(self) -> Operation:
        post = self._rng.choice(self.blog.newest(self.window))
        silent = self._rng.random() < 0.2
        while True:
            if post.title is not None and self._rng.random() < 0.2:
                edit = Edit(post=post.id, title=words.headline(self._rng), silent=silent)
            else:
                edit = Edit(post=post.id, body=self._rng.choice(EDITS)(self._rng, post), silent=silent)
            if (post.id, edit.title or post.title, edit.body or post.body) not in self._had:
                return edit

    def _mark(self) -> Operation | None:
        post = self._rng.choice(self.blog.newest(self.window))
        label = self._rng.choice(_LABELS)
        return Mark(post=post.id, labels=post.labels ^ {label})

    def _withdraw(self) -> Operation | None:
        shown = self.blog.newest(self.window)
        if FORMATS[self.format].coverage == "full":
            free = shown if len(shown) > 1 else ()
        else:
            anchors = [at for at, post in enumerate(shown) if "pinned" not in post.labels]
            free = shown[: anchors[-1]] if anchors else ()
        return Withdraw(post=self._rng.choice(free).id) if free else None

    def _restore(self) -> Operation | None:
        shown = self.blog.newest(self.window)
        free = [post for post in self.blog.withdrawn if not shown or post.created_at > shown[-1].created_at]
        return Restore(post=self._rng.choice(free).id) if free else None

    def _retitle(self) -> Operation:
        return Retitle(title=f"{words.headline(self._rng)} – live")
