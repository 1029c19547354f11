from __future__ import annotations

import pytest

from deltawire.store.query import Term
from deltawire.store.words import DOCUMENT_BYTES, MOST_WORDS, document, expression, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Smoke, over the OLD-harbour!", ["smoke", "over", "the", "old", "harbour"]),
        ("Café in Zürich; O’Brien", ["cafe", "in", "zurich", "o", "brien"]),
        ("snake_case 3.50 £12m", ["snake", "case", "3", "50", "12m"]),
        ("Пожар Ёлка 東京 が", ["пожар", "елка", "東京", "が"]),
        ("' \\ : & | ! <-> * ()", []),
    ],
)
def test_words_are_runs_of_letters_and_digits_without_case_and_accents(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_a_document_has_weighted_positions_with_a_gap_after_the_title() -> None:
    assert document("Fire out", "the fire") == "'fire':1A,5 'out':2A 'the':4"
    assert document(None, "fire") == "'fire':2"


def test_what_postgresql_cannot_hold_of_a_long_text_is_left_out() -> None:
    repeated = document(None, "a " * 100_000)
    assert repeated.count(",") == 254
    long = document(None, " ".join(f"word{n}" for n in range(200_000)))
    assert DOCUMENT_BYTES / 2 < len(long.encode()) < 2 * DOCUMENT_BYTES
    assert document(None, "x" * 5000) == f"'{'x' * 255}':2"


def test_an_expression_holds_only_words_and_its_own_operators() -> None:
    assert expression([Term("Old harb", prefix=True), Term("O'Brien")]) == "('old' <-> 'harb':*) & ('o' <-> 'brien')"
    assert expression([Term("&!")]) == ""
    with pytest.raises(ValueError, match=f"at most {MOST_WORDS}"):
        expression([Term("word " * (MOST_WORDS + 1))])
