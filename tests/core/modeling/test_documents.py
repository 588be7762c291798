"""Documents as values, and as PDF."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from modeling.core.reporting import typeset
from modeling.core.reporting.documents import (
    Checklist,
    DataTable,
    Document,
    Figure,
    Item,
    Note,
    Paragraph,
    Section,
)

HOSTILE = (
    '#eval("1+1") ] [ $x$ *b* _i_ @ref <label> \\ // c /* d */ `raw` #import "x" " \' --- ~ \u202e {{ x }} <script>'
)
SPEC = {
    "data": {"values": [{"a": 1.0, "b": HOSTILE}]},
    "width": "container",
    "mark": "point",
    "encoding": {
        "x": {"field": "a", "type": "quantitative", "title": "A (mm)"},
        "y": {"field": "b", "type": "nominal"},
    },
}


def document(words: str = "Plain words") -> Document:
    return Document(
        words,
        words,
        (
            Section(
                words,
                (
                    Paragraph(words, words),
                    Note(words, "caution"),
                    DataTable((words, "n"), tuple((words, str(n)) for n in range(3)), words, words, (1,)),
                    Figure("one", words, SPEC, words, words),
                    Checklist((Item("1", words, "author"), Item("2a", words, "filled", words, words, 0.25)), words),
                ),
            ),
        ),
        ((words, words),),
    )


def test_a_document_is_json_and_equal_documents_have_equal_digests() -> None:
    assert json.loads(json.dumps(document().as_dict()))["sections"][0]["blocks"][2]["kind"] == "table"
    assert document().digest == document().digest
    assert document().digest != document("Other words").digest


def test_figures_and_items_are_found_wherever_they_stand() -> None:
    assert [figure.key for figure in document().figures] == ["one"]
    assert [item.number for item in document().items] == ["1", "2a"]


@pytest.mark.parametrize(("answer", "source"), [("", "TrainingRun 1"), ("Yes.", "")])
def test_a_filled_item_needs_an_answer_and_a_source(answer: str, source: str) -> None:
    with pytest.raises(ValueError, match="needs an answer and the row"):
        Item("1", "Title", "filled", answer, source)


def test_a_status_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="one of filled, author, not applicable"):
        Item("1", "Title", "done")  # type: ignore[arg-type]


def test_a_row_with_another_number_of_cells_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 2 cells"):
        DataTable(("a", "b"), (("1",),))


def test_equal_documents_give_equal_bytes_and_no_date_of_today() -> None:
    first, second = typeset.pdf(document()), typeset.pdf(document())
    assert first == second
    assert first.startswith(b"%PDF-")
    assert b"D:2026" not in first
    assert typeset.pdf(document("Other words")) != first


def test_hostile_text_is_set_as_it_stands_and_never_run() -> None:
    assert typeset.pdf(document(HOSTILE)).startswith(b"%PDF-")
    # Were the sum read as code, the page would show 2 in place of the words.
    sums = [Document("t", "", (Section("s", (Paragraph(text),)),)) for text in ("#(1+1)", "2")]
    assert typeset.pages(sums[0]) != typeset.pages(sums[1])


def test_a_table_that_is_longer_than_a_page_breaks() -> None:
    rows = tuple((f"Row {n}", str(n)) for n in range(150))
    long = Document("Long", "", (Section("One", (DataTable(("a", "b"), rows),)),))
    assert len(typeset.pages(long, ppi=20)) >= 3
    assert len(typeset.pages(replace(long, sections=()), ppi=20)) == 1
