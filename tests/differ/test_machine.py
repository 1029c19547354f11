"""A blog that does anything, looked at in any way: folding the events always gives the blog."""

from __future__ import annotations

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from deltawire.differ.state import FeedState, Known
from deltawire.model import Entry, Observation
from differ.build import Desk, entry, fold

replace = msgspec.structs.replace
TEXTS = st.sampled_from(["Four people hurt.", "Six people hurt.", "Road closed.", "Road open again.", ""])


class Blog(RuleBasedStateMachine):
    """``posts`` is the truth, newest first; a look shows all of it, or the newest ``window`` of it."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(dated=True)
        self.posts: list[Entry] = []
        self.gone: list[Entry] = []
        self.number = 0
        self.window: int | None = None
        self.looked = False
        self.last: Observation | None = None

    @initialize(window=st.sampled_from([None, 4]))
    def begin(self, window: int | None) -> None:
        self.window = window
        for _ in range(3):
            self.insert("Road closed.")
        self.look()

    def shown(self) -> list[Entry]:
        return self.posts[: self.window]

    @rule(text=TEXTS)
    def insert(self, text: str) -> None:
        self.posts.insert(0, entry(f"p{self.number}", text, minute=self.number))
        self.number += 1
        self.looked = False

    @precondition(lambda self: self.posts)
    @rule(at=st.integers(0, 3), text=TEXTS)
    def edit(self, at: int, text: str) -> None:
        at %= len(self.shown())
        old = self.posts[at]
        self.posts[at] = replace(old, content_text=text or old.content_text, title=text or None)
        self.looked = False

    # The oldest entry shown is left alone: that it was withdrawn cannot be told from its scrolling off.
    @precondition(lambda self: len(self.shown()) > 1)
    @rule(at=st.integers(0, 3))
    def withdraw(self, at: int) -> None:
        before = self.shown()
        at %= len(before) - 1
        if self.window is not None and len(self.posts) > self.window:
            # What lies below the window would move up: to the differ that is news of old entries.
            del self.posts[self.window :]
        self.gone.append(self.posts.pop(at))
        self.look()
        self.look()

    @precondition(lambda self: self.gone)
    @rule()
    def publish_again(self) -> None:
        post = self.gone.pop()
        self.posts.append(post)
        self.posts.sort(key=lambda e: e.published_at or 0, reverse=True)
        self.looked = False

    @rule()
    def look(self) -> None:
        self.last = self.desk.document(self.shown(), coverage="full" if self.window is None else "window")
        self.desk.look(self.last)
        self.looked = True

    @precondition(lambda self: self.looked)
    @rule()
    def look_again(self) -> None:
        assert self.desk.again() == []
        assert self.desk.show(*self.shown(), coverage="full" if self.window is None else "window") == []

    @precondition(lambda self: self.last is not None)
    @rule()
    def the_last_look_comes_twice(self) -> None:
        assert self.last is not None
        assert self.desk.look(self.last) == []

    @rule(attempts=st.integers(1, 5))
    def fail(self, attempts: int) -> None:
        self.desk.fail(attempts)
        self.looked = False

    @rule()
    def restart(self) -> None:
        """The memory goes through its stored form."""
        state = msgspec.json.encode(self.desk.state)
        self.desk.state = msgspec.json.decode(state, type=FeedState)
        self.desk.known = msgspec.json.decode(msgspec.json.encode(self.desk.known), type=dict[str, Known])

    @invariant()
    def the_events_add_up_to_what_was_shown(self) -> None:
        if self.looked:
            folded = {e.source_id: (e.title, e.content_text) for e in fold(self.desk.events).values()}
            shown = {e.source_id: (e.title, e.content_text) for e in self.shown()}
            assert {s: folded.get(s) for s in shown} == shown
            if self.window is None:
                assert folded == shown
            assert not {e.source_id for e in self.gone} & folded.keys()

    @invariant()
    def the_sequence_has_no_hole(self) -> None:
        assert [e.sequence for e in self.desk.events] == list(range(1, len(self.desk.events) + 1))
        assert len({e.id for e in self.desk.events}) == len(self.desk.events)


Blog.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestBlog = Blog.TestCase
