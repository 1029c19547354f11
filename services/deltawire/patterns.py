"""Patterns as operators write them: regular expressions, and which blogs belong to a series.

Those of a series are over titles and addresses:

``/europe.*live/`` is a regular expression, searched in the title and in the address; a pattern with ``*`` has to fit
the whole title or the whole address; any other is words that must all occur, in any order, in the title or in the
address. Case never matters.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable

_WORD = re.compile(r"[^\W_]+")
_LONGEST = 2048
"""Characters of a title or an address that are looked at."""


def regex(pattern: str, flags: re.RegexFlag = re.RegexFlag.NOFLAG) -> re.Pattern[str]:
    """The regular expression.

    Raises:
        ValueError: it is none, or one that is too large; why.
    """
    try:
        return re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"is no regular expression: {error}") from None


def mistake(pattern: str) -> str | None:
    """What is wrong with a pattern."""
    try:
        compiled(pattern)
    except ValueError as error:
        return str(error)
    if not is_regex(pattern) and not _WORD.search(pattern):
        return "holds no word; write words, a pattern with *, or a /regular expression/"
    return None


def is_regex(pattern: str) -> bool:
    return len(pattern) > 2 and pattern.startswith("/") and pattern.endswith("/")


def compiled(pattern: str) -> Callable[[str, str], bool]:
    """The test of a title and an address.

    Raises:
        ValueError: it is written as a regular expression, and is none.
    """
    if is_regex(pattern):
        search = regex(pattern[1:-1], re.IGNORECASE).search
        return lambda *texts: any(search(text[:_LONGEST]) for text in texts)
    if "*" in pattern:
        match = re.compile(fnmatch.translate(pattern.strip()), re.IGNORECASE).match
        return lambda *texts: any(match(text[:_LONGEST]) for text in texts)
    wanted = _words(pattern)
    return lambda *texts: any(wanted <= _words(text[:_LONGEST]) for text in texts)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))
