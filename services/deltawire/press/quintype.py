"""A blog as a Quintype story: every post a card, the oldest first."""

from __future__ import annotations

from typing import Any

from deltawire.press.noise import Noise
from deltawire.press.shown import Sheet, Shown


def story(sheet: Sheet, noise: Noise) -> str:
    blog = sheet.blog
    return noise.json(
        {
            "id": "7f1d2c3b-0000-4000-8000-000000000001",
            "headline": blog.title,
            "subheadline": blog.standfirst,
            "url": blog.url,
            "story-template": "live-blog",
            "is-live-blog": True,
            "cards": [_card(post, noise) for post in reversed(sheet.items)],
            "votes": noise.number(0, 10_000),
            "metadata": {"is-closed": blog.ended},
        }
    )


def _card(post: Shown, noise: Noise) -> dict[str, Any]:
    elements: list[dict[str, Any]] = [{"type": "text", "subtype": None, "id": noise.token(), "text": noise.body(post)}]
    if post.title is not None:
        elements.insert(0, {"type": "title", "subtype": None, "id": noise.token(), "text": noise.text(post.title)})
    card: dict[str, Any] = {
        "id": post.id,
        "content-id": post.id,
        "content-version-id": noise.token(),
        "status": "draft",
        "story-elements": elements,
        "metadata": {"social-share": {"shareable": noise.chance(0.5)}, "attributes": {}},
    }
    if post.created_at is not None:
        card["card-added-at"] = round(post.created_at.timestamp() * 1000)
        card["card-updated-at"] = round((post.updated_at or post.created_at).timestamp() * 1000)
    return card
