"""What every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real test data beside the repository; its licences forbid to ship it, so tests skip without it."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("real test data is absent: expected the folder ../shared/data beside the repository")
    return folder


@pytest.fixture(scope="session")
def shared_reference() -> Path:
    """Golden vectors beside the repository."""
    folder = SHARED / "reference"
    if not folder.is_dir():
        pytest.skip("golden vectors are absent: expected the folder ../shared/reference beside the repository")
    return folder
