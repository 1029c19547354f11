"""Source ids that are none: what gives them away, and that entries keep their own through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from zlib import crc32

import msgspec
import pytest

from deltawire.differ.state import FeedState, Known
from deltawire.events import Event
from deltawire.model import Entry
from differ.build import START, Desk, fold, kinds

replace = msgspec.structs.replace

TEXTS = [
    "Four people were rescued from the roof of the mill at Kestrel Point.",
    "The market square is under water and the trams have stopped.",
    "Council to debate sandbag supplies tonight, says Ines Calloway.",
    "Trains between Brackwater and Lower Fenwick are running again.",
    "Dr Aoife Rennick: the gauge has risen by thirty centimetres since noon.",
    "Volunteers have filled two thousand sandbags in the school yard.",
]
Naming = Callable[[int, int, Entry], str | None]
"""(place in the document, number of the look, entry) to the id under which it is shown."""


def post(number: int, text: str | None = None, *, second: int = 7, precision: str = "exact") -> Entry:
    text = text or TEXTS[number]
    return msgspec.convert(
        {
            "content_text": text,
            "content_html": f"<p>{text}</p>",
            "source_id": str(number),
            "published_at": START + timedelta(minutes=number, seconds=second),
            "published_precision": precision,
        },
        Entry,
    )


class Source:
    """A source that names its entries as ``naming`` says; between looks the differ keeps its stored memory only."""

    def __init__(self, naming: Naming) -> None:
        self.naming = naming
        self.desk = Desk()
        self.number = 0

    def show(self, *entries: Entry, **options: object) -> list[Event]:
        self.number += 1
        named = [replace(e, source_id=self.naming(n, self.number, e)) for n, e in enumerate(entries)]
        named = [replace(e, url=e.source_id and f"https://blog.test/#{e.source_id}") for e in named]
        if self.desk.state is not None:
            self.desk.state = msgspec.json.decode(msgspec.json.encode(self.desk.state), type=FeedState)
            self.desk.known = msgspec.json.decode(msgspec.json.encode(self.desk.known), type=dict[str, Known])
        return self.desk.show(*named, **options)

    def settle(self, *entries: Entry) -> list[str]:
        """What follows from that document, looked at as often as it takes."""
        return kinds([event for _ in range(6) for event in self.show(*entries)])


NAMINGS: dict[str, Naming] = {
    "native": lambda place, look, entry: entry.source_id,
    "none": lambda place, look, entry: None,
    "counted from the top": lambda place, look, entry: f"post{place + 1}",
    "changed with each edit": lambda place, look, entry: f"{crc32(entry.content_text.encode()):x}",
    "changed at each look": lambda place, look, entry: f"{look}x{entry.source_id}",
    "with the sort order": lambda place, look, entry: f"urn:{entry.source_id}__{1000.5 + look - place}",
    "one for everything": lambda place, look, entry: "https://blog.test/",
}


@pytest.mark.parametrize("naming", NAMINGS)
def test_however_a_source_names_its_entries_they_are_the_same(naming: str) -> None:
    source = Source(NAMINGS[naming])
    a, b, c, d, e, f = (post(n) for n in range(6))
    assert kinds(source.show(c, b, a)) == ["feed.started", *["entry.created"] * 3]
    assert kinds(source.show(d, c, b, a)) == ["entry.created"]
    assert source.show(d, c, b, a) == []
    b2 = post(1, TEXTS[1] + " Buses replace them.")
    assert kinds(source.show(d, c, b2, a)) == ["entry.updated"]
    c2 = post(2, TEXTS[2].replace("tonight", "tomorrow"))
    assert kinds(source.show(f, e, d, c2, b2, a)) == ["entry.updated", "entry.created", "entry.created"]
    assert source.settle(f, e, c2, b2, a) == ["entry.removed"]
    assert source.settle(f, e, d, c2, b2, a) == ["entry.restored"]
    a2 = post(0, TEXTS[0].replace("Four", "Six"))
    assert kinds(source.show(f, e, d, c2, b2, a2)) == ["entry.updated"]
    assert len(fold(source.desk.events)) == 6
    assert len(source.desk.known) == 6


@pytest.mark.parametrize("naming", NAMINGS)
def test_in_a_window_too(naming: str) -> None:
    source = Source(NAMINGS[naming])
    posts = [post(n) for n in range(6)][::-1]
    source.show(*posts[2:5], coverage="window")
    assert kinds(source.show(*posts[1:4], coverage="window")) == ["entry.created"]
    assert kinds(source.show(*posts[0:3], coverage="window")) == ["entry.created"]
    assert source.show(*posts[0:5], coverage="window") == []
    edited = post(2, TEXTS[2].replace("tonight", "tomorrow"))
    assert source.show(*posts[0:3], coverage="window") == []
    assert kinds(source.show(*posts[0:3], edited, coverage="window")) == ["entry.updated"]
    assert len(source.desk.known) == 5


@pytest.mark.parametrize(
    ("naming", "reason"),
    [
        ("native", []),
        ("none", []),
        ("counted from the top", ["positional-ids"]),
        ("changed with each edit", ["unstable-ids"]),
        ("changed at each look", ["unstable-ids"]),
        ("with the sort order", ["unstable-ids"]),
        ("one for everything", ["repeated-id"]),
    ],
)
def test_what_was_learned_is_told_once(naming: str, reason: Sequence[str]) -> None:
    source = Source(NAMINGS[naming])
    a, b, c, d = (post(n) for n in range(4))
    source.show(c, b, a)
    for _ in range(3):
        source.show(d, c, post(1, TEXTS[1] + " Buses replace them."), a)
        source.show(d, c, post(1, TEXTS[1] + " Buses do not replace them."), a)
    assert source.desk.state is not None
    told = [n.reason for n in source.desk.state.notes if n.reason.endswith(("-ids", "-id"))]
    assert told == reason


def test_numbers_from_the_bottom_are_found_out_when_they_go_to_other_entries() -> None:
    source = Source(lambda place, look, entry: f"n{100 - place}")
    a, b, c, d = (post(n) for n in range(4))
    source.show(c, b, a)
    assert kinds(source.show(d, c, b, a)) == ["entry.created"]
    assert source.desk.reasons() == ["positional-ids"]


def test_counters_do_not_hide_that_ids_go_to_other_entries() -> None:
    source = Source(lambda place, look, entry: f"n{100 + place}")
    shown = [post(n) for n in (3, 2, 1, 0)]

    def counted(views: int) -> list[Entry]:
        return [replace(e, content_text=f"{e.content_text}\n{views} views") for e in shown]

    source.show(*counted(10))
    del shown[1]
    assert [kinds(source.show(*counted(20 + look))) for look in range(2)] == [[], ["entry.removed"]]


def test_of_an_id_with_a_changing_tail_the_rest_identifies_even_what_was_rewritten() -> None:
    source = Source(NAMINGS["with the sort order"])
    a, b, c = (replace(post(n), published_at=None, published_precision="unknown") for n in range(3))
    source.show(c, b, a)
    assert source.show(c, b, a) == []
    rewritten = replace(b, content_text="Nothing of it is left", content_html="<p>Nothing of it is left</p>")
    assert kinds(source.show(c, rewritten, a)) == ["entry.updated"]
    assert source.desk.state is not None
    assert source.desk.state.ids.stem == "__"


def test_a_source_that_kept_its_ids_through_edits_is_not_second_guessed() -> None:
    """Withdrawn, and another one published in the same minute that reads almost alike."""
    desk = Desk()
    coarse = [post(n, second=0, precision="minute") for n in range(3)]
    a, b, c = coarse
    desk.show(c, b, a)
    for text in (" Buses replace them.", " Boats replace them.", " Nothing does."):
        b2 = replace(b, content_text=b.content_text + text)
        assert kinds(desk.show(c, b2, a)) == ["entry.updated"]
    twin = replace(c, source_id="other", content_text=c.content_text.replace("Calloway", "Ferreby"))
    assert kinds(desk.show(twin, b2, a)) == ["entry.created"]
    assert kinds(desk.again()) == ["entry.removed"]


def test_counters_in_the_text_do_not_prove_ids() -> None:
    desk = Desk()
    a, b = (replace(post(n, second=0, precision="minute"), title="Live") for n in range(2))
    for views in range(6):
        desk.show(b, replace(a, content_text=f"{a.content_text} {views} views"))
    assert desk.state is not None
    assert desk.state.ids.kept == 0


def test_of_a_source_that_proved_nothing_yet_the_likeness_at_one_time_counts() -> None:
    desk = Desk()
    a, b, c = (post(n) for n in range(3))
    desk.show(c, b, a)
    edited = replace(c, source_id="other", content_text=c.content_text.replace("tonight", "tomorrow"))
    assert kinds(desk.show(edited, b, a)) == ["entry.updated"]


def test_a_slug_that_follows_the_title_changes_the_id_and_nothing_else() -> None:
    source = Source(lambda place, look, entry: (entry.title or "").lower().replace(" ", "-"))
    a, b = (replace(post(n), title=f"Title {n}") for n in range(2))
    source.show(b, a)
    assert kinds(source.show(b, replace(a, content_text=a.content_text + " More soon."))) == ["entry.updated"]
    renamed = replace(b, title="Quite another headline")
    (event,) = source.show(renamed, replace(a, content_text=a.content_text + " More soon."))
    assert kinds([event]) == ["entry.updated"]
    assert "title" in [c.field for c in event.data.changes]


def test_an_address_that_follows_the_id_is_no_edit() -> None:
    source = Source(NAMINGS["with the sort order"])
    a, b, c = (post(n) for n in range(3))
    source.show(c, b, a)
    for _ in range(3):
        assert source.show(c, b, a) == []
        assert source.show(c, a, b) == []


def test_an_earlier_version_is_recognised_wherever_its_address_counts_it_now() -> None:
    source = Source(NAMINGS["counted from the top"])
    a, b, c = (post(n) for n in range(3))
    pinned = replace(a, labels=("pinned",))
    source.show(c, b, pinned)
    source.settle(c, b, a)
    assert source.show(c, pinned, b) == []
    assert source.desk.reasons()[0] == "reversal-pending"
