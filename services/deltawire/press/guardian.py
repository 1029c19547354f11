"""A blog as the Guardian Content API answers with ``show-blocks=all``: every block, newest first."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from deltawire.press.feeds import zulu
from deltawire.press.noise import Noise
from deltawire.press.shown import Sheet, Shown

ATTRIBUTES = {"key-event": "keyEvent", "pinned": "pinned", "summary": "summary"}


def content_api(sheet: Sheet, noise: Noise) -> str:
    blog, posts = sheet.blog, sheet.items
    path = urlsplit(blog.url).path.strip("/")
    first = (posts[-1].created_at if posts else None) or blog.modified_at
    content = {
        "id": path,
        "type": "liveblog",
        "sectionId": blog.section.lower(),
        "sectionName": blog.section,
        "webPublicationDate": zulu(first),
        "webTitle": blog.title,
        "webUrl": blog.url,
        "apiUrl": f"https://content.api.example/{path}",
        "fields": {
            "headline": blog.title,
            "trailText": blog.standfirst,
            "lastModified": zulu(blog.modified_at),
            "liveBloggingNow": "false" if blog.ended else "true",
        },
        "tags": [
            {"id": _profile(author), "type": "contributor", "webTitle": author}
            for author in sorted({post.author for post in posts})
        ],
        "blocks": {"body": [_block(post, noise) for post in posts], "totalBodyBlocks": len(posts)},
        "isHosted": False,
    }
    return noise.json({"response": {"status": "ok", "userTier": "developer", "total": 1, "content": content}})


def _profile(author: str) -> str:
    return "profile/" + re.sub(r"[^a-z]", "", author.lower())


def _block(post: Shown, noise: Noise) -> dict[str, Any]:
    block: dict[str, Any] = {
        "id": post.id,
        "bodyHtml": noise.body(post),
        "bodyTextSummary": post.text,
        "attributes": {ATTRIBUTES[label]: True for label in sorted(post.labels)},
        "published": True,
        "contributors": [_profile(post.author)],
        "createdBy": {"email": "desk@example.invalid"},
        "elements": [],
    }
    if post.created_at is not None:
        created, updated = zulu(post.created_at), zulu(post.updated_at or post.created_at)
        block |= {"createdDate": created, "firstPublishedDate": created}
        block |= {"publishedDate": updated, "lastModifiedDate": updated}
    if post.title is not None:
        block["title"] = post.title
    return block
