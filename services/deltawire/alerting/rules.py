"""Which events a rule is about. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import cached_property, lru_cache

import msgspec

from deltawire import patterns
from deltawire.config import RuleConfig
from deltawire.events import EntryData, Event
from deltawire.model import Entry

REGEX_SEARCHES = 64 * 1024
"""Characters of title and text that a regular expression sees. A pattern that backtracks without end can still
hold up alerting: the operator writes it, and ``re`` knows no deadline."""

_SAME = str.maketrans(
    dict.fromkeys("‘’‚‛′ʼ´`", "'") | dict.fromkeys("“”„‟″«»", '"') | dict.fromkeys("\u2010\u2011", "-")
) | dict.fromkeys([0x00AD, 0x200B, 0x2060, 0xFEFF])
_WITHOUT_SPACES = ("CJK ", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that can be matched: its words folded, its expression compiled."""

    config: RuleConfig
    any: tuple[str, ...]
    all: tuple[str, ...]
    none: tuple[str, ...]
    regex: re.Pattern[str] | None


class Subject:
    """An entry event as rules see it. Its content is prepared once for all rules, and only if one comes to it."""

    def __init__(self, event: Event, data: EntryData, entry: Entry) -> None:
        self.event = event
        self.data = data
        self.entry = entry

    @cached_property
    def folded(self) -> tuple[str, ...]:
        return tuple(fold(part) for part in (self.entry.title, self.entry.content_text) if part)


def compile_rule(config: RuleConfig) -> Rule:
    """The rule of a configuration.

    Raises:
        ValueError: one sentence says what is wrong with it.
    """
    return Rule(
        config=config,
        any=_words(config, "any", config.any),
        all=_words(config, "all", config.all),
        none=_words(config, "none", config.none),
        regex=_pattern(config),
    )


def _words(config: RuleConfig, key: str, words: tuple[str, ...]) -> tuple[str, ...]:
    folded = tuple(fold(word) for word in words)
    if "" in folded:
        raise ValueError(f"rule {config.id!r}: {key} holds an empty word; remove it")
    return folded


def _pattern(config: RuleConfig) -> re.Pattern[str] | None:
    if not config.regex:
        return None
    try:
        return patterns.regex(config.regex)
    except ValueError as error:
        mend = "mend it, or use any, all and none for plain words"
        raise ValueError(f"rule {config.id!r}: regex {error}; {mend}") from None


def subject(event: Event, whole: Entry | None = None) -> Subject | None:
    """The event for matching; null for what never leads to an alert: feed events and mere re-readings.

    ``whole`` is the whole entry of a truncated event.
    """
    if not isinstance(event.data, EntryData) or event.data.cause == "reparse":
        return None
    return Subject(event, event.data, event.data.entry if whole is None else whole)


def match(rule: Rule, subject: Subject) -> tuple[str, ...] | None:
    """What the rule found, perhaps nothing in particular; null when a condition does not hold.

    The state after the event is what counts, also for an update: an entry that still matches is reported again
    with each new revision, unless the rule's ``types`` or ``significance`` say otherwise. ``feeds`` names
    feeds or series.
    """
    config, feed = rule.config, subject.data.feed
    if (
        subject.event.type.rpartition(".")[2] not in config.types
        or (subject.event.backfill and not config.backfill)
        or (config.significance and subject.data.significance not in config.significance)
        or (config.feeds and feed.id not in config.feeds and feed.series not in config.feeds)
        or (config.tags and not set(config.tags) & set(feed.tags))
        or (config.labels and not set(config.labels) & set(subject.entry.labels))
    ):
        return None
    return _found_in_content(rule, subject)


def _found_in_content(rule: Rule, subject: Subject) -> tuple[str, ...] | None:
    def occurs(phrase: str) -> bool:
        return any(_occurs(phrase, part) for part in subject.folded)

    found_any = tuple(word for word in rule.any if occurs(word))
    if (rule.any and not found_any) or not all(map(occurs, rule.all)) or any(map(occurs, rule.none)):
        return None
    found = found_any + rule.all
    if rule.regex is not None:
        hit = rule.regex.search(f"{subject.entry.title or ''}\n{subject.entry.content_text}"[:REGEX_SEARCHES])
        if hit is None:
            return None
        found += (hit.group(),)
    return found


def fold(text: str) -> str:
    """The text for comparison: case folded, composed, plain quotes and hyphens, single spaces, nothing invisible."""
    folded = unicodedata.normalize("NFC", text).casefold().translate(_SAME)
    return " ".join(unicodedata.normalize("NFC", folded).split())


def _occurs(phrase: str, text: str) -> bool:
    """Whether the phrase stands in the text on whole words."""
    start = text.find(phrase)
    while start >= 0:
        if not _inside_word(text, start) and not _inside_word(text, start + len(phrase)):
            return True
        start = text.find(phrase, start + 1)
    return False


def _inside_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and _of_word(text[at - 1]) and _of_word(text[at])


@lru_cache(maxsize=4096)
def _of_word(character: str) -> bool:
    """Whether the character clings to its neighbours; in scripts without spaces between words none does."""
    if not (character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M"):
        return False
    return not unicodedata.name(character, "").startswith(_WITHOUT_SPACES)
