"""What changes at every fetch leads to no event; what people change does, every time."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from deltawire.differ import noise
from deltawire.formats import registry
from deltawire.formats.base import Raw
from deltawire.model import DOUBTFUL, REVERSAL_LOOKS, Entry, Link, Media
from differ.build import Desk, entry, kinds

LOOKS = 6
STAYS = REVERSAL_LOOKS * DOUBTFUL


def with_line(line: str, text: str = "Four were hurt.") -> Entry:
    return Entry(
        source_id="a", content_text=f"{text}\n{line}", content_html=f"<p>{text}</p><p>{line.replace('·', '&#183;')}</p>"
    )


@pytest.mark.parametrize(
    "line",
    [
        "{n},204 views · {n} shares",
        "{n}.2k views",
        "Comments ({n})",
        "{n} people are reading this now",
        "Shares: {n} | Likes: {n}",
        "Last updated: 12:0{n} GMT",
        "Updated on Sun 1 Mar 2026 at 12.0{n} pm",
        "Refreshed 2026-03-01 12:00:0{n}",
    ],
)
def test_a_line_that_only_counts_or_tells_when_it_was_rendered_is_noise_from_the_first_look(line: str) -> None:
    desk = Desk()
    desk.show(with_line(line.format(n=1)))
    for n in range(2, LOOKS):
        assert desk.show(with_line(line.format(n=n))) == []
        assert desk.reasons() == (["noise"] if n == 2 else []), "explained once"
    (event,) = desk.show(with_line(line.format(n=9), "Six were hurt."))
    assert event.significance == "substantive"


@pytest.mark.parametrize(
    "line",
    [
        "{n} people were killed",
        "{n} dead",
        "{n} votes",
        "Death toll: {n}",
        "Updated: {n} people are missing",
        "{n} people are reading the names of the dead",
        "{n},204 views of the sea",
        "Polls close at {n} pm",
        "{n}-2",
    ],
)
def test_a_figure_that_people_write_is_news_at_every_look(line: str) -> None:
    desk = Desk()
    desk.show(with_line(line.format(n=1)))
    for n in range(2, 9):
        assert kinds(desk.show(with_line(line.format(n=n)))) == ["entry.updated"]
        assert desk.again() == []


def test_what_defeats_caches_is_noise_and_another_target_is_not() -> None:
    def shown(token: str, page: str = "7") -> Entry:
        url = f"https://a.test/p?id={page}&cb={token}"
        return entry("a", links=(Link(url=url),), media=(Media(url=f"https://a.test/m?_={token}"),), url=url)

    desk = Desk()
    desk.show(shown("1767261600"))
    for token in ("1767261615000", "0f3a9c1e77", "0.8812734"):
        assert desk.show(shown(token)) == []
    assert kinds(desk.show(shown("1767261600", "8"))) == ["entry.updated"]


def appeal(n: int) -> Entry:
    return entry(f"ad-{n}", f"Support us, reason {n % 3}.")


def posts(count: int = 4) -> list[Entry]:
    return [entry(f"e{n}", minute=n) for n in range(count, 0, -1)]


def test_appeals_without_a_time_that_come_and_go_are_no_entries() -> None:
    desk = Desk()
    for n in range(40):
        first, *rest = posts()
        desk.show(first, appeal(n), *rest)
        if n % 5 == 0:
            desk.show(first, *rest)
    assert kinds(desk.events) == ["feed.started", *["entry.created"] * 4]
    assert any(note.reason == "untimed" for note in desk.state.notes)  # type: ignore[union-attr]


@pytest.mark.parametrize("still", [True, False])
def test_an_entry_without_a_time_that_stays_is_created_in_the_end_and_can_be_edited(still: bool) -> None:
    desk = Desk()
    first, *rest = posts()
    pinned = entry("pinned", "How to get help.")
    desk.show(first, *rest)
    events = [desk.show(first, pinned, *rest)]
    again = (desk.again() if still else desk.show(first, pinned, *rest, title=f"Blog {n}") for n in range(STAYS))
    events += again
    assert [len([e for e in some if "entry" in e.type]) for some in events] == [0] * (STAYS - 1) + [1, 0]
    edited = entry("pinned", "How to get help, and where.")
    assert kinds(desk.show(first, edited, *rest, title=f"Blog {STAYS - 1}"))[-1:] == ["entry.updated"]


def test_in_a_blog_without_times_every_entry_is_one_at_once() -> None:
    desk = Desk()
    desk.show(entry("b"), entry("a"))
    assert kinds(desk.show(entry("c"), entry("b"), entry("a"))) == ["entry.created"]


def test_a_long_line_costs_nothing() -> None:
    assert not noise.is_noise("1 view " * 100_000)
    assert noise.text("1 views " * 10_000)


PAGES = Path(__file__).parents[2].parent / "shared" / "corpus" / "guardian-dcr"


# The nasa page of 2021 is left out: it does not state the authors and labels that the later ones state.
@pytest.mark.parametrize(("blog", "first"), [("nasa_2021-02-19", 1), ("politics_2023-12-13", 0)])
def test_an_ended_blog_that_is_fetched_again_after_years_is_no_entry_event(blog: str, first: int) -> None:
    pages = sorted(PAGES.glob(f"{blog}.fetched-*.json"))[first:]
    if len(pages) < 2:
        pytest.skip(f"{PAGES} is not there")
    desk = Desk()
    for page in pages:
        raw = Raw(body=page.read_bytes(), url="https://blog.test/live", content_type="application/json")
        look = desk.document(())
        for _ in range(REVERSAL_LOOKS + 1):
            desk.look(msgspec.structs.replace(look, **desk.moment(), reading=registry.read(raw), digest=page.name))
    assert {kind for kind in kinds(desk.events) if kind.startswith("entry")} == {"entry.created"}
