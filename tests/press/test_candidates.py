"""deltawire against misbehaving blogs. The long form is ``make press BLOGS=1000``."""

from __future__ import annotations

from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from deltawire.press.misbehave import chosen
from deltawire.press.render import FORMATS
from deltawire.press.score import play, score
from press.candidates import Deltawire, Usual
from press.harness import Case, first_difference, main

OPEN = pytest.mark.xfail(strict=True, reason="a known difference: take the word open from its line once it is mended")


def failed_once() -> list[ParameterSet]:
    lines = (Path(__file__).parent / "failures.txt").read_text(encoding="utf-8").splitlines()
    found = []
    for form, names, seed, steps, *still in (line.split() for line in lines if line and not line.startswith("#")):
        known = next(name for name in FORMATS if name == form)
        case = Case(known, tuple(names.split("+")), int(seed), int(steps))
        found.append(pytest.param(case, id=str(case), marks=[OPEN] if still == ["open"] else []))
    return found


def exact(case: Case) -> None:
    result = play(case.game(), Deltawire())
    assert result.ok, first_difference(case, "deltawire")


@pytest.mark.parametrize("case", failed_once())
def test_what_failed_once_is_told_exactly(case: Case) -> None:
    exact(case)


@pytest.mark.parametrize("seed", range(24))
def test_random_blogs_are_told_exactly(seed: int) -> None:
    exact(Case(*chosen(seed), seed, steps=12))


def test_events_are_numbered_without_holes_and_a_lost_one_is_found() -> None:
    case = Case("rss", ("failures",), 1, 4)
    game, candidate = case.game(), Deltawire()
    said = [(answer.look, event) for answer in game for event in candidate.look(answer)]
    assert [event.number for _, event in said] == list(range(1, len(said) + 1))
    assert any(event.kind == "feed" for _, event in said)
    assert score(game.facts, said, game.current).ok
    lost = 3
    assert "no event has the number" in str(score(game.facts, said[:lost] + said[lost + 1 :], game.current).defects)


def test_the_usual_differ_is_right_about_a_good_blog_and_wrong_about_others() -> None:
    assert play(Case("json-feed", ("none",), 1, 20).game(), Usual()).f1 == 1
    assert play(Case("json-feed", ("window",), 1, 20).game(), Usual()).f1 < 0.95
    assert play(Case("json-feed", ("positional-ids",), 1, 20).game(), Usual()).f1 < 0.4


def test_the_command_prints_a_table_and_how_to_replay_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "--format",
        "json-feed",
        "--misbehaviour",
        "one-id",
        "--seed",
        "1",
        "--steps",
        "3",
        "--against",
        "usual",
    ]
    assert main(arguments) == 1
    out = capsys.readouterr().out
    assert "one-id" in out
    assert "make press FORMAT=json-feed MISBEHAVIOUR=one-id SEED=1 STEPS=3" in out
    assert "1 blogs, 1 of them not told exactly by usual" in out
