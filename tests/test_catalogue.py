"""The table of checks names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
CHECKS = {*range(33, 49), *range(50, 54), 64}


def test_every_check_has_tests_and_every_test_file_that_is_named_is_there() -> None:
    text = (HERE / "README.md").read_text(encoding="utf-8")
    rows = {int(number): row for number, row in re.findall(r"^\| (\d+) \|(.*)\|$", text, re.MULTILINE)}
    assert rows.keys() == CHECKS
    assert all("/test_" in row for row in rows.values())
    named = {name for row in rows.values() for name in re.findall(r"`([\w/]+\.py)`", row)}
    assert sorted(name for name in named if not (HERE / name).exists() and not (HERE.parent / name).exists()) == []
