"""One misbehaving blog, look by look: the answers that a reader gets, and the truth that follows from them.

Everything is determined by format, misbehaviours and seed; the time is the game's own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Literal

from deltawire.press import transport
from deltawire.press.blog import Blog, Post
from deltawire.press.desk import BASE, RETURNS, Desk
from deltawire.press.facts import Fact
from deltawire.press.misbehave import check
from deltawire.press.record import Record
from deltawire.press.render import FORMATS, FormatName, draw
from deltawire.press.sheets import Turn
from deltawire.press.shown import Sheet, shown

Clock = Callable[[], datetime]

START = datetime(2026, 1, 22, 6, 0, tzinfo=UTC)
EVERY = timedelta(seconds=15)
"""Between two looks."""

HOLD = 3
"""Looks at each state of the blog."""

_ORDER = ("cache", "failures", "window", "pins", "times", "ids")

_BORDER = re.compile(rb"</item>|</entry>|\},|</article>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one look is given. ``look`` counts from 1; ``at`` is when. ``kind`` is for people and for the truth.

    ``query`` belongs to the address that was asked for.
    """

    look: int
    at: datetime
    status: int
    headers: dict[str, str]
    body: bytes
    kind: Literal["current", "stale", "failed"]
    what: str
    query: str = ""


@dataclass(frozen=True, slots=True)
class _State:
    sheet: Sheet
    since: datetime
    until: datetime
    number: int


class Game:
    """Iterate over it once for the answers; ``facts`` grow with them, ``deeds`` say what the editors did.

    ``current`` are the looks that were given the blog as it was. With a ``clock``, the times in headers are moved
    so that each look is made now.

    Raises:
        ValueError: the misbehaviours do not fit the format or each other.
    """

    def __init__(
        self, seed: int, form: FormatName, names: tuple[str, ...] = (), *, steps: int = 40, clock: Clock | None = None
    ) -> None:
        self.seed, self.format, self.names, self.steps = seed, form, names, steps
        # Windows before pins before ids: pins reach beyond windows, and positions are those of the final page.
        self._kinds = sorted(
            check(form, names), key=lambda kind: min(map(_ORDER.index, kind.touches & set(_ORDER)), default=0)
        )
        self._key = f"{seed}/{form}/{'+'.join(names)}"
        self._rng = self._random("plan")
        self._record = Record(form)
        self.deeds: list[str] = []
        self._clock = clock
        self._look = 0
        self._states: list[_State] = []
        self._drawn: dict[int, bytes] = {}
        self.current: list[int] = []
        deeds = dict(BASE)
        for kind in self._kinds:
            for deed, weight in kind.deeds.items():
                deeds[deed] = max(0, deeds.get(deed, 0) + weight)
        blog = Blog(
            key="game",
            title="Random live",
            url=f"https://game.example/live/{seed}",
            section="News",
            standfirst="Everything that happens, in no order",
            publication="The Daily Game",
            modified_at=START,
        )
        alike = max((kind.alike for kind in self._kinds), default=0.0)
        self._desk = Desk(
            rng=self._random("desk"),
            blog=blog,
            deeds=deeds,
            # Flattened text has no ids either.
            alike=alike if "id" in FORMATS[form].carries else 0.5,
            gap=next((kind.gap for kind in self._kinds if kind.gap), (20, 240)),
        )
        self._desk.open(max((kind.opening for kind in self._kinds), default=6))
        # With several deeds at once, words alone cannot tell who is who.
        self._busy = 1 if self._desk.alike else max((kind.busy for kind in self._kinds), default=1)
        self.learning = max((kind.learning for kind in self._kinds), default=0)
        self._night = max((kind.night for kind in self._kinds), default=0)

    @property
    def query(self) -> str:
        return next((f"?{kind.query}" for kind in self._kinds if kind.query), "")

    @property
    def posts(self) -> tuple[Post, ...]:
        """The posts that exist now, newest first."""
        return self._desk.blog.posts

    @property
    def facts(self) -> list[Fact]:
        return self._record.facts

    def __iter__(self) -> Iterator[Answer]:
        yield from self._hold(HOLD)
        for step in range(1, self.steps + 1):
            if self._night and step == self.steps // 3:
                self._desk.now += timedelta(hours=self._night)
            done = [self._deed(step) for _ in range(self._rng.randint(1, self._busy))]
            yield from self._hold(transport.LONG_HOLD if RETURNS & set(done) else HOLD)

    def _random(self, *parts: object) -> Random:
        return Random("/".join(map(str, (self._key, *parts))))  # noqa: S311 - reproducible on purpose

    def _deed(self, step: int) -> str:
        before = self._sheet(self._desk.blog, step - 1)
        deed = self._desk.step(before, lambda blog: self._sheet(blog, step))
        self.deeds.append(f"step {step}: {deed}")
        self._keep(step)
        return deed

    def _keep(self, step: int) -> None:
        now = self._desk.now
        if self._states:
            self._states[-1] = replace(self._states[-1], until=now)
        self._states.append(_State(self._sheet(self._desk.blog, step), now, now, len(self._states)))

    def _sheet(self, blog: Blog, step: int) -> Sheet:
        desk = self._desk
        items = tuple(
            replace(item, id=desk.ids[item.post], revision=desk.revisions[item.post])
            for item in shown(blog.posts)
            if item.post is not None
        )
        gone = frozenset(post.id for post in blog.withdrawn)
        # A tombstone names an id: where two posts share it, or another is served, it would name neither.
        lasting = not any(kind.alike for kind in self._kinds)
        graves = tuple((p.id, desk.ids[p.id], desk.buried[p.id]) for p in blog.withdrawn if lasting)
        sheet = Sheet(blog=blog, items=items, gone=gone, tombstones=graves)
        for kind in self._kinds:
            if kind.page is not None:
                sheet = kind.page(sheet, Turn(step, self._random("page", step)))
        return sheet

    def _hold(self, looks: int) -> Iterator[Answer]:
        if not self._states:
            self._keep(0)
        plan: transport.Plan = [None] * looks
        for kind in self._kinds:
            if kind.planner is not None:
                plan = kind.planner(plan, self._rng, len(self._states) - 1)
        for serving in plan:
            self._desk.now += EVERY
            self._look += 1
            yield self._answer(serving)

    def _answer(self, serving: transport.Serving) -> Answer:
        now = self._desk.now
        stale = isinstance(serving, int)
        state = self._states[-1 - serving] if isinstance(serving, int) else self._states[-1]
        if serving is None or serving == "mistyped":
            self._record.record(state.sheet, self._look)
            self.current.append(self._look)
        body = self._draw(state)
        form = FORMATS[self.format]
        status, content_type = 200, form.content_type
        if isinstance(serving, str):
            borders = [match.end() for match in _BORDER.finditer(body)]
            status, other, body = transport.broken(serving, body, borders, self._random("broken", self._look))
            content_type = other or content_type
        made = self._random("made", self._look).uniform(0, 1) * (state.until - state.since) + state.since
        shift = self._clock() - now if self._clock else timedelta(0)
        origin = transport.Origin(
            now=now + shift,
            made=(made if stale else now) + shift,
            modified=state.since + shift,
            etag=hashlib.sha256(body).hexdigest()[:20],
            stale=stale,
            look=self._look,
        )
        headers = next((kind.headers for kind in self._kinds if kind.headers), transport.honest)(origin)
        return Answer(
            look=self._look,
            at=now,
            status=status,
            headers={"Content-Type": content_type, **headers},
            body=body,
            kind="stale" if stale else "failed" if isinstance(serving, str) else "current",
            what=f"{serving} states ago" if isinstance(serving, int) else serving or "",
            query=self.query,
        )

    def _draw(self, state: _State) -> bytes:
        if not any(kind.noise or kind.rendered for kind in self._kinds):
            if state.number not in self._drawn:
                self._drawn[state.number] = draw(state.sheet, self.format)
            return self._drawn[state.number]
        sheet, noise = state.sheet, None
        for kind in self._kinds:
            if kind.noise is not None:
                sheet = kind.noise(sheet, Turn(self._look, self._random("noise", self._look)))
            if kind.rendered:
                noise = self._random("render", self._look)
        return draw(sheet, self.format, noise)
