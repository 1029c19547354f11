"""A short run of the fuzzer, always the same cases; ``make fuzz`` is the long one."""

from __future__ import annotations

from collections import Counter

from hostile.fuzz import case, fuzz

CASES = 1_500


def test_no_damage_makes_a_reader_fail_or_hang() -> None:
    outcomes: Counter[str] = Counter()
    for found, outcome, frames in fuzz(case(number, own=True) for number in range(CASES)):
        assert frames is None, f"case {found.number}, {found.fixture} as {found.format}:\n{frames}"
        outcomes[outcome] += 1
    # Damage that is always refused, or never, would not be testing the readers.
    assert outcomes["read"] > CASES / 10
    assert len(outcomes) > 4
