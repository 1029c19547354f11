"""Random edits of a post's body: each gives the new body."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from deltawire.press import words
from deltawire.press.blog import Post

_FIGURE = re.compile(r"<b>([^<]*)</b>")
_HREF = re.compile(r'href="([^"]*)"')


def figure(rng: Random, post: Post) -> tuple[str, ...]:
    return (_FIGURE.sub(f"<b>{words.figure(rng)}</b>", post.body[0], count=1), *post.body[1:])


def more(rng: Random, post: Post) -> tuple[str, ...]:
    return (*post.body, words.paragraph(rng))


def less(_: Random, post: Post) -> tuple[str, ...]:
    return post.body[:-1] if len(post.body) > 1 else post.body


def link(rng: Random, post: Post) -> tuple[str, ...]:
    return tuple(_HREF.sub(f'href="{words.target(rng)}"', block) for block in post.body)


EDITS: tuple[Callable[[Random, Post], tuple[str, ...]], ...] = (figure, more, less, link)
