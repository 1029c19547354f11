from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from deltawire.press.blog import Add, Blog, Edit, End, Mark, Operation, Restore, Retitle, Withdraw, apply

NOON = datetime(2026, 1, 22, 12, tzinfo=UTC)


def blog(*operations: Operation) -> Blog:
    """A blog after the operations, one a minute."""
    state = Blog(
        key="b",
        title="T",
        url="https://b.example/live/1",
        section="S",
        standfirst="F",
        publication="P",
        modified_at=NOON,
    )
    for minute, operation in enumerate(operations):
        state = apply(state, operation, NOON + timedelta(minutes=minute))
    return state


def add(post: str) -> Add:
    return Add(post=post, body=(f"<p>About {post}.</p>",), author="A")


def test_posts_are_newest_first() -> None:
    assert [post.id for post in blog(add("a"), add("b"), add("c")).posts] == ["c", "b", "a"]


def test_an_edit_moves_the_stamp_and_a_silent_one_does_not() -> None:
    edited = blog(add("a"), Edit(post="a", body=("<p>New.</p>",)))
    assert edited.post("a").text == "New."
    assert edited.post("a").updated_at == NOON + timedelta(minutes=1)
    assert blog(add("a"), Edit(post="a", title="New", silent=True)).post("a").updated_at is None


def test_a_restored_post_stands_where_it_stood_unchanged() -> None:
    before = blog(add("a"), add("b"), add("c"))
    after = apply(apply(before, Withdraw(post="b"), NOON), Restore(post="b"), NOON)
    assert after.posts == before.posts
    assert after.withdrawn == ()


def test_labels_title_and_end_are_set() -> None:
    state = blog(add("a"), Mark(post="a", labels=frozenset({"pinned"})), Retitle(title="U"), End())
    assert state.post("a").labels == {"pinned"}
    assert state.post("a").updated_at is None
    assert (state.title, state.ended) == ("U", True)
    assert state.modified_at == NOON + timedelta(minutes=3)


def test_a_window_shows_the_newest() -> None:
    assert [post.id for post in blog(add("a"), add("b"), add("c")).newest(2)] == ["c", "b"]


@pytest.mark.parametrize("operation", [Edit(post="x"), Withdraw(post="x"), Restore(post="a"), add("a")])
def test_an_operation_on_what_is_not_there_is_refused(operation: Operation) -> None:
    with pytest.raises(ValueError, match="the blog 'b'"):
        apply(blog(add("a")), operation, NOON)


def test_the_text_of_a_body_has_no_markup_and_keeps_blocks_apart() -> None:
    body = ("<p>One &amp; <b>two</b>.</p>", "<ul><li>Three</li><li>four</li></ul>", '<p><img src="x" alt="y"></p>')
    assert blog(Add(post="a", body=body, author="A")).post("a").text == "One & two. Three four"
