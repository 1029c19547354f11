"""What ``deltawire check`` says of a document that names others."""

from __future__ import annotations

from deltawire.cli.check import as_text
from formats.docs import read_doc
from formats.vendor_docs import SHELL_URL, shell, update


def test_a_list_of_updates_says_how_many_documents_belong_to_it() -> None:
    further = "further    2 documents belong to it; the poller reads them too"
    assert further in as_text(read_doc(shell(1, 2), url=SHELL_URL))
    assert not any(line.startswith("further") for line in as_text(read_doc(update(1), url=SHELL_URL)))


def test_a_list_of_updates_of_which_no_address_is_known_is_a_problem() -> None:
    saved = read_doc(shell(1, 2), url="file:///shell.json")
    assert [problem.code for problem in saved.problems] == ["updates-elsewhere"]
    assert "lists 2 updates" in saved.problems[0].message


def test_order_and_time_zone_are_told_where_there_are_entries_to_judge_them_by() -> None:
    one = as_text(read_doc(update(1), url=SHELL_URL))
    assert "time zone  taken for UTC: the times state none" in one
    none = as_text(read_doc(shell(1, 2), url=SHELL_URL))
    assert not any(line.startswith("order") for line in one)
    assert not any(line.startswith(("order", "time zone")) for line in none)
