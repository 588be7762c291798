"""Two people at the same moment, in processes of their own on the embedded database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.installation import Installation


@pytest.mark.processes
def test_two_readers_fill_two_places_and_a_signature_covers_what_is_stored(tmp_path: Path) -> None:
    found = Installation(tmp_path).drive("tests.drivers.sign_and_read")
    assert found["read"] == ["stored", "stored"]
    assert found["slots"] == [1, 2]
    signed, corrected = found["signed"]
    assert signed == "stored"
    assert (corrected, found["age"]) in (("stored", 70), ("locked", None)), (
        "the correction came before, or not at all"
    )
    assert found["as_signed"]
