"""A blog as RSS 2.0 (with content:encoded), Atom (RFC 4287) and JSON Feed 1.1."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime
from html import escape
from typing import Any

from deltawire.press.blog import Blog, Post
from deltawire.press.noise import Noise

_RSS_NAMESPACES = {
    "version": "2.0",
    "xmlns:atom": "http://www.w3.org/2005/Atom",
    "xmlns:content": "http://purl.org/rss/1.0/modules/content/",
    "xmlns:dc": "http://purl.org/dc/elements/1.1/",
}


def address(blog: Blog, post: Post) -> str:
    """Where a post is found: the blog's address with the post as its fragment."""
    return f"{blog.url}#post-{post.id}"


def zulu(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def rss(blog: Blog, posts: tuple[Post, ...], noise: Noise) -> str:
    build = format_datetime(blog.modified_at, usegmt=True)
    head = [
        f"<title>{escape(blog.title)}</title>",
        f"<link>{escape(noise.link(blog.url))}</link>",
        f"<description>{escape(blog.standfirst)}</description>",
        f"<language>{blog.language}</language>",
        f"<lastBuildDate>{build}</lastBuildDate>",
        f"<generator>Press {noise.token()}</generator>",
    ]
    items = [_item(blog, post, noise) for post in posts]
    channel = noise.gap().join([*noise.order(head), *items])
    root = noise.attributes(_RSS_NAMESPACES)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<rss{root}><channel>{channel}</channel></rss>\n'


def _item(blog: Blog, post: Post, noise: Noise) -> str:
    body = noise.body(post)
    encoded = escape(body) if noise.chance(0.5) else f"<![CDATA[{body.replace(']]>', ']]]]><![CDATA[>')}]]>"
    parts = [
        f"<link>{escape(noise.link(address(blog, post)))}</link>",
        f'<guid isPermaLink="true">{escape(address(blog, post))}</guid>',
        f"<pubDate>{format_datetime(post.created_at, usegmt=True)}</pubDate>",
        f"<dc:creator>{escape(post.author)}</dc:creator>",
        f"<description>{escape(escape(post.text[:80]))}</description>",
        f"<content:encoded>{encoded}</content:encoded>",
        "".join(f"<category>{label}</category>" for label in sorted(post.labels)),
    ]
    if post.title is not None:
        parts.append(f"<title>{escape(post.title)}</title>")
    return f"<item>{noise.gap().join(noise.order(parts))}</item>"


def atom(blog: Blog, posts: tuple[Post, ...], noise: Noise) -> str:
    head = [
        f"<id>{escape(blog.url)}</id>",
        f"<title>{escape(blog.title)}</title>",
        f"<updated>{zulu(blog.modified_at)}</updated>",
        f"<link{noise.attributes({'rel': 'alternate', 'type': 'text/html', 'href': blog.url})}/>",
        f"<subtitle>{escape(blog.standfirst)}</subtitle>",
        f"<generator>Press {noise.token()}</generator>",
    ]
    entries = [_atom_entry(blog, post, noise) for post in posts]
    root = noise.attributes({"xmlns": "http://www.w3.org/2005/Atom", "xml:lang": blog.language})
    inside = noise.gap().join([*noise.order(head), *entries])
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<feed{root}>{inside}</feed>\n'


def _atom_entry(blog: Blog, post: Post, noise: Noise) -> str:
    alternate = {"rel": "alternate", "type": "text/html", "href": noise.link(address(blog, post))}
    parts = [
        f"<id>{escape(address(blog, post))}</id>",
        f"<title>{escape(post.title or '')}</title>",
        f"<published>{zulu(post.created_at)}</published>",
        f"<updated>{zulu(post.updated_at or post.created_at)}</updated>",
        f"<author><name>{escape(post.author)}</name></author>",
        f"<link{noise.attributes(alternate)}/>",
        f'<content type="html">{escape(noise.body(post))}</content>',
        "".join(f"<category{noise.attributes({'term': label, 'label': label})}/>" for label in sorted(post.labels)),
    ]
    return f"<entry>{noise.gap().join(noise.order(parts))}</entry>"


def json_feed(blog: Blog, posts: tuple[Post, ...], noise: Noise) -> str:
    document: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": blog.title,
        "home_page_url": blog.url,
        "description": blog.standfirst,
        "language": blog.language,
        "items": [_json_item(blog, post, noise) for post in posts],
    }
    if blog.ended:
        document["expired"] = True
    return noise.json(document)


def _json_item(blog: Blog, post: Post, noise: Noise) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": post.id,
        "url": noise.link(address(blog, post)),
        "content_html": noise.body(post),
        "date_published": zulu(post.created_at),
        "authors": [{"name": post.author}],
    }
    if post.title is not None:
        item["title"] = post.title
    if post.updated_at is not None:
        item["date_modified"] = zulu(post.updated_at)
    if post.labels:
        item["tags"] = sorted(post.labels)
    return item
