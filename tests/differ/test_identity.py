"""Which entry is which."""

from __future__ import annotations

from deltawire.differ.identity import match, new_id
from deltawire.differ.state import Known
from deltawire.model import Entry
from differ.build import entry


def known(*entries: Entry) -> dict[str, Known]:
    named = match({}, entries).entries
    return {e.id: Known(entry=e, revision=1) for e in named}


def ids(memory: dict[str, Known], *entries: Entry) -> list[str]:
    return [e.id for e in match(memory, entries).entries]


def test_a_native_id_decides_alone() -> None:
    memory = known(entry("a", "Old text.", minute=1))
    assert ids(memory, entry("a", "Nothing in common", minute=50)) == list(memory)


def test_without_an_id_an_edit_at_the_same_time_is_the_same_entry() -> None:
    a = entry("a", "Four people were rescued from the roof.", minute=1, source_id=None)
    b = entry("b", "The market square is under water.", minute=1, source_id=None)
    memory = known(b, a)
    edited = entry("a", "Six people were rescued from the roof, police say.", minute=1, source_id=None)
    assert ids(memory, b, edited) == list(memory)


def test_without_an_id_another_text_is_another_entry() -> None:
    memory = known(entry("a", "Four people were rescued from the roof.", minute=1, source_id=None))
    other = entry("b", "Council to debate parking fees tonight.", minute=9, source_id=None)
    assert ids(memory, other)[0] not in memory


def test_a_moved_time_keeps_the_entry_whose_text_is_the_same() -> None:
    memory = known(entry("a", "Trains are back.", minute=1, source_id=None))
    assert ids(memory, entry("a", "Trains are back.", minute=3, source_id=None)) == list(memory)


def test_twins_in_one_document_get_two_ids_and_keep_them() -> None:
    twins = [entry("a", "Goal!", minute=5, source_id=None), entry("a", "Goal!", minute=5, source_id=None)]
    memory = known(*twins)
    assert len(memory) == 2
    assert sorted(ids(memory, *twins)) == sorted(memory)


def test_a_source_id_on_several_entries_is_no_identity() -> None:
    a = entry("page", "Four people were rescued from the roof.", minute=1)
    b = entry("page", "The market square is under water.", minute=2)
    memory = known(b, a)
    assert len(memory) == 2
    assert ids(memory, a, b) == [*memory][::-1]
    assert [reason for reason, _ in match({}, (a, b)).notes] == ["repeated-id"]


def test_an_id_is_the_same_wherever_the_entry_is_first_seen() -> None:
    assert new_id(entry("a", "One.")) == new_id(entry("a", "Two."))
    assert new_id(entry("a")) != new_id(entry("b"))


def test_a_source_id_that_several_known_entries_have_decides_nothing() -> None:
    a = entry("page", "Four people were rescued from the roof.", minute=1)
    b = entry("page", "The market square is under water.", minute=2)
    memory = known(b, a)
    (newer, older) = memory
    assert ids(memory, a) == [older]
    assert ids(memory, b) == [newer]


def test_long_texts_without_ids_are_compared_within_a_bound() -> None:
    words = [f"word{n} " for n in range(2000)]
    before = [entry("x", "".join(words[n:] + words[:n]), minute=0, source_id=None) for n in range(200)]
    after = [entry("x", e.content_text.replace("word7 ", "seven "), minute=0, source_id=None) for e in before]
    assert len(set(ids(known(*before), *after))) == 200
