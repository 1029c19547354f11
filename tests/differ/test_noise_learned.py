"""A place in entries that changes at nearly every look is learned and left out; what people change comes through."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deltawire.differ import learning
from deltawire.differ.state import FeedState, Known
from deltawire.events import EntryData, Event
from differ.build import fold, kinds
from differ.noisy import NOISES, PROMOS, Blog, Body, Noise, never_twice, promo_below, related_box, token_within

BOUND = 2
"""False updates of an entry before a place is learned (docs/freshness.md)."""


def updates_per_entry(events: Sequence[Event]) -> int:
    subjects = [e.subject for e in events]
    return max((subjects.count(s) for s in set(subjects)), default=0)


@pytest.mark.parametrize("noise", NOISES)
def test_noise_in_every_entry_is_learned_after_few_updates_and_stays_out(noise: Noise) -> None:
    blog = Blog(noise)
    events = blog.learn()
    assert updates_per_entry(events) <= BOUND, [(e.id, e.data) for e in events]
    assert [e for _ in range(20) for e in blog.look()] == []


@pytest.mark.parametrize("noise", NOISES)
def test_what_editors_do_in_a_noisy_feed_comes_through_and_nothing_else(noise: Noise) -> None:
    blog = Blog(noise)
    blog.learn()
    blog.bodies["e2"][0] = "Four people were killed on the quay."
    assert [kinds([e]) for e in blog.look()] == [["entry.updated"]]
    blog.bodies["e3"].insert(1, "A ferry has been sent.")
    assert [kinds([e]) for e in blog.look()] == [["entry.updated"]]
    blog.bodies["e2"][0] = "Six people were killed on the quay."
    (event,) = blog.look()
    assert event.significance == "substantive"
    for n in range(10, 30):
        blog.bodies["e2"][1] = f"The toll stands at {n} now, the mayor said."
        assert len(blog.look()) == 1
        assert blog.look() == []
    blog.bodies["e4"][1] = "Nobody came to the harbour of the fourth town."
    assert len(blog.look()) == 1
    blog.bodies["e9"] = ["A tenth report has come in.", "It says little of the storm that is coming."]
    events = [e for _ in range(12) for e in blog.look()]
    assert kinds(events)[0] == "entry.created"
    assert len(events) <= 1 + BOUND
    blog.bodies["e9"][1] = "It says much of the storm that is coming."
    assert len(blog.look()) == 1
    assert [e for _ in range(5) for e in blog.look()] == []


def test_what_is_said_with_an_edit_keeps_the_noise_that_was_said_before() -> None:
    blog = Blog(promo_below)
    blog.learn()
    said = {e.source_id: e for e in fold(blog.desk.events).values()}["e2"].content_text.split("\n")[-1]
    for n in range(5):
        blog.bodies["e2"][0] = f"{n + 20} people were killed on the quay."
        (event,) = blog.look()
        assert isinstance(event.data, EntryData)
        assert event.data.entry.content_text.split("\n")[-1] == said
        assert all(change.diff and change.diff[-1][0] == "=" for change in event.data.changes)


def test_the_whole_of_a_box_is_kept_where_chance_changed_less_of_it_before() -> None:
    blog = Blog(related_box, count=12)
    blog.learn()
    for name in blog.bodies:
        subject, said = next((i, e) for i, e in fold(blog.desk.events).items() if e.source_id == name)
        blog.bodies[name][0] = "The bridge is closed."
        (event,) = blog.look()
        assert isinstance(event.data, EntryData)
        assert event.subject == subject
        assert event.data.entry.content_text.split("\n")[2:] == said.content_text.split("\n")[2:]


def test_a_toll_that_is_edited_at_every_second_look_comes_through_each_time() -> None:
    def toll(name: str, body: Body, rng: Random) -> Body:
        return [*body, f"Dead: {blog.looks // 2}"] if name == "e1" else body

    blog = Blog(toll)
    events = blog.learn(40)
    assert len(events) == 20
    assert not blog.desk.state.volatile if blog.desk.state else False


@pytest.mark.parametrize("noise", [promo_below, never_twice])
def test_a_toll_without_noise_in_a_noisy_feed_comes_through_each_time(noise: Noise) -> None:
    def toll(name: str, body: Body, rng: Random) -> Body:
        return [body[0], f"Dead: {blog.looks}"] if name == "e1" else noise(name, body, rng)

    blog = Blog(toll)
    blog.learn()
    assert [len(blog.look()) for _ in range(10)] == [1] * 10


def test_editors_who_change_all_entries_at_once_are_heard_and_so_is_what_follows() -> None:
    blog = Blog(lambda _name, body, _rng: body)
    blog.learn(3)
    for closing in ("Follow us.", "Follow us there."):
        for name, body in blog.bodies.items():
            body[1] = f"So much from {name}. {closing}"
        assert len(blog.look()) == 6
    for n in range(9):
        blog.bodies["e2"][1] = f"The toll stands at {n}."
        blog.bodies["e3"][1] = f"There, it is {n + 20}."
        assert len(blog.look()) == 2


def test_a_place_that_stands_still_is_read_again() -> None:
    still = False

    def rotating(name: str, body: Body, rng: Random) -> Body:
        return [*body, "Everything is said."] if still else promo_below(name, body, rng)

    blog = Blog(rotating)
    blog.learn()
    still = True
    seen = blog.look()
    seen += [e for _ in range(learning.STILL) for e in blog.desk.again()]
    blog.bodies["e1"][0] = "Once more."
    seen += blog.look()
    assert "noise-unlearned" in blog.desk.reasons()
    blog.bodies["e1"][0] = "And again."
    seen += blog.look()
    assert {e.content_text.split("\n")[-1] for e in fold(blog.desk.events).values()} == {"Everything is said."}


@pytest.mark.parametrize("moving", [False, True])
def test_an_edit_in_a_place_that_stood_still_for_long_comes_through_and_not_before(moving: bool) -> None:
    """``moving``: the feed shows other documents meanwhile; else the same one."""
    closings: dict[str, str] = {}

    def rotating(name: str, body: Body, rng: Random) -> Body:
        return [*body, closings[name]] if closings else promo_below(name, body, rng)

    blog = Blog(rotating)
    blog.learn()
    said = fold(blog.desk.events).values()
    closings.update({str(e.source_id): e.content_text.split("\n")[-1] for e in said})
    (subject,) = (e.id for e in said if e.source_id == "e2")
    assert blog.look() == []
    closings["e2"] = "The road to the quay is open."
    for n in range(learning.STILL - 1):
        blog.bodies["e1"][0] = f"In all {n} boats are out."
        events = blog.look() if moving or not n else blog.desk.again()
        assert [e for e in events if e.subject == subject] == []
    closings["e2"] = "The road to the quay is closed."
    blog.bodies["e1"][0] = "All boats are back."
    (event,) = (e for e in blog.look() if e.subject == subject)
    assert isinstance(event.data, EntryData)
    assert event.data.entry.content_text.endswith(closings["e2"])
    closings["e2"] = "The road to the quay is open again."
    assert [e.subject for e in blog.look()] == [subject]


def test_a_place_that_some_entries_share_by_their_length_is_not_taken_for_that_of_all() -> None:
    def box(name: str, body: Body, rng: Random) -> Body:
        """Three lines below; at the second look only the longer entries show others, and the last stays."""
        if blog.looks > 2:
            return [*body, *((PROMOS * 2)[blog.looks % 5 :][:3])]
        return [*body, *(PROMOS[2:4] if blog.looks == 2 and len(body) == 3 else PROMOS[:2]), PROMOS[4]]

    blog = Blog(box)
    for name in ("e0", "e1", "e2"):
        blog.bodies[name].append(f"So much from {name}.")
    assert updates_per_entry(blog.learn()) <= BOUND + 1
    assert blog.desk.state is not None
    places = [(p.field, p.anchor, p.index) for p in blog.desk.state.volatile if p.learned]
    assert sorted(places) == [("content_html", "end", 0), ("content_text", "end", 0)]
    assert [e for _ in range(10) for e in blog.look()] == []


def test_a_box_is_learned_as_fast_where_most_entries_are_given_its_last_line_again() -> None:
    def box(name: str, body: Body, _: Random) -> Body:
        """Three lines below; at the fourth look most entries show the last one of the third."""
        number = int(name[1:])
        last = PROMOS[(min(blog.looks, 3 if number > 1 else 9) + number) % 5]
        others = [line for line in PROMOS if line != last]
        return [*body, others[(blog.looks + number) % 4], others[(blog.looks + number + 1) % 4], last]

    blog = Blog(box)
    for number, name in enumerate(blog.bodies):
        blog.bodies[name] += [f"So much from {name}, {n}." for n in range(number)]
    assert updates_per_entry(blog.learn(3)) <= BOUND


def test_what_is_remembered_is_small_survives_a_restart_and_is_explained_once() -> None:
    blog = Blog(promo_below)
    blog.learn(6)
    assert blog.desk.state is not None
    state = msgspec.json.encode(blog.desk.state)
    blog.desk.state = msgspec.json.decode(state, type=FeedState)
    blog.desk.known = msgspec.json.decode(msgspec.json.encode(blog.desk.known), type=dict[str, Known])
    assert [e for _ in range(10) for e in blog.look()] == []
    assert len(msgspec.json.encode(blog.desk.state.volatile)) < 1500
    learned = [n for n in blog.desk.state.notes if n.reason == "noise-learned"]
    assert sorted(n.detail.split(",")[0] for n in learned) == ["content_html", "content_text"]


# What an editor does at a look, or nothing: (kind, which entry).
DEEDS = st.lists(st.tuples(st.sampled_from(["none", "first", "last", "append", "add"]), st.integers(0, 5)), max_size=8)


@settings(max_examples=60, deadline=None)
@example(noise=token_within, deeds=[("last", 0), ("last", 1)])
@given(noise=st.sampled_from(NOISES), deeds=DEEDS)
def test_once_noise_is_learned_the_events_are_exactly_the_edits(noise: Noise, deeds: list[tuple[str, int]]) -> None:
    blog = Blog(noise)
    blog.learn(8)
    subjects = {e.source_id: e.id for e in fold(blog.desk.events).values()}
    later: list[Event] = []
    for number, (deed, at) in enumerate(deeds):
        body = blog.bodies[f"e{at}"]
        if deed == "first":
            body[0] = f"In all {number} were rescued from the boats, says the mayor."
        elif deed == "last":
            body[-1] = f"At {number} the water fell, and {number + 7} went home again."
        elif deed == "append":
            body.append(f"Update {number}: the bridge is closed to everyone but the crews.")
        elif deed == "add":
            blog.bodies[f"e{20 + number}"] = [f"New report {number} is in.", "Nothing is known of the boats so far."]
        events = blog.look()
        old = [e.subject for e in events if e.subject in subjects.values()]
        assert old == ([subjects[f"e{at}"]] if deed in ("first", "last", "append") else [])
        new = [e for e in events if e.subject not in subjects.values()]
        assert kinds(new).count("entry.created") == (deed == "add")
        later += [e for e in new if e.type.endswith("updated")]
    assert updates_per_entry(later) <= BOUND
