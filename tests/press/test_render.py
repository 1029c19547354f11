"""Every render is a valid document of its format, by parsers that the press does not use."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from random import Random
from typing import Any

import feedparser
import pytest
from lxml import html as lxml_html

from deltawire.press.blog import Blog, Post
from deltawire.press.chance import Publisher
from deltawire.press.render import FORMATS, FormatName, render

ALL: list[FormatName] = list(FORMATS)
SEEDS = [None, 1, 2, 3]
Read = dict[str, Any]


@pytest.fixture(scope="module")
def blog() -> Blog:
    """A blog with every kind of post: titled or not, edited, labelled, with awkward characters."""
    publisher = Publisher(7, "json-feed", opening=40)
    for _ in range(60):
        publisher.step()
    return publisher.blog


def visible(fragment: str) -> tuple[str, list[tuple[str, str]]]:
    """Text, and elements with where they point to, of an HTML fragment: no relative times, no queries; by lxml."""
    root = lxml_html.fragment_fromstring(fragment, create_parent="div")
    for stamp in list(root.iter("time")):
        stamp.drop_tree()
    for block in root.iter("p", "li", "blockquote", "ul"):
        block.tail = " " + (block.tail or "")
    pointers = [(str(e.tag), (e.get("href") or e.get("src") or "").partition("?")[0]) for e in root.iter("*")]
    return " ".join(root.text_content().split()), pointers


def read_syndicated(body: bytes) -> list[Read]:
    parsed = feedparser.parse(body)
    assert not parsed.bozo, parsed.get("bozo_exception")
    return [
        {
            "id": item.id,
            "title": item.get("title") or None,
            "body": visible(item.content[0].value),
            "author": item.author,
            "at": item.published_parsed[:6],
            "labels": {tag.term for tag in item.get("tags", ())},
        }
        for item in parsed.entries
    ]


def moment(text: str) -> tuple[int, ...]:
    return datetime.fromisoformat(text).utctimetuple()[:6]


def read_json_feed(body: bytes) -> list[Read]:
    feed = json.loads(body)
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    return [
        {
            "id": item["id"],
            "title": item.get("title"),
            "body": visible(item["content_html"]),
            "author": item["authors"][0]["name"],
            "at": moment(item["date_published"]),
            "labels": set(item.get("tags", ())),
        }
        for item in feed["items"]
    ]


def read_page(body: bytes) -> list[Read]:
    page = lxml_html.document_fromstring(body.decode())
    scripts = [script for script in page.iter("script") if script.get("type") == "application/ld+json"]
    records = [json.loads(script.text or "") for script in scripts]
    assert len(records) == 3
    (live,) = (record for record in records if record["@type"] == "LiveBlogPosting")
    shown = [article.get("id") for article in page.iter("article")]
    assert shown == [update["@id"].partition("#")[2] for update in live["liveBlogUpdate"]]
    return [
        {
            "id": update["@id"],
            "title": unescape(update["headline"]) if "headline" in update else None,
            "body": visible(unescape(update["articleBody"])),
            "author": update["author"]["name"],
            "at": moment(update["datePublished"]),
        }
        for update in live["liveBlogUpdate"]
    ]


def read_guardian(body: bytes) -> list[Read]:
    content = json.loads(body)["response"]["content"]
    assert content["fields"]["liveBloggingNow"] in ("true", "false")
    names = {tag["id"]: tag["webTitle"] for tag in content["tags"]}
    labels = {"keyEvent": "key-event", "pinned": "pinned", "summary": "summary"}
    for block in content["blocks"]["body"]:
        assert re.fullmatch("[0-9a-f]{24}", block["id"])
    return [
        {
            "id": block["id"],
            "title": block.get("title"),
            "body": visible(block["bodyHtml"]),
            "author": names[block["contributors"][0]],
            "at": moment(block["firstPublishedDate"]),
            "labels": {labels[name] for name, on in block["attributes"].items() if on},
        }
        for block in content["blocks"]["body"]
    ]


def read_page_model(body: bytes) -> list[Read]:
    model = json.loads(body)
    assert len({block["elements"][0]["elementId"] for block in model["blocks"]}) in (1, len(model["blocks"]))
    labels = {"keyEvent": "key-event", "pinned": "pinned", "summary": "summary"}
    pinned = [model["pinnedPost"]] if "pinnedPost" in model else []
    blocks = {block["id"].removesuffix("-pinned"): block for block in [*pinned, *model["blocks"]]}
    return [
        {
            "id": identity,
            "title": block.get("title"),
            "body": visible(block["elements"][0]["html"]),
            "author": block["contributors"][0]["name"],
            "at": datetime.fromtimestamp(block["blockFirstPublished"] / 1000, UTC).utctimetuple()[:6],
            "labels": {labels[name] for name, on in block["attributes"].items() if on},
        }
        for identity, block in sorted(blocks.items(), key=lambda pair: -pair[1]["blockFirstPublished"])
    ]


def read_markup(entry: str, at: str, author: str) -> Callable[[bytes], list[Read]]:
    """A reader of entries that ``entry`` finds, whose epoch is in ``at`` and whose author ``author`` finds (XPath)."""

    def found(body: bytes) -> list[Read]:
        read: list[Read] = []
        page: Any = lxml_html.document_fromstring(body.decode())
        for node in page.xpath(entry):
            heading = next(node.iter("h2", "h3"), None)
            (byline,) = node.xpath(author)
            name, title = byline.text, None if heading is None else " ".join(heading.text_content().split())
            seconds = int(node.get(at)) / (1 if len(node.get(at)) == 10 else 1000)
            for part in (heading, byline.getparent() if byline.getparent() is not node else byline):
                if part is not None:
                    part.drop_tree()
            text, pointers = visible("".join(lxml_html.tostring(child, encoding="unicode") for child in node))
            read.append(
                {
                    "id": node.get("id"),
                    "title": title,
                    "body": (text, [("div", ""), *(pointer for pointer in pointers if pointer[0] != "div")]),
                    "author": name,
                    "at": datetime.fromtimestamp(seconds, UTC).utctimetuple()[:6],
                }
            )
        return read

    return found


def read_microdata(body: bytes) -> list[Read]:
    page: Any = lxml_html.document_fromstring(body.decode())

    def of(node: Any, name: str) -> Any:
        return next(iter(node.xpath(f'.//*[@itemprop="{name}"]')), None)

    return [
        {
            "id": of(node, "url").get("href"),
            "title": None if of(node, "headline") is None else " ".join(of(node, "headline").text_content().split()),
            "body": visible("".join(lxml_html.tostring(part, encoding="unicode") for part in of(node, "articleBody"))),
            "author": of(node, "name").text,
            "at": moment(of(node, "datePublished").get("content")),
        }
        for node in page.xpath('//*[@itemprop="liveBlogUpdate"]')
    ]


def epoch(value: float) -> tuple[int, ...]:
    return datetime.fromtimestamp(value, UTC).utctimetuple()[:6]


def read_client_posts(body: bytes) -> list[Read]:
    posts = [post for post in json.loads(body)["_items"] if post["post_status"] == "open" and not post["deleted"]]
    assert [post["order"] for post in posts] == sorted((post["order"] for post in posts), reverse=True)
    return [
        {
            "id": post["_id"],
            "title": post.get("headline"),
            "body": visible(post["groups"][1]["refs"][0]["item"]["text"]),
            "author": post["byline"],
            "at": moment(post["published_date"]),
            "labels": {*post["tags"], *["key-event"] * post["lb_highlight"], *["pinned"] * post["sticky"]},
        }
        for post in posts
    ]


def read_rows(body: bytes) -> list[Read]:
    return [
        {
            "id": row["id"],
            "title": row["headline"] or None,
            "body": visible(row["render"]),
            "author": row["authors"][0]["name"],
            "at": epoch(row["entry_time"]),
        }
        for row in json.loads(body)["entries"]
    ]


def read_cards(body: bytes) -> list[Read]:
    return [
        {
            "id": card["id"],
            "title": unescape(" ".join(title[0].split())) if title else None,
            "body": visible(text),
            "at": epoch(card["card-added-at"] / 1000),
        }
        for card in reversed(json.loads(body)["cards"])
        for *title, text in [[element["text"] for element in card["story-elements"]]]
    ]


READERS: dict[FormatName, Callable[[bytes], list[Read]]] = {
    "rss": read_syndicated,
    "atom": read_syndicated,
    "json-feed": read_json_feed,
    "json-ld": read_page,
    "guardian": read_guardian,
    "guardian-page": read_page_model,
    "amp": read_markup("//amp-live-list//article", "data-sort-time", './span[@itemprop="author"]'),
    "mirror": read_markup('//*[@class="live-event-entry"]', "data-post-time", ".//mark"),
    "express": read_markup(
        '//*[@class="live-events__entry"]', "data-sort-time", './/*[@class="live-events__entry-author"]'
    ),
    "microdata": read_microdata,
    "superdesk": read_client_posts,
    "wordpress": read_rows,
    "quintype": read_cards,
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", [name for name in ALL if name != "text"])
def test_a_render_carries_every_post_exactly(blog: Blog, name: FormatName, seed: int | None) -> None:
    read = READERS[name](render(blog, name, noise=None if seed is None else Random(seed)))
    assert len(read) == len(blog.posts)
    for entry, post in zip(read, blog.posts, strict=True):
        assert entry["id"].endswith(post.id)
        assert entry == expected(entry, post)


def expected(entry: Read, post: Post) -> Read:
    return {
        "id": entry["id"],
        "title": post.title,
        "body": (post.text, visible("".join(post.body))[1]),
        "at": post.created_at.utctimetuple()[:6],
    } | {key: value for key, value in (("labels", set(post.labels)), ("author", post.author)) if key in entry}


def test_flattened_text_has_times_titles_and_texts_in_one_line(blog: Blog) -> None:
    lines = render(blog, "text").decode().split("\n\n")
    assert lines[:4] == [blog.section, blog.title, blog.standfirst, blog.title]
    assert "\n" not in lines[4]
    assert lines[5].startswith("Related Articles")
    at = 0
    for post in blog.posts:
        at = lines[4].index(" ".join(filter(None, (post.title, post.text))), at)
    assert re.match(r"\d{1,2}\.\d\d[ap]m GMT ", lines[4])
    assert lines[4].count("Updated at") == sum(post.updated_at is not None for post in blog.posts)


@pytest.mark.parametrize("name", ALL)
def test_noise_makes_every_render_differ_and_a_seed_repeats_it(blog: Blog, name: FormatName) -> None:
    bodies = [render(blog, name, noise=Random(seed)) for seed in range(8)]
    assert len(set(bodies)) == 8
    assert bodies == [render(blog, name, noise=Random(seed)) for seed in range(8)]
    assert render(blog, name) == render(blog, name)


@pytest.mark.parametrize("name", ALL)
def test_a_window_leaves_out_the_oldest(blog: Blog, name: FormatName) -> None:
    body = render(blog, name, window=3)
    whole = render(blog, name)
    assert len(body) < len(whole)
    if name != "text":
        assert [entry["id"][-24:] for entry in READERS[name](body)] == [post.id for post in blog.posts[:3]]


def test_a_title_cannot_break_out_of_its_document(blog: Blog) -> None:
    nasty = replace(blog, title="</script><!-- ]]> & “quotes”")
    for name, reader in READERS.items():
        assert len(reader(render(nasty, name))) == len(blog.posts)


def test_the_noise_is_what_it_claims_to_be(blog: Blog) -> None:
    """Tracking parameters, element ids, relative times, cache busters and references all occur."""
    pages = "".join(render(blog, "json-ld", noise=Random(seed)).decode() for seed in range(5))
    for sign in ("utm_source=", "fbclid=", "minutes ago", "?cb=17", "data-block", "rsquo;", "css-", "rendered "):
        assert sign in pages
    assert "utm_source=" not in render(blog, "json-ld").decode()
    assert set(FORMATS) == set(READERS) | {"text"}
