from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deltawire.store.port import Store
from deltawire.store.query import MAX_TERMS
from support.samples import entry_event
from support.stores import Engine


@pytest.fixture
async def store(engine: Engine) -> AsyncIterator[Store]:
    opened = await engine.open()
    events = [
        entry_event("created", 1, "e1", text="Smoke over the old harbour, says the fire brigade"),
        entry_event("created", 2, "e2", text="The brigade has put the fire out", title="Harbour reopens"),
        entry_event("created", 3, "e3", text="Ein Café in Zürich; O’Brien doesn’t drink there"),
        entry_event("created", 4, "e1", text="Fire drill", feed="other"),
    ]
    await opened.apply(0, None, 1, events)
    yield opened
    await opened.close()


async def hits(store: Store, query: str, feed: str | None = "harbour") -> list[str]:
    return [hit.entry.id for hit in await store.search(query, feed_id=feed)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("fire brigade", {"e1", "e2"}),
        ('"fire brigade"', {"e1"}),
        ("harb*", {"e1", "e2"}),
        ("harb", set()),
        ('"old harb"*', {"e1"}),
        ("cafe zurich", {"e3"}),
        ("O'Brien", {"e3"}),
        ("FIRE -smoke", {"e1"}),
        ("fire AND NOT", set()),
        ('"fire brig', set()),
        ('"fire brigade', {"e1"}),
        ("title:harbour", set()),
        ("fire AND", set()),
        ("(fire)", {"e1", "e2"}),
    ],
)
async def test_all_words_phrases_and_beginnings_are_found(store: Store, query: str, found: set[str]) -> None:
    assert set(await hits(store, query)) == found


async def test_a_match_in_the_title_comes_first(store: Store) -> None:
    assert await hits(store, "harbour") == ["e2", "e1"]


async def test_a_search_covers_all_feeds_or_one(store: Store) -> None:
    assert sorted(await hits(store, "fire", None)) == ["e1", "e1", "e2"]
    assert await hits(store, "fire", "other") == ["e1"]


async def test_the_index_follows_edits_and_dropped_entries(store: Store, engine: Engine) -> None:
    await store.apply(0, 1, 2, [entry_event("updated", 5, "e1", text="Only haze", revision=2)])
    assert await hits(store, "smoke") == []
    assert await hits(store, "haze") == ["e1"]
    await store.apply(0, 2, 3, [entry_event("created", 1, "e7", text="Rain", epoch="b")])
    assert await hits(store, "haze OR fire") == []
    assert await hits(store, "rain") == ["e7"]
    if engine.name == "sqlite":
        await engine.fetch("INSERT INTO entries_fts (entries_fts, rank) VALUES ('integrity-check', 1)")


@pytest.mark.parametrize("query", ["", "   ", '""', "* - ()", "😀"])
async def test_a_query_without_a_word_is_refused_with_a_sentence(store: Store, query: str) -> None:
    with pytest.raises(ValueError, match="holds no word"):
        await store.search(query)


async def test_a_query_of_too_many_words_is_refused_with_a_sentence(store: Store) -> None:
    assert await hits(store, "fire " * MAX_TERMS) == ["e2", "e1"]
    with pytest.raises(ValueError, match="at most 32"):
        await store.search("fire " * (MAX_TERMS + 1))


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(query=st.text(st.one_of(st.characters(), st.sampled_from("\"*-^:(){}+ ANDORT'\0")), max_size=40))
async def test_no_query_is_ever_a_syntax_error(store: Store, query: str) -> None:
    with contextlib.suppress(ValueError):  # no word, or too many: told in a sentence
        await store.search(query)
