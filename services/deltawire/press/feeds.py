"""A blog as RSS 2.0 (with content:encoded), Atom (RFC 4287) and JSON Feed 1.1."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime
from html import escape
from typing import Any

from deltawire.press.blog import Blog
from deltawire.press.noise import Noise
from deltawire.press.shown import Sheet, Shown

_RSS_NAMESPACES = {
    "version": "2.0",
    "xmlns:atom": "http://www.w3.org/2005/Atom",
    "xmlns:content": "http://purl.org/rss/1.0/modules/content/",
    "xmlns:dc": "http://purl.org/dc/elements/1.1/",
}

_ATOM_NAMESPACES = {"xmlns": "http://www.w3.org/2005/Atom", "xmlns:at": "http://purl.org/atompub/tombstones/1.0"}


def address(blog: Blog, post_id: str) -> str:
    """Where a post is found: the blog's address with the post as its fragment."""
    return f"{blog.url}#post-{post_id}"


def zulu(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def rss(sheet: Sheet, noise: Noise) -> str:
    blog, posts = sheet.blog, sheet.items
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


def _item(blog: Blog, post: Shown, noise: Noise) -> str:
    body = noise.body(post)
    encoded = escape(body) if noise.chance(0.5) else f"<![CDATA[{body.replace(']]>', ']]]]><![CDATA[>')}]]>"
    parts = [
        f"<dc:creator>{escape(post.author)}</dc:creator>",
        f"<description>{escape(escape(post.text[:80]))}</description>",
        f"<content:encoded>{encoded}</content:encoded>",
        "".join(f"<category>{label}</category>" for label in sorted(post.labels)),
    ]
    if post.id is not None:
        parts.append(f"<link>{escape(noise.link(address(blog, post.id)))}</link>")
        parts.append(f'<guid isPermaLink="true">{escape(address(blog, post.id))}</guid>')
    if post.created_at is not None:
        parts.append(f"<pubDate>{format_datetime(post.created_at, usegmt=True)}</pubDate>")
    if post.title is not None:
        parts.append(f"<title>{escape(post.title)}</title>")
    return f"<item>{noise.gap().join(noise.order(parts))}</item>"


def atom(sheet: Sheet, noise: Noise) -> str:
    blog, posts = sheet.blog, sheet.items
    head = [
        f"<id>{escape(blog.url)}</id>",
        f"<title>{escape(blog.title)}</title>",
        f"<updated>{zulu(blog.modified_at)}</updated>",
        f"<link{noise.attributes({'rel': 'alternate', 'type': 'text/html', 'href': blog.url})}/>",
        f"<subtitle>{escape(blog.standfirst)}</subtitle>",
        f"<generator>Press {noise.token()}</generator>",
    ]
    entries = [_atom_entry(blog, post, noise) for post in posts]
    root = noise.attributes(_ATOM_NAMESPACES | {"xml:lang": blog.language})
    graves = [
        f"<at:deleted-entry{noise.attributes({'ref': address(blog, post_id), 'when': zulu(when)})}/>"
        for _, post_id, when in sheet.tombstones
    ]
    inside = noise.gap().join([*noise.order(head), *graves, *entries])
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<feed{root}>{inside}</feed>\n'


def _atom_entry(blog: Blog, post: Shown, noise: Noise) -> str:
    parts = [
        f"<title>{escape(post.title or '')}</title>",
        f"<author><name>{escape(post.author)}</name></author>",
        f'<content type="html">{escape(noise.body(post))}</content>',
        "".join(f"<category{noise.attributes({'term': label, 'label': label})}/>" for label in sorted(post.labels)),
    ]
    if post.id is not None:
        alternate = {"rel": "alternate", "type": "text/html", "href": noise.link(address(blog, post.id))}
        parts.append(f"<link{noise.attributes(alternate)}/>")
        parts.append(f"<id>{escape(address(blog, post.id))}</id>")
    if post.created_at is not None:
        parts.append(f"<published>{zulu(post.created_at)}</published>")
    if (updated := post.updated_at or post.created_at) is not None:
        parts.append(f"<updated>{zulu(updated)}</updated>")
    return f"<entry>{noise.gap().join(noise.order(parts))}</entry>"


def json_feed(sheet: Sheet, noise: Noise) -> str:
    blog, posts = sheet.blog, sheet.items
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


def _json_item(blog: Blog, post: Shown, noise: Noise) -> dict[str, Any]:
    item: dict[str, Any] = {
        "content_html": noise.body(post),
        "authors": [{"name": post.author}],
    }
    if post.id is not None:
        item["id"], item["url"] = post.id, noise.link(address(blog, post.id))
    if post.created_at is not None:
        item["date_published"] = zulu(post.created_at)
    if post.title is not None:
        item["title"] = post.title
    if post.updated_at is not None:
        item["date_modified"] = zulu(post.updated_at)
    if post.labels:
        item["tags"] = sorted(post.labels)
    return item
