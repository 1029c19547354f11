"""What ``deltawire check`` says of a document that names others."""

from __future__ import annotations

from deltawire.cli.check import as_text
from formats.docs import read_doc
from formats.vendor_docs import SHELL_URL, shell, update


def test_a_list_of_updates_says_how_many_documents_belong_to_it() -> None:
    further = "further    2 documents belong to it; the poller reads them too"
    assert further in as_text(read_doc(shell(1, 2), url=SHELL_URL))
    assert not any(line.startswith("further") for line in as_text(read_doc(update(1), url=SHELL_URL)))
