"""The word diff."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from deltawire.differ.words import diff

WORDS = ["four", "six", "people", "killed", " ", " ", "\n", ".", ",", "1,200", "3.5", "é", "“"]
texts = st.lists(st.sampled_from(WORDS)).map("".join)


@given(texts | st.text(), texts | st.text())
def test_the_parts_join_to_the_old_and_the_new_text(old: str, new: str) -> None:
    ops = diff(old, new)
    assert "".join(t for op, t in ops if op in "=-") == old
    assert "".join(t for op, t in ops if op in "=+") == new
    assert all(t for _, t in ops)
    assert all(a[0] != b[0] for a, b in itertools.pairwise(ops))


@given(texts)
def test_a_text_does_not_differ_from_itself(text: str) -> None:
    assert diff(text, text) == ((("=", text),) if text else ())


def test_figures_are_words() -> None:
    assert diff("1,200 people", "1,300 people") == (("-", "1,200"), ("+", "1,300"), ("=", " people"))


def test_words_changed_side_by_side_are_one_change() -> None:
    assert diff("the red car left", "the blue bus left") == (
        ("=", "the "),
        ("-", "red car"),
        ("+", "blue bus"),
        ("=", " left"),
    )


def test_a_hopeless_comparison_is_one_replacement() -> None:
    old = " ".join(f"a{n}" for n in range(9000))
    new = " ".join(f"b{n}" for n in range(9000))
    assert [op for op, _ in diff(old, new)] == ["-", "+"]
