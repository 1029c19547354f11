from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import pytest

from deltawire.press.blog import Add, Blog, Edit, End, Mark, Restore, Retitle, Withdraw
from deltawire.press.render import render
from deltawire.press.story import DAY, STORIES, Story, load, read


@pytest.fixture(scope="module")
def harbour() -> Story:
    return load("harbour")


def final(story: Story) -> Blog:
    return story.after(len(story.timeline))


def text_of(blog: Blog) -> str:
    return " ".join(f"{post.title or ''} {post.text}" for post in blog.posts)


def test_the_main_story_has_everything_that_the_demo_promises(harbour: Story) -> None:
    kinds = Counter(type(operation) for _, operation in harbour.timeline)
    assert kinds[Add] >= 30
    assert kinds[Edit] >= 15
    assert min(kinds[kind] for kind in (Withdraw, Restore, Mark, Retitle, End)) >= 1
    posts = final(harbour).posts
    assert {post.author for post in posts} == {"Mara Quill", "Devi Okonjo"}
    assert sum("key-event" in post.labels for post in posts) >= 5
    assert sum("pinned" in post.labels for post in posts) == 1
    assert "<blockquote>" in "".join(block for post in posts for block in post.body)


@pytest.mark.parametrize("key", STORIES)
def test_every_story_starts_with_a_backfill_and_ends(key: str) -> None:
    story = load(key)
    start, end = story.after(story.happened(0)), final(story)
    assert len(start.posts) >= 2
    assert not start.ended
    assert end.ended
    assert end.title.endswith("as it happened")
    assert len(end.posts) >= 10
    assert any(isinstance(operation, Edit) for _, operation in story.timeline)


def test_the_main_story_plays_in_four_and_a_half_minutes_at_speed_sixty(harbour: Story) -> None:
    assert harbour.length / 60 == 270
    gaps = [after[0] - before[0] for before, after in zip(harbour.timeline, harbour.timeline[1:], strict=False)]
    assert max(gaps[harbour.happened(0) :]) / 60 <= 8


def test_figures_and_a_name_change_by_edits(harbour: Story) -> None:
    posts = {post.title: post for post in final(harbour).posts}
    assert "Six people have been rescued" in posts["Six people rescued from trawler"].text
    for offset, operation in harbour.timeline:
        if isinstance(operation, Edit) and operation.title == "Six people rescued from trawler":
            before = harbour.after(harbour.happened(offset) - 1).post(operation.post)
            assert "Four people have been rescued" in before.text
    assert "Ellen" not in text_of(final(harbour))
    assert any("Ellen Thorsby" in text_of(harbour.after(n)) for n in range(len(harbour.timeline)))


def test_what_proved_wrong_is_gone_and_a_note_says_so(harbour: Story) -> None:
    blog = final(harbour)
    assert [post.title for post in blog.withdrawn] == ["North leaf of barrier ‘jammed’"]
    assert "A report withdrawn" in {post.title for post in blog.posts}


def test_a_pin_moves_and_never_doubles(harbour: Story) -> None:
    pinned = [
        [post.title for post in harbour.after(n).posts if "pinned" in post.labels]
        for n in range(1, len(harbour.timeline) + 1)
    ]
    assert all(len(titles) <= 1 for titles in pinned)
    assert len({titles[0] for titles in pinned if titles}) == 2


@pytest.mark.parametrize("key", STORIES)
def test_only_the_oldest_entry_states_the_date(key: str) -> None:
    story = load(key, date(2026, 2, 3))
    posts = final(story).posts
    assert [post for post in posts if "2026" in post.text] == [posts[-1]]
    assert "Tuesday 3 February 2026" in posts[-1].text
    assert posts[-1].created_at.date() == date(2026, 2, 3)


def test_clock_times_are_london_times() -> None:
    summer = final(load("cup", date(2026, 7, 1)))
    assert summer.posts[-1].created_at.hour == 14
    assert "3.45pm BST Evening all" in render(summer, "text").decode()
    assert "3.45pm GMT Evening all" in render(final(load("cup")), "text").decode()


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        ({"at": "12:02", "edit": "a", "swap": [["absent", "x"]]}, "'absent' does not stand there exactly once"),
        ({"at": "12:02", "edit": "a", "swap": [["e", "x"]]}, "'e' does not stand there exactly once"),
        ({"at": "12:01", "withdraw": "a"}, "does not come after"),
        ({"at": "12:02", "restore": "a"}, "has withdrawn no post"),
    ],
)
def test_a_story_that_contradicts_itself_is_refused(step: dict[str, Any], complaint: str) -> None:
    blog = {"title": "T", "url": "https://x.example/live/1", "section": "S", "standfirst": "F", "publication": "P"}
    add = {"at": "12:01", "add": "a", "author": "A", "body": "Three trees."}
    with pytest.raises(ValueError, match=complaint):
        read("x", {"begins": "12:00", "blog": blog, "step": [add, step]}, DAY)
