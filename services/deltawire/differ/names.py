"""Names that are spelt nearly alike: a slip of the pen, or two names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rapidfuzz.distance import DamerauLevenshtein

from deltawire.differ import lexicon
from deltawire.differ.state import Known

MOST_CHARACTERS = 1_000_000
"""Read of the other entries for their names, the latest first: a tenth of a second at most, once in a look."""
OF_ONE_ENTRY = 20_000
_SURE = 6
"""Letters from which on one wrong letter is a slip, if nothing else is known of the two names."""

_CAPITALISED = re.compile(r"\b[A-Z\u00c0-\u00de\u0100-\u024f\u0391-\u03a9\u0410-\u042f]\w+")
_PLACES = lexicon.words(
    "iran iraq mali malawi austria australia niger nigeria algeria liberia libya guinea guyana ghana gambia"
    " zambia oman jordan lebanon latvia lithuania slovakia slovenia sweden switzerland sudan syria serbia siberia"
    " china chile chad cuba colombia columbia dominica georgia mauritius mauritania paraguay uruguay tunisia"
    " turkey india indiana indonesia korea macedonia moldova myanmar namibia nepal peru poland portugal qatar"
    " kuwait romania russia rwanda senegal somalia somaliland spain tanzania thailand uganda ukraine yemen"
    " zimbabwe macao monaco morocco malta france finland estonia eritrea ethiopia ecuador angola albania armenia"
    " bahrain bahamas belarus belgium benin bolivia bosnia botswana brazil brunei bulgaria burundi cameroon canada"
    " congo croatia cyprus denmark egypt fiji gabon germany greece haiti hungary iceland ireland israel italy"
    " jamaica japan kenya kosovo laos lesotho luxembourg norway pakistan palestine panama philippines samoa taiwan"
    " togo tonga vietnam scotland england wales paris parma palma london londonderry newcastle doncaster lancaster"
    " leicester gloucester manchester winchester rome roma bern berlin dublin lyon leon lviv lima lome baku bali"
    " bonn brno"
)


class Vocabulary:
    """The capitalised words of the entries that are known of a blog; read only once an update asks for one."""

    def __init__(self, known: Mapping[str, Known] | None = None) -> None:
        self._known = known or {}
        self._users: dict[str, set[str]] | None = None

    def elsewhere(self, name: str, entry_id: str) -> bool:
        """Whether an entry other than ``entry_id`` uses the name (``lexicon.spelling``)."""
        if self._users is None:
            self._users = self._read()
        return bool(self._users.get(name, set()) - {entry_id})

    def _read(self) -> dict[str, set[str]]:
        users: dict[str, set[str]] = {}
        budget = MOST_CHARACTERS
        for entry_id, known in reversed(list(self._known.items())):
            entry = known.entry
            text = f"{entry.title or ''}\n{entry.content_text[:OF_ONE_ENTRY]}"
            budget -= len(text)
            if budget < 0:
                break
            for word in set(_CAPITALISED.findall(text)):
                of = users.setdefault(lexicon.spelling(word.casefold()), set())
                if len(of) < 2:
                    of.add(entry_id)
        return users


def respelt(old: str, new: str, vocabulary: Vocabulary, entry_id: str) -> bool:
    """Whether ``new`` is ``old`` spelt right, both as ``lexicon.spelling`` has them.

    Two places are two names, however near; so are two that the blog both uses in other entries. One letter is a slip
    where the blog uses the new spelling only, two from 7 letters on; where it uses neither, one letter from 6 on.
    """
    length = min(len(old), len(new))
    if old == new:
        return True
    if length < 4 or (old in _PLACES and new in _PLACES) or old in lexicon.ROLES or new in lexicon.ROLES:
        return False
    distance = DamerauLevenshtein.distance(old, new, score_cutoff=2)
    if distance > (2 if length > _SURE else 1):
        return False
    if vocabulary.elsewhere(old, entry_id):
        return False
    if vocabulary.elsewhere(new, entry_id):
        return True
    return distance == 1 and length >= _SURE
