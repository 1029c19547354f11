"""A place in entries that changes at nearly every look is learned and left out; what people change comes through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deltawire.differ import learning
from deltawire.differ.state import FeedState, Known
from deltawire.events import EntryData, Event
from deltawire.model import Entry, Link, Media
from differ.build import START, Desk, fold, kinds

replace = msgspec.structs.replace

PROMOS = [
    "Support our reporting from as little as five crowns a month.",
    "Sign up for the morning letter and miss nothing.",
    "Listen to the week in rivers, our podcast.",
    "Read on: the ferry that never sailed.",
    "Tickets for our summer walk are on sale.",
]
BOUND = 2
"""False updates of an entry before a place is learned (docs/freshness.md)."""

Body = list[str]
Noise = Callable[[str, Body, Random], Body]


def wordy(rng: Random) -> str:
    stems = ("riv", "mil", "boa", "tow", "qua", "sto", "fer", "gau", "orc", "tun")
    ends = ("en", "ar", "ill", "oma", "est", "ine", "ock", "uda", "ey", "ath")
    return " ".join(f"{rng.choice(stems)}{rng.choice(ends)}" for _ in range(6)).capitalize() + "."


def promo_below(_: str, body: Body, rng: Random) -> Body:
    return [*body, rng.choice(PROMOS)]


def promo_above(_: str, body: Body, rng: Random) -> Body:
    return [rng.choice(PROMOS), *body]


def never_twice(_: str, body: Body, rng: Random) -> Body:
    return [*body, wordy(rng)]


def sentence_within(_: str, body: Body, rng: Random) -> Body:
    return [*body[:-1], f"{body[-1]} {wordy(rng)}"]


def token_within(_: str, body: Body, rng: Random) -> Body:
    return [*body[:-1], f"{body[-1]} ref {rng.getrandbits(40):010x}a1"]


def related_box(_: str, body: Body, rng: Random) -> Body:
    return [*body, *rng.sample(PROMOS, 3)]


NOISES = (promo_below, promo_above, never_twice, sentence_within, token_within, related_box)


def told(name: str, body: Sequence[str], minute: int, **fields: object) -> Entry:
    return Entry(
        source_id=name,
        content_text="\n".join(body),
        content_html="".join(f"<p>{line}</p>" for line in body),
        published_at=START + timedelta(minutes=minute),
        published_precision="exact",
        **fields,  # type: ignore[arg-type]
    )


class Blog:
    """Entries by name, newest first, shown with ``noise`` in each."""

    def __init__(self, noise: Noise, count: int = 6) -> None:
        self.noise = noise
        self.desk = Desk()
        self.bodies = {
            f"e{n}": [f"Report {n} begins with the boats.", f"Then {n + 3} volunteers came to the harbour of {n}."]
            for n in range(count)
        }
        self.looks = 0

    def entry(self, name: str) -> Entry:
        rng = Random(f"{self.looks}/{name}")
        return told(name, self.noise(name, self.bodies[name], rng), int(name[1:]))

    def look(self) -> list[Event]:
        self.looks += 1
        shown = [self.entry(name) for name in sorted(self.bodies, key=lambda n: -int(n[1:]))]
        return [e for e in self.desk.show(*shown) if isinstance(e.data, EntryData)]

    def learn(self, looks: int = 12) -> list[Event]:
        self.look()
        return [event for _ in range(looks) for event in self.look()]


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


def test_tokens_in_the_addresses_of_pictures_are_noise_and_another_picture_is_not() -> None:
    desk = Desk()
    names = {f"e{n}": f"boat-{n}" for n in range(5)}

    def look(n: int) -> list[Event]:
        shown = []
        for name, picture in names.items():
            token = f"{Random(f'{n}/{name}').getrandbits(48):012x}a1"
            url = f"https://cdn.example/img/{token}/{picture}.jpg"
            entry = told(name, [f"Report {name}."], int(name[1:]), media=(Media(url=url),))
            html = f'{entry.content_html}<img src="{url}">'
            shown.append(replace(entry, content_html=html, links=(Link(url=f"https://a.test/{token}/{name}"),)))
        return desk.show(*reversed(shown))

    events = [look(n) for n in range(10)]
    assert [len(some) for some in events[1:]] == [5, 5, *[0] * 7]
    names["e7"] = "boat-7"
    assert [len(look(n)) for n in range(10, 14)] == [1, 0, 0, 0]
    names["e3"] = "tower-3"
    assert [len(look(n)) for n in range(14, 17)] == [1, 0, 0]


def pictured(n: int, name: str, body: Body) -> Entry:
    """An entry with a picture whose address holds a token of look ``n``; its text is without it."""
    url = f"https://cdn.example/{Random(f'{n}/{name}').getrandbits(48):012x}a1/boat.jpg"
    entry = told(name, body, int(name[1:]), media=(Media(url=url),))
    return replace(entry, content_html=f'{entry.content_html}<img src="{url}">')


def test_an_earlier_text_with_another_token_in_its_markup_is_an_older_copy() -> None:
    desk = Desk()
    bodies = {f"e{n}": [f"Report {n}."] for n in range(5)}

    def look(n: int) -> list[Event]:
        return desk.show(*(pictured(n, name, body) for name, body in reversed(bodies.items())))

    for n in range(6):
        look(n)
    bodies["e3"] = ["The bridge is closed."]
    (event,) = look(6)
    assert isinstance(event.data, EntryData)
    assert {change.field for change in event.data.changes} == {"content_text", "content_html"}
    bodies["e3"] = ["Report 3."]
    assert [look(n) for n in (7, 8)] == [[], []]
    assert "reversal-pending" in desk.reasons()
    assert kinds(look(9)) == ["entry.updated"]


def test_text_and_markup_of_an_event_never_show_the_noise_of_different_looks() -> None:
    names = [f"e{n}" for n in range(5)]
    firsts = dict.fromkeys(names, "It begins.")
    desk = Desk()
    for n in range(12):
        promos = {name: Random(f"{n}/{name}").choice(PROMOS) for name in names}
        firsts["e2"] = f"It begins with {n // 2} boats."
        shown = []
        for at, name in enumerate(names):
            # In the text at a place of its own in each entry, which is not learned; in the markup in one that is.
            lines = [firsts[name], *(f"Line {k} of {name}." for k in range(6))]
            entry = told(name, [*lines, promos[name]], at)
            shown.append(replace(entry, content_text="\n".join([*lines[: at + 1], promos[name], *lines[at + 1 :]])))
        desk.show(*reversed(shown))
        for said in fold(desk.events).values():
            assert [p in said.content_text for p in PROMOS] == [p in said.content_html for p in PROMOS]
    assert desk.state is not None
    assert [place.field for place in desk.state.volatile if place.learned] == ["content_html"]


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


def test_a_picture_that_comes_while_the_noise_changes_goes_out_with_the_noise_that_was_said() -> None:
    blog = Blog(related_box)
    for name in ("e0", "e1", "e4"):
        blog.bodies[name].append(f"So much from {name}.")
    blog.learn()
    said = {e.source_id: e for e in fold(blog.desk.events).values()}["e2"].content_text
    picture = "https://cdn.example/quay.jpg"

    def look(*, pictured: bool) -> list[Event]:
        blog.looks += 1
        shown = [blog.entry(name) for name in sorted(blog.bodies, reverse=True)]
        if pictured:
            html = shown[-3].content_html.replace("</p>", f'</p><figure><img src="{picture}"></figure>', 1)
            shown[-3] = replace(shown[-3], content_html=html, media=(Media(url=picture),))
        return blog.desk.show(*shown)

    (event,) = look(pictured=True)
    assert isinstance(event.data, EntryData)
    assert event.data.entry.content_text == said
    assert event.data.entry.content_html.count("<figure>") == 1
    # So the version before it is known under any noise, and an older copy is seen to be one.
    assert [e for _ in range(2) for e in look(pictured=False)] == []
    assert [e for _ in range(5) for e in look(pictured=True)] == []


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
