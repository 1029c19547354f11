"""Misbehaving blogs: the same seed is the same blog, truth is what was served, and scores tell right from wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from deltawire.press.facts import Fact, standing, state_of
from deltawire.press.game import Answer, Game
from deltawire.press.misbehave import MISBEHAVIOURS, check, chosen, fitting
from deltawire.press.render import FORMATS, FormatName
from deltawire.press.score import Said, play, score
from deltawire.press.transport import LONG_HOLD, STALE_RUN
from deltawire.press.undecided import UNDECIDED

DOCS = Path(__file__).parents[2] / "docs" / "press.md"
HIDDEN = ("stale-silent", "stale-redated", "stale-2041", "stale-ahead")


def served(form: FormatName, *names: str, seed: int = 1, steps: int = 9) -> tuple[Game, list[Answer]]:
    game = Game(seed, form, names, steps=steps)
    return game, list(game)


class Oracle:
    """Says each fact at its look."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self._facts = list(facts)

    def look(self, answer: Answer) -> list[Said]:
        return [said(fact) for fact in self._facts if fact.look == answer.look]


def said(fact: Fact) -> Said:
    state = fact.new or fact.old
    assert state is not None
    return Said(kind=fact.kind, entry=f"e-{fact.post}", title=state.title, text=state.text, labels=state.labels)


@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_the_same_seed_serves_the_same_and_every_kind_of_truth_can_be_told_exactly(name: str) -> None:
    form = next(form for form in FORMATS if name in fitting(form))
    (game, answers), (again, same) = served(form, name), served(form, name)
    assert answers == same
    assert game.facts == again.facts
    assert [a.look for a in answers] == list(range(1, len(answers) + 1))
    assert all(later.at > earlier.at for earlier, later in pairwise(answers))
    assert play(Game(1, form, (name,), steps=9), Oracle(game.facts)).ok


def test_other_seeds_are_other_blogs() -> None:
    assert served("rss", "none")[0].facts != served("rss", "none", seed=2)[0].facts


@pytest.mark.parametrize("form", list(FORMATS))
def test_the_facts_of_a_well_behaved_blog_fold_to_what_is_shown(form: FormatName) -> None:
    game, _ = served(form, "none", seed=2, steps=60)
    kinds = Counter(fact.kind for fact in game.facts)
    assert min(kinds[kind] for kind in ("created", "updated", "removed", "restored")) >= 1
    texts = Counter(state_of(post, form).text for post in game.posts)
    assert Counter(state.text for state in standing(game.facts).values()) == texts


@pytest.mark.parametrize("name", HIDDEN)
def test_what_nothing_tells_from_a_return_stays_for_few_looks_and_was_shown_before(name: str) -> None:
    _, answers = served("json-feed", name, steps=40)
    bodies = {a.body for a in answers if a.kind == "current"}
    runs, run = [0], 0
    for answer in answers:
        run = run + 1 if answer.kind == "stale" else 0
        runs.append(run)
        assert answer.kind == "current" or answer.body in bodies
    assert max(runs) == STALE_RUN
    assert answers[-1].kind == "current"


def test_an_honest_old_copy_says_how_old_it_is() -> None:
    _, answers = served("rss", "stale-days", steps=40)
    ages = [timedelta(seconds=int(a.headers["Age"])) for a in answers if a.kind == "stale"]
    assert max(ages) > timedelta(days=3)
    assert not any("Age" in a.headers for a in answers if a.kind == "current")


def test_silent_copies_have_no_headers_but_their_type() -> None:
    _, answers = served("rss", "stale-silent")
    assert {tuple(a.headers) for a in answers} == {("Content-Type",)}


def test_returns_are_held_for_long() -> None:
    game, answers = served("rss", "reversals", steps=20)
    reverted = next(n for n, deed in enumerate(game.deeds) if deed.endswith(": revert"))
    assert len(answers) >= LONG_HOLD + 3 * reverted


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="'guardian' cannot show 'no-ids'"):
        check("guardian", ("no-ids",))
    with pytest.raises(ValueError, match="cannot be combined: both touch the window"):
        check("rss", ("window", "breathing-window"))
    with pytest.raises(ValueError, match="no misbehaviour 'typos'"):
        check("rss", ("typos",))


def test_random_blogs_are_of_every_format_and_misbehaviour() -> None:
    blogs = [chosen(seed) for seed in range(1200)]
    assert {form for form, _ in blogs} == set(FORMATS)
    assert {name for _, names in blogs for name in names} == set(MISBEHAVIOURS)
    for form, names in blogs:
        check(form, names)


@pytest.fixture(scope="module")
def facts() -> list[Fact]:
    return served("rss", "none", steps=30)[0].facts


def told(facts: list[Fact]) -> list[tuple[int, Said]]:
    return [(fact.look, said(fact)) for fact in facts]


def test_a_forgotten_event_costs_recall_and_an_invented_one_precision(facts: list[Fact]) -> None:
    result = score(facts, told(facts)[:-1])
    assert (result.precision, result.recall < 1) == (1.0, True)
    result = score(facts, [*told(facts), told(facts)[-1]])
    assert (result.precision < 1, result.recall) == (True, 1.0)


def test_a_post_with_two_entries_is_not_told_exactly(facts: list[Fact]) -> None:
    events = told(facts)
    post = next(post for post, n in Counter(f.post for f in facts).items() if n > 1)
    entry = f"e-{post}"
    last = max(n for n, (_, event) in enumerate(events) if event.entry == entry)
    look, event = events[last]
    other = Said(kind=event.kind, entry="other", title=event.title, text=event.text, labels=event.labels)
    result = score(facts, [*events[:last], (look, other), *events[last + 1 :]])
    assert not result.ok
    assert result.f1 < 1


def test_an_event_before_its_state_was_served_is_wrong_and_one_long_after_too(facts: list[Fact]) -> None:
    look, event = told(facts)[-1]
    rest = told(facts)[:-1]
    looks = range(1, look + 100)
    assert score(facts, [*rest, (look, event)], looks).ok
    assert "too early" in score(facts, [*rest, (look - 1, event)], looks).defects[0][1]
    assert "too late" in score(facts, [*rest, (look + 20, event)], looks).defects[0][1]


def test_repeated_ids_and_holes_are_defects() -> None:
    def numbered(*numbers: int) -> list[tuple[int, Said]]:
        return [(1, Said(kind="created", entry=str(n), title=None, text="", number=n, id=str(n))) for n in numbers]

    sentences = [text for _, text in score([], numbered(1, 2, 2, 1)).defects]
    assert any("the event id 2 came again" in text for text in sentences)
    assert any("the number 1 came after 2" in text for text in sentences)
    assert any("no event has the number 3" in text for _, text in score([], numbered(1, 2, 4)).defects)


def test_each_feed_has_a_sequence_of_its_own() -> None:
    def said(feed: str, number: int) -> tuple[int, Said]:
        name = f"{feed}{number}"
        return 1, Said(kind="feed", entry=name, title=None, text="", number=number, id=name, feed=feed)

    assert score([], [said("a", 7), said("b", 1), said("a", 8), said("b", 2)]).ok
    ((_, sentence),) = score([], [said("a", 7), said("b", 1), said("a", 9), said("b", 2)]).defects
    assert sentence == "no event of feed a has the number 8"


def test_every_misbehaviour_and_all_that_is_not_scored_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert all(f"| `{name}` | {kind.says} |" in text for name, kind in MISBEHAVIOURS.items())
    assert all(f"- {entry.what} {entry.why}" in text for entry in UNDECIDED)
