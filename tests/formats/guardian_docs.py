"""A Guardian page as its renderer gets it: an invented blog."""

from __future__ import annotations

from typing import Any

PAGE_URL = "https://www.theguardian.com/sea/live/2025/mar/03/harbour-storm-live"
JSON_URL = f"{PAGE_URL}.json?dcr=true"
KINDS = "model.dotcomrendering.pageElements."
START = 1_740_996_000_000  # 2025-03-03T10:00:00Z


def text(html: str) -> dict[str, Any]:
    return {"_type": f"{KINDS}TextBlockElement", "html": html, "elementId": "e-1"}


def dcr_block(number: int, *elements: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A block published at 10:00 plus ``number`` minutes, changed half a minute later."""
    at = START + number * 60_000
    return {
        "id": f"{number:024x}",
        "elements": list(elements) or [text(f"<p>Block {number}</p>")],
        "attributes": {"pinned": False, "keyEvent": False, "summary": False},
        "blockCreatedOn": at - 120_000,
        "blockFirstPublished": at,
        "blockFirstPublishedDisplay": "10.02\u00a0GMT",
        "blockLastUpdated": at + 30_000,
        "contributors": [],
        "primaryDateLine": "Mon 3 Mar 2025 10.30 GMT",
    } | changes


def dcr(*blocks: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A page with these blocks, the first of five."""
    return {
        "version": 3,
        "headline": "Storm \u2013 live",
        "webTitle": "Storm",
        "webURL": PAGE_URL,
        "blocks": list(blocks),
        "pagination": {"currentPage": 1, "totalPages": 5, "older": f"?page=with:block-{1:024x}"},
        "format": {"design": "LiveBlogDesign", "theme": "NewsPillar", "display": "StandardDisplay"},
        "pageType": {"isLiveblog": True},
        "lang": "en",
        "linkedData": [{"@type": "LiveBlogPosting", "liveBlogUpdate": []}],
    } | changes
