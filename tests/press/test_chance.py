from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from deltawire.press.blog import Edit, Post, Restore, Withdraw
from deltawire.press.chance import Publisher
from deltawire.press.facts import Fact, Ledger, fact_from_json, standing, state_of
from deltawire.press.render import FORMATS, FormatName

ALL: list[FormatName] = list(FORMATS)
NOON = datetime(2026, 1, 22, 12, tzinfo=UTC)


async def played(name: FormatName, seed: int, *, window: int | None = None, steps: int = 120) -> Publisher:
    publisher = Publisher(seed, name, window=window)
    for _ in range(steps):
        await publisher.look()
        await publisher.look()
        publisher.step()
    await publisher.look()
    await publisher.look()
    return publisher


def post(name: str, minute: int, text: str = "Text.", label: bool = False) -> Post:
    labels = frozenset({"pinned"} if label else set[str]())
    moment = NOON + timedelta(minutes=minute)
    return Post(id=name, title=None, body=(f"<p>{text}</p>",), author="A", created_at=moment, labels=labels)  # type: ignore[arg-type]


A, B, C = post("a", 1), post("b", 2), post("c", 3)


def facts(*looks: list[Post], name: FormatName = "rss") -> list[tuple[int, str, str]]:
    """The facts of a row of looks, each with what it showed, newest first."""
    ledger = Ledger(name)
    for shown in looks:
        ledger.record(shown)
    return [(fact.look, fact.kind, fact.post) for fact in ledger.facts]


def test_first_sight_creates_oldest_first() -> None:
    assert facts([C, B, A], [C, B, A]) == [(1, "created", "a"), (1, "created", "b"), (1, "created", "c")]


def test_a_removal_needs_two_looks_in_a_row() -> None:
    assert facts([C, B, A], [C, A], [C, B, A], [C, A])[3:] == []
    assert facts([C, B, A], [C, A], [C, A], [C, A])[3:] == [(3, "removed", "b")]


def test_what_comes_back_is_restored_and_not_created() -> None:
    edited = post("b", 2, "Other text.")
    assert facts([C, B, A], [C, A], [C, A], [C, edited, A])[3:] == [(3, "removed", "b"), (4, "restored", "b")]


def test_falling_off_a_window_is_no_removal_but_missing_from_a_full_list_is() -> None:
    assert facts([C, B, A], [C, B], [C, B])[3:] == []
    assert facts([C, B, A], [C, B], [C, B], name="guardian")[3:] == [(3, "removed", "a")]


def test_a_pinned_post_does_not_stretch_the_window() -> None:
    pinned = post("a", 1, label=True)
    assert facts([C, B, pinned], [C, pinned], [C, pinned])[3:] == []
    assert facts([C, B, pinned], [C, pinned], [C, pinned], name="json-ld")[3:] == [(3, "removed", "b")]


def test_what_a_format_cannot_carry_is_no_fact() -> None:
    labelled = post("a", 1, label=True)
    assert facts([A], [labelled], name="json-ld")[1:] == []
    assert facts([A], [labelled], name="text")[1:] == []
    assert facts([A], [labelled])[1:] == [(2, "updated", "a")]


def test_a_link_that_changes_is_an_update_without_a_new_text() -> None:
    ledger = Ledger("rss")
    ledger.record([post("a", 1, '<a href="https://x.example/1">x</a>')])
    ledger.record([post("a", 1, '<a href="https://x.example/2">x</a>')])
    fact = ledger.facts[1]
    assert fact.kind == "updated"
    assert fact.old
    assert fact.new
    assert fact.old.text == fact.new.text


@pytest.mark.parametrize("name", ALL)
async def test_the_same_seed_does_and_serves_the_same(name: FormatName) -> None:
    first, second, other = await played(name, 5), await played(name, 5), await played(name, 6)
    assert first.steps == second.steps != other.steps
    assert first.facts == second.facts
    assert first.draw() == second.draw() != other.draw()


async def test_looks_do_not_change_what_is_done() -> None:
    silent = Publisher(5, "rss", noisy=True)
    for _ in range(120):
        silent.step()
    assert silent.steps == (await played("rss", 5)).steps


@pytest.mark.parametrize("name", ALL)
async def test_hundreds_of_steps_make_facts_of_every_kind_that_fold_to_the_blog(name: FormatName) -> None:
    publisher = await played(name, 1, steps=300)
    kinds = Counter(fact.kind for fact in publisher.facts)
    assert min(kinds[kind] for kind in ("created", "updated", "removed", "restored")) >= 5
    assert standing(publisher.facts) == {shown.id: state_of(shown, name) for shown in publisher.blog.posts}


@pytest.mark.parametrize("seed", range(5))
async def test_in_a_window_only_what_can_be_decided_is_done(seed: int) -> None:
    publisher = Publisher(seed, "rss", window=6, opening=10)
    had: dict[str, set[tuple[str | None, tuple[str, ...]]]] = {}
    for _ in range(200):
        shown = publisher.blog.newest(6)
        for seen in shown:
            had.setdefault(seen.id, set()).add((seen.title, seen.body))
        operation = publisher.step().operation
        after = publisher.blog.newest(6)
        match operation:
            case Withdraw(post=gone):
                below = shown[[p.id for p in shown].index(gone) + 1 :]
                assert any("pinned" not in p.labels for p in below)
            case Restore(post=back):
                assert back in {p.id for p in after}
            case Edit(post=edited):
                now = publisher.blog.post(edited)
                assert edited in {p.id for p in shown}
                assert (now.title, now.body) not in had[edited]


async def test_every_removal_in_a_window_is_a_withdrawal() -> None:
    publisher = await played("atom", 2, window=5, steps=200)
    withdrawn = [s.operation.post for s in publisher.steps if isinstance(s.operation, Withdraw)]
    assert [fact.post for fact in publisher.facts if fact.kind == "removed"] == withdrawn
    assert len(withdrawn) > 10


async def test_a_noisy_publisher_serves_other_bytes_at_each_look_and_the_same_facts() -> None:
    publisher = Publisher(1, "json-ld", noisy=True)
    bodies = set()
    for _ in range(5):
        bodies.add(publisher.draw())
        await publisher.look()
    assert len(bodies) == 5
    assert {fact.look for fact in publisher.facts} == {1}
    assert publisher.draw() == publisher.draw()


async def test_an_advance_waits_until_the_state_has_been_looked_at() -> None:
    publisher = Publisher(1, "rss")
    advance = asyncio.create_task(publisher.advance(looks=2))
    await publisher.look()
    await asyncio.sleep(0)
    assert publisher.steps == []
    await publisher.look()
    await asyncio.wait_for(advance, 60)
    assert (len(publisher.steps), publisher.looks, publisher.total_looks) == (1, 0, 2)


async def test_facts_survive_json() -> None:
    publisher = await played("guardian", 3)
    assert [fact_from_json(fact.as_json()) for fact in publisher.facts] == publisher.facts
    assert all(isinstance(fact, Fact) for fact in publisher.facts)


@pytest.mark.parametrize(("window", "opening"), [(0, 6), (None, 0)])
def test_a_publisher_with_nothing_to_show_is_refused(window: int | None, opening: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Publisher(1, "rss", window=window, opening=opening)


def test_a_window_on_a_format_that_shows_everything_is_refused() -> None:
    with pytest.raises(ValueError, match="'guardian' shows every post"):
        Publisher(1, "guardian", window=5)
