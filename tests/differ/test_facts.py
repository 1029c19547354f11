"""The significance of an update."""

from __future__ import annotations

import pytest

from deltawire.differ.compare import changes
from deltawire.differ.facts import significance
from deltawire.model import Link
from differ.build import entry


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
    assert significance(changes(entry("a", old), entry("a", new))) == expected


def test_a_label_is_minor_and_markup_is_cosmetic() -> None:
    assert significance(changes(entry("a"), entry("a", labels=("key-event",)))) == "minor"
    plain = entry("a", "One two.")
    bold = type(plain)(source_id="a", content_text="One two.", content_html="<p><b>One</b> two.</p>")
    assert significance(changes(plain, bold)) == "cosmetic"


def test_a_new_link_beside_a_spelling_fix_is_minor() -> None:
    old = entry("a", "Goverment officials met.")
    new = entry("a", "Government officials met.", links=(Link(url="https://x.test/"),))
    assert significance(changes(old, new)) == "minor"
