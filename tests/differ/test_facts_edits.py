"""The edits of edits.toml, each under its rule."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from deltawire.differ.compare import changes
from deltawire.differ.facts import CLASSES, Finding, judge
from deltawire.differ.names import Vocabulary
from deltawire.differ.state import Known
from differ.build import entry

GROUPS: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "edits.toml").read_text())["group"]
EDITS = [(group, old, new) for group in GROUPS for old, new in group["edits"]]


def _judged(group: dict[str, Any], old: str, new: str) -> Finding:
    texts = {"a": old} | {f"other-{n}": text for n, text in enumerate(group.get("elsewhere", ()))}
    known = {name: Known(entry=entry(name, text), revision=1) for name, text in texts.items()}
    return judge(changes(entry("a", old), entry("a", new)), Vocabulary(known), "a")


@pytest.mark.parametrize(("group", "old", "new"), EDITS, ids=[f"{old} > {new}" for _, old, new in EDITS])
def test_an_edit_falls_under_its_rule(group: dict[str, Any], old: str, new: str) -> None:
    expected = Finding(CLASSES[group["rule"]], group["rule"])
    assert _judged(group, old, new) == expected
    if group.get("symmetric", True):
        assert _judged(group, new, old) == expected


def test_there_are_two_hundred_edits_and_no_text_rule_is_without_one() -> None:
    assert len(EDITS) >= 200
    of_fields = {"markup", "struck", "details", "headline", "rewritten"}
    assert {group["rule"] for group in GROUPS} == set(CLASSES) - of_fields
