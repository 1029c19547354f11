"""The word diff."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from deltawire.differ.words import diff, same_ends, tokens

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


@given(texts, texts, texts, texts)
def test_what_is_cut_off_as_the_same_is_the_same_and_made_of_whole_tokens(
    head: str, old: str, new: str, tail: str
) -> None:
    old, new = head + old + tail, head + new + tail
    start, end = same_ends(old, new)
    assert start + end <= min(len(old), len(new))
    assert old[:start] == new[:start]
    assert old[len(old) - end :] == new[len(new) - end :]
    for text in (old, new):
        parts = (text[:start], text[start : len(text) - end], text[len(text) - end :])
        assert [token for part in parts for token in tokens(part)] == tokens(text)


def test_of_a_long_text_only_what_changed_is_taken_apart() -> None:
    before, after = "word " * 1000, " more" * 1000
    start, end = same_ends(f"{before}red{after}", f"{before}blue{after}")
    assert (start, end) == (len(before) - 1, len(after) - len(" more"))


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
