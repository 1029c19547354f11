"""A blog as a web page: its DOM, and beside it the schema.org LiveBlogPosting among other JSON-LD scripts."""

from __future__ import annotations

from html import escape
from typing import Any

from deltawire.press.blog import Blog
from deltawire.press.feeds import address, zulu
from deltawire.press.noise import Noise
from deltawire.press.shown import Sheet, Shown


def html_page(sheet: Sheet, noise: Noise) -> str:
    blog, posts = sheet.blog, sheet.items
    title = f"{blog.title} | {blog.publication}"
    metas = noise.order(
        f"<meta{noise.attributes({'property': name, 'content': content})}>"
        for name, content in (
            ("og:title", blog.title),
            ("og:url", blog.url),
            ("og:description", blog.standfirst),
            ("og:type", "article"),
        )
    )
    scripts = noise.order(
        f'<script type="application/ld+json">{_safe(noise.json(record))}</script>'
        for record in (_organisation(blog), _live_blog(blog, posts, noise), _breadcrumbs(blog))
    )
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="{blog.language}"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        f"<link{noise.attributes({'rel': 'canonical', 'href': blog.url})}>",
        *metas,
        *scripts,
        f'<script>window.__press = {{"session": "{noise.token()}"}};</script></head><body>',
        f'<header><a href="/">{escape(blog.publication)}</a> <nav><a href="/news">News</a></nav></header>',
        f"<main><h1>{escape(blog.title)}</h1><p>{escape(blog.standfirst)}</p>",
        f'<div class="live-blog" data-total="{len(posts)}">',
        *(_article(post, noise) for post in posts),
        "</div></main>",
        f"<aside>Most read: {noise.number(100, 9999)} people are reading this page</aside>",
        f"<footer>© {escape(blog.publication)}</footer></body></html>",
    ]
    return noise.gap().join(parts) + "\n"


def _safe(text: str) -> str:
    # "</script>" or "<!--" inside a string would end or hide the script element.
    return text.replace("<", "\\u003c")


def _organisation(blog: Blog) -> dict[str, Any]:
    return {
        "@context": "https://schema.org",
        "@type": "NewsMediaOrganization",
        "name": blog.publication,
        "url": blog.url.partition("/live/")[0],
    }


def _breadcrumbs(blog: Blog) -> dict[str, Any]:
    home = blog.url.partition("/live/")[0]
    return {
        "@context": "https://schema.org",
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": 1, "name": "Home", "item": f"{home}/"},
            {"@type": "ListItem", "position": 2, "name": blog.section, "item": blog.url},
        ],
    }


def _live_blog(blog: Blog, posts: tuple[Shown, ...], noise: Noise) -> dict[str, Any]:
    record: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "LiveBlogPosting",
        "@id": blog.url,
        "url": blog.url,
        "headline": blog.title,
        "description": blog.standfirst,
        "dateModified": zulu(blog.modified_at),
        "publisher": {"@type": "Organization", "name": blog.publication},
        "inLanguage": blog.language,
        "liveBlogUpdate": [_update(blog, post, noise) for post in posts],
    }
    if posts and (first := posts[-1].created_at) is not None:
        record["datePublished"] = record["coverageStartTime"] = zulu(first)
    if blog.ended:
        record["coverageEndTime"] = zulu(blog.modified_at)
    return record


def _update(blog: Blog, post: Shown, noise: Noise) -> dict[str, Any]:
    update: dict[str, Any] = {
        "@type": "BlogPosting",
        "articleBody": escape(noise.body(post)),
        "author": {"@type": "Person", "name": post.author},
    }
    if post.id is not None:
        update["@id"], update["url"] = address(blog, post.id), noise.link(address(blog, post.id))
    if post.created_at is not None:
        update["datePublished"] = zulu(post.created_at)
    if (updated := post.updated_at or post.created_at) is not None:
        update["dateModified"] = zulu(updated)
    if post.title is not None:
        update["headline"] = escape(post.title)
    return update


def _article(post: Shown, noise: Noise) -> str:
    heading = f"<h2>{noise.text(post.title)}</h2>" if post.title else ""
    attributes = noise.attributes(
        ({} if post.id is None else {"id": f"post-{post.id}"}) | {"class": f"entry css-{noise.token()}"}
    )
    byline = f'<span class="byline">{escape(post.author)}</span>'
    age = "" if post.created_at is None else noise.age(post.created_at)
    return f"<article{attributes}>{age}{byline}{heading}{noise.body(post)}</article>"
