"""Noise in markup and addresses: text and markup of an event always tell of the same look."""

from __future__ import annotations

from random import Random

import msgspec

from deltawire.events import EntryData, Event
from deltawire.model import Entry, Link, Media
from differ.build import Desk, fold, kinds
from differ.noisy import PROMOS, Blog, Body, related_box, told

replace = msgspec.structs.replace


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
