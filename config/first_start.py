"""What a server says when nobody can log in yet."""

from __future__ import annotations

import sys

from django.db import DatabaseError

from cohorts.services.onboarding import is_empty, setup_code


def announce() -> None:
    """Print the setup code where the server was started; whoever reads it there may set the site up."""
    try:
        if is_empty():
            print(f"Ecotone is empty. Open the site and enter this setup code: {setup_code()}", file=sys.stderr)
    except DatabaseError:
        pass  # the tables are not made yet; `manage.py doctor` tells
