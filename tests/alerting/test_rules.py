from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltawire.alerting.rules import compile_rule, fold, match, subject
from deltawire.config import RuleConfig
from deltawire.events import EntryData, Event
from support.samples import entry_event, feed_event, feed_info


def found(event: Event, **rule: Any) -> tuple[str, ...] | None:
    about = subject(event)
    return None if about is None else match(compile_rule(RuleConfig(id="r", **rule)), about)


def matches(text: str, title: str | None = None, **rule: Any) -> bool:
    return found(entry_event("created", 1, text=text, title=title), **rule) is not None


@pytest.mark.parametrize(
    ("word", "text", "hit"),
    [
        ("fire", "The fire spreads", True),
        ("fire", "The FIRE!", True),
        ("fire", "fireworks and misfire", False),
        ("fire", "fireworks, then fire", True),
        ("Straße", "die STRASSE", True),
        ("ΌΔΟΣ", "η όδος", True),
        ("evacuation order", "An evacuation\n\u00a0order was given", True),
        ("evacuation order", "an evacuation. Order restored", False),
        ("don't panic", "“Don’t panic”, he said", True),
        ("O’Brien", "o'brien", True),
        ('"safe"', "It is «safe» now", True),
        ("cafe\u0301", "Café", True),
        ("हिन", "हिन्दी", False),
        ("हिन्दी", "यह हिन्दी है", True),
        ("火灾", "港口发生火灾了", True),
        ("C++", "written in C++, mostly", True),
        ("C++", "C+", False),
        ("co-operation", "co\u2011operation", True),
        ("harbour", "har\u00adbour", True),
        ("5", "15 or 50", False),
    ],
)
def test_words_match_as_people_read_them(word: str, text: str, hit: bool) -> None:
    assert matches(text, any=(word,)) is hit


def test_any_all_and_none_must_hold_together() -> None:
    rule: dict[str, Any] = {"any": ("fire", "smoke"), "all": ("harbour",), "none": ("drill",)}
    assert matches("Smoke over the harbour", **rule)
    assert not matches("Smoke over the town", **rule)
    assert not matches("The harbour is open", **rule)
    assert not matches("A fire drill in the harbour", **rule)
    assert matches("Smoke", title="Harbour", **rule)


def test_a_phrase_does_not_reach_from_the_title_into_the_text() -> None:
    assert not matches("alarm", title="Fire", any=("fire alarm",))


def test_what_was_found_is_told() -> None:
    event = entry_event("created", 1, text="Six hurt in harbour fire")
    assert found(event, any=("Fire", "flood"), all=("Harbour",), regex=r"\b\w+ hurt") == ("fire", "harbour", "Six hurt")
    assert found(event) == ()


def test_an_expression_sees_title_line_and_text_as_they_are_but_not_without_end() -> None:
    assert matches("The text", title="The Title", regex=r"Title\nThe")
    assert not matches("fire", regex="Fire")
    assert matches("fire", regex="(?i)Fire")
    assert not matches("x" * 70_000 + "needle", regex="needle")


@pytest.mark.parametrize("expression", ["(", "*", "(?P<a", "a{2,1}"])
def test_a_bad_expression_is_a_sentence_when_the_rule_is_compiled(expression: str) -> None:
    with pytest.raises(ValueError, match=r"^rule 'r': regex is no regular expression: .+; mend it"):
        compile_rule(RuleConfig(id="r", regex=expression))


@pytest.mark.parametrize("key", ["any", "all", "none"])
def test_an_empty_word_is_a_mistake_of_the_configuration(key: str) -> None:
    conditions: dict[str, Any] = {key: ("a", " \u00ad ")}
    with pytest.raises(ValueError, match=f"{key} holds an empty word"):
        compile_rule(RuleConfig(id="r", **conditions))


def test_feed_series_tag_and_label_narrow_a_rule() -> None:
    feed = feed_info("harbour-0312", tags=("world", "sea"), series="harbour")
    event = entry_event("created", 1, feed=feed, labels=("key-event",))
    for held in (
        {"feeds": ("harbour-0312",)},
        {"feeds": ("harbour",)},
        {"tags": ("sea", "sky")},
        {"labels": ("key-event",)},
    ):
        assert found(event, **held) == ()
    for failed in ({"feeds": ("storm",)}, {"tags": ("sky",)}, {"labels": ("summary",)}):
        assert found(event, **failed) is None


def test_types_and_significance_narrow_a_rule() -> None:
    removed = entry_event("removed", 3)
    assert found(removed) is None
    assert found(removed, types=("removed",)) == ()
    cosmetic = entry_event("updated", 2, significance="cosmetic")
    assert found(cosmetic) == ()
    assert found(cosmetic, significance=("minor", "substantive")) is None


def test_an_update_matches_by_the_state_it_leads_to() -> None:
    assert found(entry_event("updated", 2, text="Now with fire"), any=("fire",)) == ("fire",)
    assert found(entry_event("updated", 2, text="No more"), any=("fire",)) is None


def test_backfill_is_ignored_unless_the_rule_wants_it() -> None:
    old = entry_event("created", 1, backfill=True)
    assert found(old) is None
    assert found(old, backfill=True) == ()


def test_feed_events_and_mere_re_readings_never_match() -> None:
    assert subject(feed_event("started", 1)) is None
    assert subject(entry_event("updated", 2, cause="reparse")) is None


def test_the_whole_of_a_truncated_entry_is_what_rules_see() -> None:
    cut = entry_event("created", 1, text="It began", truncated=True)
    whole = entry_event("created", 1, text="It began with a fire").data
    assert isinstance(whole, EntryData)
    about = subject(cut, whole.entry)
    assert about is not None
    assert match(compile_rule(RuleConfig(id="r", any=("fire",))), about) == ("fire",)


@given(st.text())
def test_folding_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
