"""The first minutes of an installation: who may begin, the first person, the first study."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from cohorts.errors import ServiceError
from cohorts.models import Cohort, User
from cohorts.services.cohorts import create_cohort

#: Letters and digits that nobody takes for one another.
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass(frozen=True)
class Study:
    """What the first study is called, and whether its patients are real."""

    name: str
    is_synthetic: bool


def is_empty() -> bool:
    """Tell whether nobody can log in yet."""
    return not User.objects.exists()


def setup_code() -> str:
    """Give the code that whoever runs the server reads there and types into the first page; made on first use."""
    file = _file()
    if not file.exists():
        draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        drawn = "".join(secrets.choice(_ALPHABET) for _place in range(12))
        draft.write_text("-".join((drawn[:4], drawn[4:8], drawn[8:])))
        with suppress(FileExistsError):  # of two processes that start at once, one makes the code of both
            file.hardlink_to(draft)
        draft.unlink()
    return file.read_text()


def is_setup_code(typed: str) -> bool:
    """Compare what somebody typed with the code, in constant time; spaces, hyphens and case do not count."""
    plain = "".join(character for character in typed.upper() if character.isalnum())
    return bool(plain) and secrets.compare_digest(plain.encode(), setup_code().replace("-", "").encode())


def first_person(username: str, *, full_name: str, password: str) -> User:
    """Make the person who administers the installation.

    Of two people who answer at the same moment one is first: the code can be taken away only once.
    """
    try:
        if not is_empty():
            raise FileNotFoundError
        _file().unlink()
    except FileNotFoundError:
        raise ServiceError("already_set_up", _("Somebody has set up this installation already.")) from None
    return User.objects.create_superuser(username, password=password, last_name=full_name)


@transaction.atomic
def first_study(study: Study, *, centres: dict[str, str], actor: User) -> Cohort:
    """Make the first cohort with its centres (code → name); models learn at the first of them."""
    code = slugify(study.name)[:32].strip("-") or "study"
    if Cohort.objects.filter(code=code).exists():
        code = f"{code[:26]}-{secrets.token_hex(2)}"
    return create_cohort(code, name=study.name, centres=centres, actor=actor, is_synthetic=study.is_synthetic)


def _file() -> Path:
    return Path(settings.DATA_DIR) / "setup.code"
