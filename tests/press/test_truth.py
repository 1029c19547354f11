"""The comparer accepts a perfect history and finds every kind of damage in it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from random import Random

import pytest

from deltawire.press.chance import Publisher
from deltawire.press.facts import Fact
from deltawire.press.render import FORMATS, FormatName
from deltawire.press.truth import compare
from press.history import Event, events_of

Damage = Callable[[list[Event], Random], None]


async def facts_of(name: FormatName, seed: int, steps: int = 60) -> list[Fact]:
    publisher = Publisher(seed, name)
    for _ in range(steps):
        await publisher.look()
        await publisher.look()
        publisher.step()
    await publisher.look()
    return publisher.facts


def pick(events: list[Event], rng: Random, kind: str = "deltawire.entry.") -> Event:
    return rng.choice([event for event in events if event["type"].startswith(kind)])


def renumber(events: list[Event]) -> None:
    """Give ids and sequences again, as a differ that made the mistake itself would have."""
    for number, event in enumerate(events, start=1):
        event["id"], event["sequence"] = f"f/e1/{number}", f"{number:020d}"


def lost(events: list[Event], rng: Random) -> None:
    events.remove(pick(events[:-1], rng))


def never_made(events: list[Event], rng: Random) -> None:
    lost(events, rng)
    renumber(events)


def delivered_twice(events: list[Event], rng: Random) -> None:
    events.insert(rng.randrange(len(events)), pick(events, rng))


def made_twice(events: list[Event], rng: Random) -> None:
    event = pick(events, rng)
    events.insert(events.index(event) + 1, copy.deepcopy(event))
    renumber(events)


def same_number(events: list[Event], rng: Random) -> None:
    first = pick(events[:-1], rng)
    following = events[events.index(first) + 1]
    following["sequence"] = first["sequence"]


def swapped_delivery(events: list[Event], rng: Random) -> None:
    at = rng.randrange(len(events) - 1)
    events[at], events[at + 1] = events[at + 1], events[at]


def wrong_order_made(events: list[Event], rng: Random) -> None:
    created = [event for event in events if event["type"] == "deltawire.entry.created"]
    last = created[-1 - rng.randrange(3)]
    events.remove(last)
    events.insert(1, last)
    renumber(events)


def wrong_text(events: list[Event], rng: Random) -> None:
    pick(events, rng)["data"]["entry"]["content_text"] += " More."


def last_text_wrong(events: list[Event], rng: Random) -> None:
    gone = {event["subject"] for event in events if event["type"] == "deltawire.entry.removed"}
    standing = [event for event in events[1:] if event["subject"] not in gone]
    subject = rng.choice(standing)["subject"]
    [event for event in standing if event["subject"] == subject][-1]["data"]["entry"]["content_text"] = "Other."


def wrong_diff(events: list[Event], rng: Random) -> None:
    changed = [event for event in events if event["data"].get("changes")]
    rng.choice(changed)["data"]["changes"][0]["diff"].append(["=", " more"])


def wrong_title(events: list[Event], rng: Random) -> None:
    pick(events, rng)["data"]["entry"]["title"] = "Nobody wrote this"


def wrong_author(events: list[Event], rng: Random) -> None:
    pick(events, rng)["data"]["entry"]["authors"] = ["Nobody"]


def wrong_label(events: list[Event], rng: Random) -> None:
    pick(events, rng)["data"]["entry"]["labels"] = ["nonsense"]


def wrong_kind(events: list[Event], rng: Random) -> None:
    pick(events, rng, "deltawire.entry.updated")["type"] = "deltawire.entry.created"


def false_removal(events: list[Event], rng: Random) -> None:
    events.append(copy.deepcopy(pick(events, rng, "deltawire.entry.created")) | {"type": "deltawire.entry.removed"})
    renumber(events)


def restored_as_created(events: list[Event], rng: Random) -> None:
    pick(events, rng, "deltawire.entry.restored")["type"] = "deltawire.entry.created"


def new_identity(events: list[Event], rng: Random) -> None:
    pick(events, rng, "deltawire.entry.updated")["subject"] = "entry-somebody-else"


def unknown_post(events: list[Event], rng: Random) -> None:
    pick(events, rng)["data"]["entry"]["source_id"] = "https://elsewhere.example/1"


DAMAGES: dict[Damage, set[str]] = {
    lost: {"missing", "hole"},
    never_made: {"missing"},
    delivered_twice: {"doubled"},
    made_twice: {"extra"},
    same_number: {"doubled", "hole"},
    swapped_delivery: {"out of order"},
    wrong_order_made: {"out of order"},
    wrong_text: {"wrong"},
    last_text_wrong: {"wrong", "final state"},
    wrong_diff: {"wrong"},
    wrong_title: {"wrong"},
    wrong_author: {"wrong"},
    wrong_label: {"wrong"},
    wrong_kind: {"wrong"},
    false_removal: {"extra", "final state"},
    restored_as_created: {"wrong"},
    new_identity: {"identity"},
    unknown_post: {"identity"},
}


@pytest.mark.parametrize("name", list(FORMATS))
async def test_a_perfect_history_has_no_defect(name: FormatName) -> None:
    facts = await facts_of(name, 1)
    events = events_of(facts)
    report = compare(facts, events, feed="f")
    assert report.defects() == []
    assert report.ok
    assert report.f1 == 1.0
    assert report.seen == len(facts) > 20


async def test_posts_without_ids_are_found_by_their_minute() -> None:
    facts = await facts_of("text", 1, steps=10)
    events = events_of(facts)
    for event in events[1:]:
        event["data"]["entry"]["source_id"] = None
    minutes = {f.post: f.published_at.replace(second=0) for f in facts if f.published_at}
    assert len(set(minutes.values())) == len(minutes)
    assert compare(facts, events).ok


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
async def test_damage_is_found_and_named(damage: Damage, seed: int) -> None:
    facts = await facts_of("rss", seed + 10)
    events = events_of(facts)
    damage(events, Random(seed))
    report = compare(facts, events)
    assert not report.ok
    named = {defect.partition(":")[0] for defect in report.defects()}
    assert named >= DAMAGES[damage], report


async def test_an_entry_of_no_post_is_named() -> None:
    facts = await facts_of("rss", 1)
    events = events_of(facts)
    events[1]["data"]["entry"]["source_id"] = "https://elsewhere.example/1"
    assert "identity: f/e1/2 belongs to no post" in compare(facts, events).defects()


async def test_the_order_of_different_posts_within_one_look_is_free() -> None:
    facts = await facts_of("rss", 1)
    first = [fact for fact in facts if fact.look == 1]
    assert len(first) > 2
    assert compare(facts, events_of([*reversed(first), *facts[len(first) :]])).ok


async def test_only_the_events_of_the_feed_count() -> None:
    facts = await facts_of("rss", 1)
    others = events_of(await facts_of("rss", 2), feed="other")
    assert compare(facts, [*events_of(facts), *others], feed="f").ok
    assert not compare(facts, [*events_of(facts), *others]).ok


async def test_nothing_expected_and_nothing_seen_is_perfect() -> None:
    assert compare([], []).f1 == 1.0
    facts = await facts_of("rss", 1)
    assert compare(facts, []).f1 == 0.0
    assert len(compare(facts, []).missing) == len(facts)


async def test_a_report_reads_as_sentences() -> None:
    facts = await facts_of("rss", 1)
    report = compare(facts, events_of(facts)[:-1])
    assert str(report).startswith(f"{len(facts)} facts, {len(facts) - 1} entry events, F1 0.9")
    assert f"missing: {facts[-1].post} {facts[-1].kind} at look {facts[-1].look}" in str(report)
