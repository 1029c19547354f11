"""``${NAME}`` in a URL: expanded when the request is made, and kept out of everything stored or logged."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit, urlunsplit

NAME = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""``${NAME}``, the name as its group."""


class MissingVariable(Exception):
    """An environment variable that a URL needs is not set."""


def expand(url: str, environ: Mapping[str, str] = os.environ) -> tuple[str, dict[str, str]]:
    """The URL with its variables filled in, and what was filled in, by name.

    Raises:
        MissingVariable: one of them is not set.
    """
    values: dict[str, str] = {}
    if "${" not in url:
        return url, values

    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        if name not in environ:
            raise MissingVariable(
                f"the URL needs the environment variable {name}, which is not set; set it where deltawire is started"
            )
        values[name] = environ[name]
        return values[name]

    return NAME.sub(value_of, url), values


def conceal(url: str, values: Mapping[str, str]) -> str:
    """The URL as documents may see it: without credentials, with ``${NAME}`` again where a value stands.

    A host stays readable (the links of the document show it anyway, and relative ones are resolved by it).
    """
    parts = urlsplit(url)

    def hide(text: str) -> str:
        # The longest first: one value may be a part of another.
        for name, value in sorted(values.items(), key=lambda item: -len(item[1])):
            for spelling in {value, quote(value, safe=""), quote(value)} - {""}:
                text = text.replace(spelling, f"${{{name}}}")
        return text

    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, hide(parts.path), hide(parts.query), hide(parts.fragment)))
