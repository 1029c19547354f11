"""The best assignment as a whole, not the best pair first."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deltawire.differ import assignment
from deltawire.differ.assignment import assign

Gains = dict[tuple[int, str], float]


def total(gains: Gains, chosen: dict[int, str]) -> float:
    return sum(gains[pair] for pair in chosen.items())


def best(gains: Gains) -> float:
    """By trying everything: each row gets one of the columns or none."""
    rows = sorted({row for row, _ in gains})
    columns: list[str | None] = [*sorted({column for _, column in gains}), *[None] * len(rows)]
    return max(
        sum(gains.get((row, column), 0.0) for row, column in zip(rows, order, strict=False) if column is not None)
        for order in permutations(columns, len(rows))
    )


def test_the_greatest_gain_may_leave_the_best_pair_apart() -> None:
    gains = {(1, "a"): 0.9, (1, "b"): 0.8, (2, "a"): 0.8}
    assert assign(gains)[0] == {1: "b", 2: "a"}


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.tuples(st.integers(0, 3), st.sampled_from("abcd")), st.integers(1, 9).map(float), max_size=12)
)
def test_no_assignment_is_worth_more(gains: Gains) -> None:
    chosen, _ = assign(gains)
    assert len(set(chosen.values())) == len(chosen)
    assert total(gains, chosen) == pytest.approx(best(gains) if gains else 0)


def test_beyond_the_bound_the_greatest_gain_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignment, "STEPS_LIMIT", 10)
    gains = {(1, "a"): 0.9, (1, "b"): 0.8, (2, "a"): 0.8, (3, "c"): 0.1}
    chosen, steps = assign(gains)
    assert (chosen, steps) == ({1: "a", 3: "c"}, 0)


def test_however_many_alike_the_steps_are_bounded() -> None:
    gains = {(row, str(column)): 1.0 for row in range(210) for column in range(210)}
    chosen, steps = assign(gains)
    assert len(chosen) == 210
    assert steps <= assignment.STEPS_LIMIT
