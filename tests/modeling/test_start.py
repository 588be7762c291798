"""What a process waits for when it starts."""

from __future__ import annotations

import subprocess
import sys

from django.conf import settings

#: Together more than a second; who needs one of them imports it there.
LATE = ("skops", "shap", "lifelines", "sklearn.ensemble")


def test_the_site_starts_without_libraries_that_only_some_work_needs() -> None:
    code = f"import sys, django; django.setup(); import config.urls; print([name for name in {LATE} if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=settings.BASE_DIR, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
