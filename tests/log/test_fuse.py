"""The fuse against its definition, on any sequence of records cut into any batches."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltawire.config import DeadLettersConfig
from deltawire.log import fuse as fuses
from deltawire.log.fuse import WINDOW, Fuse, FuseBlown

BAD = "ValueError at offset 7"

# Stretches rather than single records: a limit of hundreds is reached and left in few draws.
histories = st.lists(st.tuples(st.booleans(), st.integers(1, 140)), max_size=25).map(
    lambda stretches: [bad for bad, length in stretches for _ in range(length)]
)
limits_drawn = st.builds(DeadLettersConfig, max_consecutive=st.integers(0, 300), max_ratio=st.floats(0, 1))


def blows_at(history: Sequence[bool], limits: DeadLettersConfig) -> int | None:
    """The first record at which a limit is exceeded, straight from the definition."""
    for end in range(1, len(history) + 1):
        row = 0
        while row < end and history[end - 1 - row]:
            row += 1
        skipped = sum(history[max(0, end - WINDOW) : end])
        if row > limits.max_consecutive or (history[end - 1] and skipped > limits.max_ratio * WINDOW):
            return end - 1
    return None


def outcomes(history: Sequence[bool]) -> list[str | None]:
    return [BAD if bad else None for bad in history]


@given(histories, limits_drawn, st.integers(1, 700))
def test_it_blows_at_the_first_record_over_a_limit_and_never_else(
    history: list[bool], limits: DeadLettersConfig, batch: int
) -> None:
    fuse = Fuse(limits=limits, where="topic partition 0")
    expected = blows_at(history, limits)
    for start in range(0, len(history), batch):
        part = outcomes(history[start : start + batch])
        if expected is not None and expected < start + batch:
            with pytest.raises(FuseBlown):
                fuse.after(part)
            return
        fuse = fuse.after(part)
    assert expected is None


@given(histories, st.lists(st.integers(1, 300), max_size=20))
def test_how_the_records_are_cut_into_batches_is_all_the_same(history: list[bool], cuts: list[int]) -> None:
    unlimited = Fuse(limits=DeadLettersConfig(max_consecutive=10_000, max_ratio=1), where="topic partition 0")
    whole = unlimited.after(outcomes(history))
    fuse = unlimited
    rest = list(history)
    for cut in cuts:
        fuse = fuse.after(outcomes(rest[:cut]))
        rest = rest[cut:]
    assert fuse.after(outcomes(rest)) == whole
    assert unlimited.recent == ()


def test_the_sentence_says_where_how_many_why_and_the_mend() -> None:
    fuse = Fuse(limits=DeadLettersConfig(max_consecutive=2), where="deltawire.observations.v1 partition 3")
    with pytest.raises(FuseBlown) as blown:
        fuse.after([None, BAD, BAD, BAD])
    assert str(blown.value) == (
        "deltawire.observations.v1 partition 3: 3 records in a row could not be processed (the last: ValueError at "
        "offset 7); stopped before them, so that they are not all skipped: run the version of deltawire that wrote "
        "them, or raise dead_letters.max_consecutive"
    )


def test_the_documented_defaults_hold() -> None:
    fuse = Fuse(limits=fuses.DEFAULT_LIMITS, where="topic partition 0")
    fuse.after([BAD] * 50)
    with pytest.raises(FuseBlown, match="51 records in a row"):
        fuse.after([BAD] * 51)
    fuse.after([BAD, None] * 100)
    with pytest.raises(FuseBlown, match="101 of the last 500 records"):
        fuse.after([BAD, None] * 101)
