from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltawire.gateway.cursor import (
    BadCursor,
    Missing,
    PageCursor,
    decode_page,
    decode_positions,
    encode_page,
    encode_positions,
    resume,
)

BAD = [
    "",
    "e30x",
    "%%%",
    "bm90IGpzb24",
    "WzFd",
    "eyJhIjoxfQ",
    "eyIwIjotMX0",
    "eyItMSI6MX0",
    "é",
    "a" * 10_000,
    "eyIwIjoxZTQwMH0",
]


@given(st.dictionaries(st.integers(0, 500), st.integers(0, 2**62)))
def test_positions_survive_the_round_trip(positions: dict[int, int]) -> None:
    token = encode_positions(positions)
    assert decode_positions(token) == positions
    assert token.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("token", BAD)
def test_a_foreign_event_id_is_refused_with_a_sentence(token: str) -> None:
    with pytest.raises(BadCursor, match="is not one of this stream"):
        decode_positions(token)


@given(st.text(max_size=40))
def test_no_text_makes_the_decoders_fail_in_another_way(token: str) -> None:
    for decode in (decode_positions, decode_page):
        with contextlib.suppress(BadCursor):
            decode(token)


@given(st.datetimes(timezones=st.just(UTC)), st.text(max_size=20), st.text(max_size=20))
def test_page_cursors_survive_the_round_trip(at: datetime, entry: str, feed: str) -> None:
    cursor = PageCursor(at=at, entry_id=entry, feed_id=feed)
    assert decode_page(encode_page(cursor)) == cursor


@pytest.mark.parametrize("token", [*BAD, "WyIyMDI1LTExLTI1VDEwOjAwOjAwIiwiYSIsImIiXQ"])
def test_a_foreign_page_cursor_is_refused_with_a_sentence(token: str) -> None:
    with pytest.raises(BadCursor, match="before= takes the cursor of an earlier answer"):
        decode_page(token)


def test_a_kept_position_is_resumed_exactly() -> None:
    assert resume({0: 5, 1: 9}, {0: (2, 7), 1: (0, 9)}) == ({0: 5, 1: 9}, [])


def test_a_position_that_retention_went_past_goes_on_with_the_oldest_and_says_so() -> None:
    assert resume({0: 5}, {0: (8, 20)}) == ({0: 8}, [Missing(partition=0, asked=5, oldest=8)])


def test_a_position_beyond_the_end_is_of_another_log_and_starts_over() -> None:
    assert resume({0: 50}, {0: (3, 20)}) == ({0: 3}, [Missing(partition=0, asked=50, oldest=3)])


def test_a_partition_that_is_new_since_is_read_from_its_beginning() -> None:
    assert resume({0: 5}, {0: (0, 7), 1: (4, 9)}) == ({0: 5, 1: 4}, [])


def test_a_partition_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BadCursor, match="names partition 3"):
        resume({0: 5, 3: 1}, {0: (0, 7)})
