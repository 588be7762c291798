"""Shape of what researchers choose."""

from __future__ import annotations

from django import forms

from cohorts.forms import BootstrapMixin
from modeling.core.recipes import BUILT_IN, STANDARD

WEEKDAYS = [
    ("*", "Every day"),
    ("1", "Monday"),
    ("2", "Tuesday"),
    ("3", "Wednesday"),
    ("4", "Thursday"),
    ("5", "Friday"),
    ("6", "Saturday"),
    ("0", "Sunday"),
]


class RecipeForm(BootstrapMixin, forms.Form):
    """Which recipe to train."""

    recipe = forms.ChoiceField(choices=[(name, name.replace("_", " ")) for name in BUILT_IN], initial=STANDARD.name)


class ScheduleForm(RecipeForm):
    """When to retrain."""

    enabled = forms.BooleanField(required=False, label="Retrain on schedule")
    weekday = forms.ChoiceField(choices=WEEKDAYS, initial="0")
    hour = forms.IntegerField(min_value=0, max_value=23, initial=2, label="Hour of the day")


class PromotionForm(BootstrapMixin, forms.Form):
    """Why a version becomes the champion."""

    reason = forms.CharField(max_length=200)
