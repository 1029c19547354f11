"""The significance of an update."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from deltawire.differ.compare import changes
from deltawire.differ.facts import judge
from deltawire.differ.names import Vocabulary
from deltawire.differ.state import Known
from deltawire.differ.words import diff
from deltawire.events import Change
from deltawire.model import Link, Media
from differ.build import START, Desk, entry


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("At least four killed.", "At least six killed.", "substantive"),
        ("Some 1,200 homes flooded.", "Some 1,400 homes flooded.", "substantive"),
        ("The minister said he would resign.", "The minister said he would not resign.", "substantive"),
        ("The mayor confirmed it.", "The mayor denied it.", "substantive"),
        ("The bridge has reopened.", "The bridge hasn't reopened.", "substantive"),
        ("The meeting is in Iran.", "The meeting is in Iraq.", "substantive"),
        (
            "Ms Hale spoke first.",
            "Ms Hale spoke first. The vote was put off until Thursday.",
            "substantive",
        ),
        ("The bridge is shut.", "The bridge is shut. Correction: this entry named the wrong bridge.", "substantive"),
        ("The prime minister, Starner, said.", "The prime minister, Starmer, said.", "cosmetic"),
        ("Goverment officials met.", "Government officials met.", "cosmetic"),
        ('He said: "yes".', "He said: “yes”.", "cosmetic"),
        ("Trains run late", "Trains run late.", "cosmetic"),
        ("the Harbour is shut", "The harbour is shut", "cosmetic"),
        ("The road was quickly closed.", "The road was closed.", "minor"),
        ("A big wave hit.", "A huge wave hit.", "minor"),
    ],
)
def test_the_words_decide(old: str, new: str, expected: str) -> None:
    assert judge(changes(entry("a", old), entry("a", new))).significance == expected


def test_a_label_is_minor_and_markup_is_cosmetic() -> None:
    assert judge(changes(entry("a"), entry("a", labels=("key-event",)))).significance == "minor"
    plain = entry("a", "One two.")
    bold = type(plain)(source_id="a", content_text="One two.", content_html="<p><b>One</b> two.</p>")
    assert judge(changes(plain, bold)).significance == "cosmetic"


def test_a_new_link_beside_a_spelling_fix_is_minor() -> None:
    old = entry("a", "Goverment officials met.")
    new = entry("a", "Government officials met.", links=(Link(url="https://x.test/"),))
    assert judge(changes(old, new)).significance == "minor"


def test_what_lies_beside_the_text_is_graded_by_field() -> None:
    plain = entry("a", "One two.", minute=3)
    moved = replace(plain, published_at=START)
    assert judge(changes(plain, moved)).rule == "details"
    assert judge(changes(plain, replace(plain, authors=("Ada",)))).rule == "details"
    assert judge(changes(plain, replace(plain, media=(Media(url="https://x.test/a.jpg"),)))).rule == "details"
    assert judge(changes(plain, replace(plain, title="A headline"))).rule == "headline"
    assert judge(changes(plain, replace(plain, url="https://x.test/2"))).rule == "markup"
    struck = replace(plain, content_html="<p>One <del>two</del>.</p>")
    assert judge(changes(plain, struck)) == ("substantive", "struck")


def test_a_headline_is_judged_as_text_is() -> None:
    old, new = (entry("a", "One two.", title=title) for title in ("Four killed", "Six killed"))
    assert judge(changes(old, new)) == ("substantive", "figures")


def test_a_new_modification_time_makes_nothing_graver() -> None:
    old = entry("a", "Trains run late", minute=1)
    new = replace(entry("a", "Trains run late.", minute=1), updated_at=START)
    assert {change.field for change in changes(old, new)} == {"content_text", "content_html", "updated_at"}
    assert judge(changes(old, new)) == ("cosmetic", "typography")


def test_the_names_of_the_changed_entry_itself_do_not_count_as_used_elsewhere() -> None:
    old, new = entry("a", "A save by Okonkow."), entry("a", "A save by Okonkwo.")
    other = entry("b", "Okonkwo again.")
    known = {"a": Known(entry=old, revision=1), "b": Known(entry=other, revision=1)}
    assert Vocabulary(known).elsewhere("okonkwo", "a")
    assert not Vocabulary(known).elsewhere("okonkow", "a")
    assert judge(changes(old, new), Vocabulary(known), "a").rule == "spelling"


def test_the_differ_tells_a_slip_by_the_names_in_the_other_entries() -> None:
    desk = Desk()
    desk.show(entry("b", "Ms Hale spoke.", minute=2), entry("a", "The chair went to Hals.", minute=1))
    (fixed,) = desk.show(entry("b", "Ms Hale spoke.", minute=2), entry("a", "The chair went to Hale.", minute=1))
    assert fixed.significance == "cosmetic"


def test_a_vocabulary_is_read_once_and_within_its_bound() -> None:
    class Counted(dict[str, Known]):
        reads = 0

        def items(self) -> Any:
            self.reads += 1
            return super().items()

    known = Counted({str(n): Known(entry=entry(str(n), f"Name{n} " * 4000), revision=1) for n in range(100)})
    vocabulary = Vocabulary(known)
    assert vocabulary.elsewhere("name99", "x")
    assert not vocabulary.elsewhere("name0", "x"), "the oldest are past the bound"
    assert known.reads == 1


WORDS = st.lists(st.from_regex(r"[A-Za-zé]{1,8}", fullmatch=True), min_size=1, max_size=30)
GAPS = st.sampled_from([" ", "  ", "\n", "\u00a0", " – ", " - ", ", ", "… ", " “", "” ", "; ", "! "])


@given(words=WORDS, data=st.data())
@settings(max_examples=200, deadline=None)
def test_other_white_space_and_marks_are_cosmetic(words: list[str], data: st.DataObject) -> None:
    old, new = ("".join(word + data.draw(GAPS) for word in words) for _ in range(2))
    assert judge(changes(entry("a", old), entry("a", new))).significance == "cosmetic"


@given(old=st.text(max_size=200), new=st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_two_texts_have_a_significance(old: str, new: str) -> None:
    found = changes(entry("a", old), entry("a", new))
    assert judge(found).significance in ("cosmetic", "minor", "substantive")


HEAP = """4 four 1,200 £5m % 10.30 9am Tuesday May 3 1st half a dozen no not denied police say may will Iran Hale PM . ,
' - ½ $ 2-1 1/0 0/0 12:99 -5 third of and hundred a an one
n't 's can't 0-0/3 ٣-0 99:99 2025-99-99 人4人 İ 1,2,3 0.125 . \u0663"""
FACTS = st.sampled_from([*HEAP.split(), "\n"])


@given(old=st.lists(FACTS, max_size=20), new=st.lists(FACTS, max_size=20))
@settings(max_examples=300, deadline=None)
def test_any_two_heaps_of_facts_have_a_significance(old: list[str], new: list[str]) -> None:
    found = changes(entry("a", " ".join(old)), entry("a", " ".join(new)))
    assert judge(found).significance in ("cosmetic", "minor", "substantive")


@pytest.mark.parametrize(
    "word", ["hundred", "trillion", "one hundred and", "half a", "1 million", "a", "7", "$", "1/0", "1,111,", "n't"]
)
def test_numbers_without_end_have_a_significance(word: str) -> None:
    old, new = f"{word} " * 900, f"{word} " * 899 + "million bn"
    assert judge(changes(entry("a", old), entry("a", new))).significance in ("minor", "substantive")
    assert judge(changes(entry("a", "7" * 900 + word), entry("a", "8" * 900 + word))).significance == "substantive"


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("word, " * 600_000, "word; " * 600_000, "typography"),
        ("7" * 4_000_000, "8" * 4_000_000, "rewritten"),
        ("1 " * 100_000 + "x", "2 " * 100_000 + "x", "figures"),
        (" ".join(f"Word{n} a" for n in range(3000)), " ".join(f"Word{n} b" for n in range(3000)), "wording"),
    ],
    ids=["marks", "digits", "figures", "places"],
)
def test_huge_texts_are_judged(old: str, new: str, rule: str) -> None:
    found = [Change(field="content_text", diff=diff(old, new, 10_000_000))]
    assert judge(found).rule in (rule, "rewritten")
