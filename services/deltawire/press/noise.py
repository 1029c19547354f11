"""Differences without editorial meaning, as content management systems make them at every render."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from random import Random
from typing import Any

from deltawire.press.shown import Shown

_TRACKING = ("utm_source=ticker", "utm_medium=live", "utm_campaign=c{n}", "fbclid=IwAR{n}", "gclid=G{n}")
_OPENING = re.compile(r'<(p|a|img)((?: [a-z]+="[^"]*")*)>')
_ATTRIBUTE = re.compile(r' ([a-z]+)="([^"]*)"')


class Noise:
    """Every method returns the plain form for a null ``rng``, else one of many forms of equal meaning."""

    def __init__(self, rng: Random | None) -> None:
        self._rng = rng

    def chance(self, probability: float) -> bool:
        return self._rng is not None and self._rng.random() < probability

    def token(self) -> str:
        """Eight hexadecimal digits; zeros without noise."""
        return f"{self._rng.getrandbits(32):08x}" if self._rng else "00000000"

    def number(self, low: int, high: int) -> int:
        return self._rng.randint(low, high) if self._rng else low

    def order(self, parts: Iterable[str]) -> list[str]:
        listed = list(parts)
        if self._rng:
            self._rng.shuffle(listed)
        return listed

    def gap(self) -> str:
        """Whitespace between elements."""
        return self._rng.choice(("", " ", "\n", "\n\n", "\n    ", "\t\r\n")) if self._rng else "\n"

    def attributes(self, pairs: Mapping[str, str]) -> str:
        """The attributes of a tag, each with a leading space."""
        return "".join(self.order(f' {name}="{html.escape(value)}"' for name, value in pairs.items()))

    def link(self, url: str) -> str:
        """The address with tracking parameters before its fragment."""
        if not self.chance(0.7):
            return url
        address, hash_, fragment = url.partition("#")
        wanted = self.order(_TRACKING)[: self.number(1, 3)]
        query = "&".join(parameter.format(n=self.token()) for parameter in wanted)
        return f"{address}{'&' if '?' in address else '?'}{query}{hash_}{fragment}"

    def image(self, url: str) -> str:
        """The address with a cache buster: an epoch, in seconds."""
        if self._rng is None:
            return url
        return f"{url}?{self._rng.choice(('cb', 'ts', '_'))}={self.number(1_760_000_000, 1_770_000_000)}"

    def json(self, value: Any) -> str:
        """A JSON text of the value: the order of keys, the indentation and the escapes are noise."""
        if self._rng is None:
            return json.dumps(value, ensure_ascii=False, indent=1)
        return json.dumps(self._shuffled(value), ensure_ascii=self.chance(0.5), indent=self._rng.choice((None, 1, 2)))

    def text(self, value: str) -> str:
        """Escaped text for HTML: some spaces are line breaks, some characters are references."""
        return self._respaced(html.escape(value, quote=False))

    def body(self, post: Shown) -> str:
        """The HTML of a post's body."""
        blocks = [self._block(block) for block in post.body]
        if self.chance(0.3):
            blocks.insert(0, f"<!-- rendered {self.token()} -->")
        if self.chance(0.5) and post.created_at is not None:
            blocks.append(self.age(post.created_at))
        return self.gap().join(blocks)

    def age(self, moment: datetime) -> str:
        """A relative time in an element of its own."""
        stamp = moment.isoformat().replace("+00:00", "Z")
        return f"<time{self.attributes({'datetime': stamp, 'class': 'age'})}>{self.number(1, 59)} minutes ago</time>"

    def _block(self, block: str) -> str:
        if self._rng is None:
            return block
        parts = re.split(r"(<[^>]+>)", _OPENING.sub(self._tag, block))
        return "".join(part if part.startswith("<") else self._respaced(part) for part in parts)

    def _tag(self, match: re.Match[str]) -> str:
        name = match[1]
        pairs = {key: html.unescape(value) for key, value in _ATTRIBUTE.findall(match[2])}
        if "href" in pairs:
            pairs["href"] = self.link(pairs["href"])
        if "src" in pairs:
            pairs["src"] = self.image(pairs["src"])
        if self.chance(0.5):
            pairs["id"] = f"el-{self.token()}"
        if self.chance(0.5):
            pairs["class"] = f"css-{self.token()}"
        if self.chance(0.5):
            pairs["data-block"] = self.token()
        return f"<{name}{self.attributes(pairs)}>"

    def _respaced(self, text: str) -> str:
        if self._rng is not None and " " in text and self.chance(0.5):
            words = text.split(" ")
            words[self._rng.randrange(len(words) - 1)] += self._rng.choice(("\n", " ", "\n  "))
            text = " ".join(words)
        return text.replace("’", self._rng.choice(("&rsquo;", "&#8217;", "’"))) if self._rng else text

    def _shuffled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._shuffled(value[key]) for key in self.order(value)}
        if isinstance(value, list):
            return [self._shuffled(item) for item in value]
        return value
