"""Which entry is which."""

from __future__ import annotations

from random import Random

import pytest

from deltawire.differ import assignment, identity, pairs
from deltawire.differ.identity import match, new_id
from deltawire.differ.likeness import COMPARED, Sketches
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


def test_a_source_that_gives_an_id_to_several_entries_may_give_it_to_another_while_nobody_looks() -> None:
    old = entry("p2", "The river lighthouse is dark tonight.", minute=4)
    memory = known(old)
    handed_on = entry("p2", "Sandbags for the school.", minute=5)
    pair = [entry("p3", "Six boats are out.", minute=7), entry("p3", "The market is closed.", minute=6)]
    assert ids(memory, handed_on) == list(memory)
    assert ids(memory, *pair, handed_on)[-1] not in memory
    edited = entry("p2", "The river lighthouse is dark tonight again.", minute=5)
    assert ids(memory, *pair, edited)[-1] in memory


def test_long_texts_without_ids_are_compared_within_a_bound() -> None:
    words = [f"word{n} " for n in range(2000)]
    before = [entry("x", "".join(words[n:] + words[:n]), minute=0, source_id=None) for n in range(200)]
    after = [entry("x", e.content_text.replace("word7 ", "seven "), minute=0, source_id=None) for e in before]
    assert len(set(ids(known(*before), *after))) == 200


def crowd(count: int, *, minute: int | None, changed: str = "") -> list[Entry]:
    """Entries without ids of one time, each with a text of its own; with ``changed`` none is as it was."""
    vocabulary = [f"w{n}" for n in range(40)]
    made = []
    for number in range(count):
        rng = Random(number)
        text = " ".join(rng.choice(vocabulary) for _ in range(400))
        made.append(entry(str(number), f"{number} {text} {changed}", minute=minute, source_id=None))
    return made


@pytest.mark.parametrize("minute", [None, 7])
@pytest.mark.parametrize("count", [150, 600])
def test_the_work_for_one_document_is_bounded_whatever_it_holds(
    minute: int | None, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "PAIRS_LIMIT", 10_000)
    monkeypatch.setattr(assignment, "STEPS_LIMIT", 200_000)
    memory = known(*crowd(count, minute=minute))
    shown = crowd(count, minute=minute, changed="changed")[::-1]
    found = match(memory, shown, order=tuple(memory))
    assert 0 < found.pairs <= 10_000
    assert found.steps <= 200_000
    assert len({e.id for e in found.entries}) == count


def test_beyond_the_bound_entries_of_one_time_are_sought_near_their_old_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "PAIRS_LIMIT", 4_000)
    memory = known(*crowd(300, minute=7))
    found = match(memory, crowd(300, minute=7, changed="changed"), order=tuple(memory))
    assert [e.id for e in found.entries] == list(memory)
    assert found.pairs <= 4_000


def test_thousands_of_entries_that_are_all_alike_get_their_ids_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = 0
    digest = identity._digest

    def counted(basis: str) -> str:
        nonlocal digests
        digests += 1
        return digest(basis)

    monkeypatch.setattr(identity, "_digest", counted)
    alike = [entry("a", "Goal!", source_id=None)] * 3000
    memory = known(*alike)
    assert len(memory) == 3000
    assert digests <= 2 * 3000
    assert sorted(ids(memory, *alike)) == sorted(memory)


def test_of_a_long_text_only_the_beginning_is_compared() -> None:
    long = entry("a", "word " * 50_000)
    assert len(Sketches().of(long).code) == COMPARED


def test_near_twins_of_one_minute_stay_apart() -> None:
    x, y, z = (entry(p, f"Six killed in strike on {p}.", minute=4, source_id=None) for p in ("Xanten", "Ypern", "Zell"))
    memory = known(x)
    (first,) = memory
    assert ids(memory, y, x)[1] == first
    assert ids(memory, y, x)[0] != first
    memory = known(y, x)
    newer, older = memory
    edited = entry("x", "Seven killed in strike on Xanten, officials say.", minute=4, source_id=None)
    assert ids(memory, z, y, edited)[1:] == [newer, older]
    assert ids(memory, edited, y) == [older, newer]


def test_the_assignment_is_over_all_and_not_the_best_pair_first() -> None:
    a = entry("a", "Trains stopped at Kestrel Point until noon, the company says.", minute=3, source_id=None)
    b = entry(
        "b", "Trains stopped at Kestrel Point until noon, the company says, and ferries.", minute=3, source_id=None
    )
    memory = known(b, a)
    newer, older = memory
    b2 = entry(
        "b", "Trains and ferries stopped at Kestrel Point until noon, it says, and buses.", minute=3, source_id=None
    )
    a2 = entry("a", "Trains stopped at Kestrel Point until noon, the company says, and", minute=3, source_id=None)
    assert ids(memory, b2, a2) == [newer, older]


def test_a_post_that_was_split_goes_on_and_the_part_taken_out_is_new() -> None:
    first, second = "Four people were rescued from the mill roof.", "The market square is under water this morning."
    memory = known(entry("a", f"{first} {second}", minute=1, source_id=None))
    (before,) = memory
    rest, part = entry("a", first, minute=1, source_id=None), entry("b", second, minute=6, source_id=None)
    assert ids(memory, part, rest)[1] == before
    assert ids(memory, part, rest)[0] != before


def test_of_two_posts_that_were_merged_one_goes_on() -> None:
    first, second = "Four people were rescued from the mill roof.", "The market square is under water this morning."
    memory = known(entry("b", second, minute=6, source_id=None), entry("a", first, minute=1, source_id=None))
    assert ids(memory, entry("a", f"{first} {second}", minute=1, source_id=None)) == [list(memory)[1]]


def test_a_total_rewrite_at_the_same_time_and_place_is_an_edit() -> None:
    above, a, below = (
        entry("above", "Trams are back on both lines.", minute=9, source_id=None),
        entry("a", "Four people were rescued from the roof.", minute=5, source_id=None),
        entry("below", "The market square is under water.", minute=1, source_id=None),
    )
    memory = known(above, a, below)
    rewritten = entry("a", "We got this one wrong, and apologise.", minute=5, source_id=None)
    found = match(memory, (above, rewritten, below), order=tuple(memory))
    assert [e.id for e in found.entries] == list(memory)
