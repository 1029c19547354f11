"""A blog that does anything, named in any way, looked at in any way: folding the events always gives the blog.

Done is only what can be told from what is shown: posts are published seconds apart, an edit keeps half of a post's
words, and what a document does not cover is not asked for.
"""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta
from random import Random
from zlib import crc32

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from deltawire.cli.diff import between
from deltawire.differ.state import FeedState, Known
from deltawire.events import EntryData, Event
from deltawire.model import Document, Entry, Tombstone
from differ.build import START, Desk, fold

replace = msgspec.structs.replace

WORDS = re.findall(
    r"\w+",
    "river bridge mill council trains boats market square volunteers sandbags harbour school tower quay gauge storm "
    "ferry pupils mayor engineers doctors shelter tunnel airport ballot stadium factory museum orchard lighthouse",
)
NAMINGS = ("native", "none", "edit", "order", "pairs", "places", "looks")
ENOUGH = 9
"""Looks at one state after which everything that follows from it has been said."""

Content = tuple[datetime | None, str | None, str, tuple[str, ...]]


def content(entry: Entry) -> Content:
    return (entry.published_at, entry.title, entry.content_text, tuple(sorted(entry.labels)))


class Blog(RuleBasedStateMachine):
    """``posts`` is the truth, newest first; a look shows all of it, or the newest ``window`` of it."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.posts: list[Entry] = []
        self.gone: list[Entry] = []
        self.dead: list[str] = []
        self.number = 0
        self.changed = 0
        self.salt = 0
        self.window: int | None = None
        self.shuffled = False
        self.naming = "native"
        self.settled = False
        self.old: list[Document] = []
        self.subjects: dict[datetime | None, set[str]] = {}

    @initialize(window=st.sampled_from([None, 5]), naming=st.sampled_from(NAMINGS))
    def begin(self, window: int | None, naming: str) -> None:
        self.window = window
        self.naming = naming
        for _ in range(4):
            self.insert()
        self.look()

    @rule()
    def insert(self) -> None:
        rng = Random(self.number)
        self.number += 1
        text = " ".join(rng.choice(WORDS) for _ in range(14)) + f" {self.number}00"
        post = Entry(
            source_id=str(self.number),
            title=" ".join(rng.choice(WORDS) for _ in range(3)) if self.number % 3 else None,
            content_text=text,
            content_html=f"<p>{text}</p>",
            published_at=START + timedelta(minutes=self.number, seconds=self.number % 50 + 1),
            published_precision="exact",
        )
        self.posts.insert(0, post)
        self.settled = False

    @rule(at=st.integers(0, 5))
    def edit(self, at: int) -> None:
        self.changed += 1
        at %= len(self.shown())
        text = self.posts[at].content_text.rsplit(" ", 1)[0] + f" {self.changed}x"
        self.posts[at] = replace(self.posts[at], content_text=text, content_html=f"<p>{text}</p>")
        self.settled = False

    @rule(at=st.integers(0, 5))
    def pin(self, at: int) -> None:
        at %= len(self.shown())
        labels = () if self.posts[at].labels else ("pinned",)
        self.posts[at] = replace(self.posts[at], labels=labels)
        self.settled = False

    # The oldest entries shown are left alone: that one was withdrawn cannot be told from its scrolling off.
    @precondition(lambda self: self.settled and len([e for e in self.shown() if not e.labels]) > 2)
    @rule(at=st.integers(0, 5), stated=st.booleans())
    def withdraw(self, at: int, stated: bool) -> None:
        plain = [n for n, e in enumerate(self.shown()) if not e.labels]
        at %= plain[-2]
        post = self.posts.pop(at)
        self.gone.append(post)
        if stated and self.naming == "native":
            self.dead.append(post.source_id or "")
        self.look()
        self.dead.clear()
        self.settled = False

    @precondition(lambda self: self.gone and self.settled)
    @rule()
    def publish_again(self) -> None:
        self.posts.append(self.gone.pop())
        self.posts.sort(key=lambda e: e.published_at or START, reverse=True)
        self.look()

    @precondition(lambda self: self.naming == "native")
    @rule()
    def rename_all(self) -> None:
        """The theme sorts otherwise, and its ids hold the order."""
        self.salt += 1
        self.settled = False

    @precondition(lambda self: self.settled)
    @rule(size=st.integers(3, 12))
    def turn_the_window(self, size: int) -> None:
        if self.window is not None:
            self.window = size
            self.look()

    @precondition(lambda self: self.window is None)
    @rule()
    def shuffle(self) -> None:
        self.shuffled = not self.shuffled
        self.settled = False

    @precondition(lambda self: self.settled and self.naming in ("native", "edit"))
    @rule()
    def split(self) -> None:
        """Two documents that show a part each, as a poll does: nothing follows from what they lack."""
        shown = self.named()
        for part in (shown[: len(shown) // 2], shown[len(shown) // 2 :]):
            assert self.entry_events(self.desk.show(*part, coverage="delta")) == []
        self.settled = False
        self.look()

    @precondition(lambda self: self.settled and self.old)
    @rule(back=st.integers(1, 6))
    def a_cache_serves_an_old_copy(self, back: int) -> None:
        copy = self.old[-min(back, len(self.old))]
        fresh = self.desk.document([])
        stale = replace(copy, poll_id=fresh.poll_id, began_at=fresh.began_at, fetched_at=fresh.fetched_at)
        assert self.entry_events(self.desk.look(stale)) == []
        assert self.entry_events(self.desk.look(self.document())) == []

    @rule()
    def look(self) -> None:
        """As often as it takes to be believed."""
        for _ in range(ENOUGH):
            document = self.document()
            self.desk.look(document)
        self.old = [*self.old, document][-6:]
        self.settled = True

    @precondition(lambda self: self.settled)
    @rule()
    def look_again(self) -> None:
        self.desk.digest = self.desk.state.digest or "" if self.desk.state else ""
        assert self.desk.again() == []
        document = self.document()
        assert self.entry_events(self.desk.look(document)) == []
        assert self.desk.look(document) == [], "it came twice"
        assert between(document.reading, document.reading, now=START, source="urn:test") == ()

    @rule(attempts=st.integers(1, 5))
    def fail(self, attempts: int) -> None:
        self.desk.fail(attempts)
        self.settled = False

    @rule()
    def restart(self) -> None:
        """The memory goes through its stored form."""
        state = msgspec.json.encode(self.desk.state)
        self.desk.state = msgspec.json.decode(state, type=FeedState | None)
        self.desk.known = msgspec.json.decode(msgspec.json.encode(self.desk.known), type=dict[str, Known])

    @invariant()
    def the_events_add_up_to_what_is_shown(self) -> None:
        if not self.settled:
            return
        folded = [content(e) for e in fold(self.desk.events).values()]
        shown = [content(e) for e in self.shown()]
        assert len(set(folded)) == len(folded)
        assert set(shown) <= set(folded)
        if self.window is None:
            assert len(folded) == len(shown)
        else:
            plain = [e.published_at for e in self.shown() if not e.labels and e.published_at]
            reach = sorted(plain)[1] if len(plain) > 1 else START + timedelta(days=9)
            assert {c for c in folded if c[0] and c[0] > reach} == {c for c in shown if c[0] and c[0] > reach}

    @invariant()
    def an_entry_keeps_its_id_for_life(self) -> None:
        subjects: dict[datetime | None, set[str]] = {}
        for event in self.desk.events:
            if isinstance(event.data, EntryData):
                subjects.setdefault(event.data.entry.published_at, set()).add(event.subject)
        assert all(len(ids) == 1 for ids in subjects.values())

    @invariant()
    def the_sequence_has_no_hole(self) -> None:
        assert [e.sequence for e in self.desk.events] == list(range(1, len(self.desk.events) + 1))
        assert len({e.id for e in self.desk.events}) == len(self.desk.events)

    def shown(self) -> list[Entry]:
        return self.posts[: self.window]

    def named(self) -> list[Entry]:
        return [replace(e, source_id=self.name(n, e)) for n, e in enumerate(self.shown())]

    def name(self, place: int, entry: Entry) -> str | None:
        match self.naming:
            case "none":
                return None
            case "edit":
                return f"{crc32(entry.content_text.encode()):x}"
            case "order":
                return f"urn:{entry.source_id}__{len(self.posts) - place}.5"
            case "pairs":
                return f"p{int(entry.source_id or 0) // 2}"
            case "places":
                return f"post{place + 1}"
            case "looks":
                return f"{entry.source_id}@{self.desk.tick}"
            case _:
                return f"{entry.source_id}/{self.salt}" if self.salt else entry.source_id

    def document(self) -> Document:
        entries = self.named()
        if self.shuffled:
            entries.sort(key=lambda e: crc32(f"{self.changed}{e.published_at}".encode()))
        return self.desk.document(
            entries,
            coverage="full" if self.window is None else "window",
            order="unordered" if self.shuffled else "newest-first",
            tombstones=tuple(Tombstone(source_id=i) for i in self.dead),
        )

    @staticmethod
    def entry_events(events: list[Event]) -> list[Event]:
        return [e for e in events if isinstance(e.data, EntryData)]


class BlogAtLength(Blog):
    """10,000 blogs of 50 steps; FUZZ_EXAMPLES for another number."""


Blog.TestCase.settings = settings(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
BlogAtLength.TestCase.settings = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "10000")),
    stateful_step_count=50,
    deadline=None,
    derandomize=False,
    suppress_health_check=list(HealthCheck),
)
TestBlog = Blog.TestCase
TestBlogAtLength = pytest.mark.chaos(pytest.mark.timeout(0)(BlogAtLength.TestCase))
