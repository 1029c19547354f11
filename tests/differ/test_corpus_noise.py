"""A day of looks at the recorded documents, in which servers do what they do at each render and editors do nothing.

No look leads to an event (catalogue check 50). What the recorded re-fetches themselves differ in is
``formats/test_refetched``.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from deltawire.formats.base import Raw
from deltawire.press.noise import Noise
from differ.build import Desk
from formats.docs import corpus, read_either_way
from formats.test_corpus_counts import COUNTS

LOOKS = 4
DAY = 96
"""A look each quarter of an hour."""

_TAG = re.compile(r'<(a|p|img|div|span|figure|h2|li)((?: [a-z-]+="[^"<>]*")+) ?(/?)>')
_ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')
_BETWEEN = re.compile(r"(?<=</p>)\s*(?=<p[ >])")
_PARTS = re.compile(r"(<(?:script|style|pre)\b.*?</(?:script|style|pre)>|<[^>]*>)", re.DOTALL)
_DESCRIPTION = re.compile(r"(?<=<description>)[^<]*(?=</description>)")
READABLE = [name for name, count in COUNTS.items() if isinstance(count, tuple) and count[1]]


class Renderer(Noise):
    """Renders what is recorded once more, as a publisher's servers do."""

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._chance = chance

    def document(self, text: str) -> str:
        if text[:1] in "{[":
            return self.json(self._strings(json.loads(text)))
        if text.startswith("<?xml"):
            return _DESCRIPTION.sub(lambda match: html.escape(self.markup(html.unescape(match[0]))), text)
        return self.markup(text) if text.lstrip().startswith("<") else self.lines(text)

    def lines(self, text: str) -> str:
        ends = self._chance.choice(("\n", "\r\n"))
        return ends.join(
            line.replace(" ", "  ", self.number(0, 2)) + " " * self.number(0, 2) for line in text.split("\n")
        )

    def markup(self, text: str) -> str:
        """Attributes in another order, tracking parameters, tokens at images, other white space, ads, ages."""
        text = _TAG.sub(self._rendered, text)
        text = "".join(part if part.startswith("<") else self._respaced(part) for part in _PARTS.split(text))
        return _BETWEEN.sub(lambda _: self._between(), text)

    def _rendered(self, match: re.Match[str]) -> str:
        pairs = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(match[2])}
        if pairs.get("href", "").startswith("http"):
            pairs["href"] = self.link(pairs["href"])
        if match[1] == "img" and "?" not in pairs.get("src", "?"):
            pairs["src"] = self.image(pairs["src"])
        return f"<{match[1]}{self.attributes(pairs | {'data-rendered': self.token()})}{match[3]}>"

    def _between(self) -> str:
        slot = f'<div class="ad ad-{self.token()}"><ins data-slot="{self.token()}"></ins><script>show()</script></div>'
        age = f'<div class="age"><time>{self.number(2, 59)} minutes ago</time></div>'
        return self.gap().join(("", *(part for part in (slot, age) if self.chance(0.3)), f"<!-- {self.token()} -->"))

    def _strings(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._strings(child) for key, child in value.items()}
        if isinstance(value, list):
            return [self._strings(child) for child in value]
        return self.markup(value) if isinstance(value, str) and "<p" in value else value


def entry_events(name: str, looks: int, render: Callable[[Renderer, str], str]) -> list[list[str]]:
    """The kinds of entry events of each look at a recorded document."""
    recorded = corpus(name).decode("utf-8-sig")
    desk = Desk()
    found = []
    for number in range(looks):
        body = render(Renderer(Random(f"{name} {number}")), recorded) if number else recorded
        reading = read_either_way(Raw(body=body.encode(), url="https://origin.example/file"))
        desk.tick += 86_400 // DAY
        events = desk.show(
            *reading.entries,
            coverage=reading.coverage,
            aside=reading.aside,
            tombstones=reading.tombstones,
            order=reading.feed.order,
            unstated=reading.unstated,
        )
        found.append([event.type for event in events if ".entry." in event.type])
    return found


@pytest.mark.parametrize("name", READABLE)
def test_what_servers_do_at_each_render_is_no_event(name: str) -> None:
    first, *others = entry_events(name, LOOKS, Renderer.document)
    assert first
    assert others == [[]] * len(others)


@pytest.mark.chaos
@pytest.mark.parametrize("name", READABLE)
def test_a_day_of_what_servers_do_at_each_render_is_no_event(name: str) -> None:
    first, *others = entry_events(name, DAY, Renderer.document)
    assert first
    assert others == [[]] * len(others)


def test_what_an_editor_does_among_it_is_an_event() -> None:
    def edited(renderer: Renderer, text: str) -> str:
        return renderer.document(text).replace("Perseverance", "Endeavour")

    first, *others = entry_events("guardian-dcr/nasa_2021-02-19.fetched-2021-02-22.json", 3, edited)
    assert len(first) == 13
    assert set(others[0]) == {"deltawire.entry.updated"}
    assert others[1] == []
