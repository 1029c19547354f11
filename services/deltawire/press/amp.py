"""A blog as an AMP page: every post an item of an ``amp-live-list``, withdrawn ones as tombstones."""

from __future__ import annotations

from datetime import datetime
from html import escape

from deltawire.press.blog import Blog
from deltawire.press.noise import Noise
from deltawire.press.shown import Sheet, Shown


def amp_page(sheet: Sheet, noise: Noise) -> str:
    blog = sheet.blog
    attributes = {"id": "live", "layout": "container", "data-poll-interval": "15000", "data-max-items-per-page": "50"}
    disabled = " disabled" if blog.ended else ""
    parts = [
        *head(blog, noise),
        f"<amp-live-list{noise.attributes(attributes)}{disabled}>",
        '<button update on="tap:live.update">There is news</button><div items>',
        *(_item(post, noise) for post in sheet.items),
        *(_grave(identity, at) for _, identity, at in sheet.tombstones),
        "</div></amp-live-list>",
        f"<footer>© {escape(blog.publication)}</footer></body></html>",
    ]
    return noise.gap().join(parts) + "\n"


def head(blog: Blog, noise: Noise) -> list[str]:
    """A page as far as its headline."""
    return [
        "<!DOCTYPE html>",
        f'<html lang="{blog.language}"><head><meta charset="utf-8">',
        f"<title>{escape(blog.title)} | {escape(blog.publication)}</title>",
        f"<link{noise.attributes({'rel': 'canonical', 'href': blog.url})}>",
        f'<script>window.__press = {{"session": "{noise.token()}"}};</script></head><body>',
        f'<nav><a href="/">{escape(blog.publication)}</a></nav><h1>{escape(blog.title)}</h1>',
        f"<p>{escape(blog.standfirst)}</p>",
    ]


def epoch(moment: datetime | None) -> str:
    """Milliseconds since 1970; 1 for a post without a time, as adverts have it."""
    return f"{moment.timestamp() * 1000:.0f}" if moment else "1"


def _item(post: Shown, noise: Noise) -> str:
    attributes = {
        "id": post.id or "",
        "class": f"item css-{noise.token()}",
        "data-sort-time": epoch(post.created_at),
        "data-update-time": epoch(post.updated_at or post.created_at),
    }
    heading = f"<h2>{noise.text(post.title)}</h2>" if post.title else ""
    age = noise.age(post.created_at) if post.created_at else ""
    byline = f'<span itemprop="author">{escape(post.author)}</span>'
    return f"<article{noise.attributes(attributes)}>{age}{heading}{byline}{noise.body(post)}</article>"


def _grave(identity: str, at: datetime) -> str:
    times = f'data-sort-time="{epoch(at)}" data-update-time="{epoch(at)}"'
    return f'<article id="{identity}" {times} data-tombstone></article>'
