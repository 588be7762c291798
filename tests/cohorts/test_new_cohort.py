"""The form of a new cohort: what is wrong with its centres is said at their field."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from cohorts.models import Cohort, User

pytestmark = pytest.mark.django_db


def sent(client: Any, centres: str) -> Any:
    client.force_login(User.objects.create_superuser("root", password="long enough 1"))
    return client.post(reverse("cohorts:create"), {"code": "lung", "name": "Lung", "centres": centres})


@pytest.mark.parametrize(
    ("centres", "said"),
    [
        (": University hospital", "“” is no code"),
        ("University hospital", "“University hospital” is no code"),
        ("A: Here\n浙江: There", "“浙江” is no code"),
        ("A: Here\nA: There", "The code “A” stands twice."),
        ("A: Here\nA", "The code “A” stands twice."),
        (f"{'A' * 33}: Here", "is no code"),
        (f"A: {'x' * 121}", "at most 120 characters"),
    ],
)
def test_a_centre_without_a_code_or_with_one_that_stands_is_an_error_at_the_field(
    client: Any, centres: str, said: str
) -> None:
    answer = sent(client, centres)
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == ["centres"]
    assert said in str(answer.context["form"].errors["centres"])
    assert not Cohort.objects.exists()


def test_centres_with_codes_become_the_cohorts_centres(client: Any) -> None:
    assert sent(client, "A: University: hospital\n\n B \n").status_code == 302
    assert dict(Cohort.objects.get().centres.values_list("code", "name")) == {"A": "University: hospital", "B": "B"}
