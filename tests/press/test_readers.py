"""Deltawire's own readers make of every render exactly the posts that are in it, and the same whatever the noise."""

from __future__ import annotations

from random import Random

import pytest

from deltawire.formats.base import Raw
from deltawire.formats.registry import read
from deltawire.model import Entry, Reading
from deltawire.press.blog import Blog, Post
from deltawire.press.chance import Publisher
from deltawire.press.facts import State, state_of
from deltawire.press.render import FORMATS, FormatName, render
from deltawire.press.story import DAY, STORIES, load

WITH_IDS: list[FormatName] = [name for name in FORMATS if name != "text"]
ALL: list[FormatName] = list(FORMATS)
UNTITLED = ("superdesk", "wordpress")


def reading(blog: Blog, name: FormatName, seed: int | None = None, window: int | None = None) -> Reading:
    body = render(blog, name, noise=None if seed is None else Random(seed), window=window)
    form = FORMATS[name]
    return read(Raw(body=body, url=f"http://127.0.0.1/{blog.key}{form.suffix}", content_type=form.content_type))


def read_state(entry: Entry, name: FormatName) -> State:
    carries = FORMATS[name].carries
    return State(
        text=" ".join(entry.content_text.split()),
        title=entry.title,
        author=", ".join(entry.authors) if "author" in carries else None,
        labels=tuple(sorted(entry.labels)) if "labels" in carries else None,
    )


def bare(post: Post, name: FormatName) -> State:
    served = state_of(post, name)
    return State(text=served.text, title=served.title, author=served.author, labels=served.labels)


def random_blog(seed: int) -> Blog:
    publisher = Publisher(seed, "json-feed", opening=12)
    for _ in range(40):
        publisher.step()
    return publisher.blog


def story_blogs() -> list[tuple[str, Blog]]:
    """Every story at its start, half way and at its end."""
    told = {key: load(key) for key in STORIES}
    return [
        (f"{key}@{count}", story.after(count))
        for key, story in told.items()
        for count in (story.happened(0), len(story.timeline) // 2, len(story.timeline))
    ]


BLOGS = [*story_blogs(), *((f"random-{seed}", random_blog(seed)) for seed in range(4))]


@pytest.mark.parametrize("blog", [blog for _, blog in BLOGS], ids=[name for name, _ in BLOGS])
@pytest.mark.parametrize("name", WITH_IDS)
def test_a_render_reads_back_to_exactly_its_posts(name: FormatName, blog: Blog) -> None:
    got = reading(blog, name, seed=1)
    assert got.coverage == FORMATS[name].coverage
    assert got.feed.title == (None if name in UNTITLED else blog.title)
    assert [read_state(entry, name) for entry in got.entries] == [bare(post, name) for post in blog.posts]
    for entry, post in zip(got.entries, blog.posts, strict=True):
        assert entry.source_id is not None
        assert entry.source_id.endswith(post.id)
        assert entry.published_at == post.created_at


@pytest.mark.parametrize("key", STORIES)
def test_the_flattened_text_of_a_story_reads_back_to_its_posts(key: str) -> None:
    story = load(key, DAY)
    blog = story.after(len(story.timeline))
    got = reading(blog, "text")
    assert [read_state(entry, "text") for entry in got.entries] == [bare(post, "text") for post in blog.posts]
    assert [entry.published_at for entry in got.entries] == [post.created_at for post in blog.posts]
    assert {entry.source_id for entry in got.entries} == {None}


@pytest.mark.parametrize("blog", [blog for _, blog in BLOGS], ids=[name for name, _ in BLOGS])
@pytest.mark.parametrize("name", WITH_IDS)
def test_noise_does_not_reach_the_canonical_entries(name: FormatName, blog: Blog) -> None:
    quiet = reading(blog, name)
    for seed in range(3):
        noisy = reading(blog, name, seed)
        assert noisy.entries == quiet.entries
        assert (noisy.feed, noisy.coverage, noisy.problems) == (quiet.feed, quiet.coverage, quiet.problems)


@pytest.mark.parametrize("key", STORIES)
def test_noise_does_not_reach_the_entries_of_flattened_text(key: str) -> None:
    story = load(key)
    blog = story.after(len(story.timeline))
    assert {reading(blog, "text", seed).entries for seed in range(4)} == {reading(blog, "text").entries}


@pytest.mark.parametrize("name", WITH_IDS)
def test_a_window_reads_as_the_newest_posts(name: FormatName) -> None:
    blog = random_blog(1)
    got = reading(blog, name, seed=2, window=4)
    assert [read_state(entry, name) for entry in got.entries] == [bare(post, name) for post in blog.newest(4)]


def test_only_the_guardian_says_that_a_blog_is_over() -> None:
    story = load("rail")
    before, after = story.after(len(story.timeline) - 1), story.after(len(story.timeline))
    assert (reading(before, "guardian").feed.live, reading(after, "guardian").feed.live) == (True, False)
