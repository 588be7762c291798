"""Shape of what researchers choose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime, time
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cohorts.forms.fields import BootstrapMixin
from cohorts.models import Withdrawal
from modeling.core.errors import InvalidRecipe, InvalidViews
from modeling.core.own_table.choices import ROLES, Choices
from modeling.core.own_table.own_views import parse_views
from modeling.core.recipes import BUILT_IN, CLASSIFIERS, STANDARD, Recipe
from modeling.core.views import VIEWS
from modeling.wording import classifier_in_words, meaning_of, setting_named, view_in_words

WEEKDAYS = [
    ("*", _("Every day")),
    ("1", _("Monday")),
    ("2", _("Tuesday")),
    ("3", _("Wednesday")),
    ("4", _("Thursday")),
    ("5", _("Friday")),
    ("6", _("Saturday")),
    ("0", _("Sunday")),
]


class RecipeForm(BootstrapMixin, forms.Form):
    """Which recipe to train: a built-in one, or one that the cohort's people designed."""

    recipe = forms.ChoiceField(label=_("Recipe"), initial=STANDARD.name)

    def __init__(self, *args: Any, recipes: Iterable[str] = BUILT_IN, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["recipe"]
        assert isinstance(choice, forms.ChoiceField)  # noqa: S101 - declared so above
        choice.choices = [(name, name.replace("_", " ")) for name in recipes]


class TrainForm(RecipeForm):
    """A run that starts now."""

    keep_closed = forms.BooleanField(
        required=False,
        label=_("Keep the external centres closed"),
        help_text=_("Their outcomes are not looked at until somebody opens the test, which is logged."),
    )


class WithdrawalForm(BootstrapMixin, forms.Form):
    """Why a patient is removed, and the code that says that this one is meant."""

    reason = forms.ChoiceField(label=_("reason"), choices=Withdrawal.Reason.choices)
    code = forms.CharField(
        label=_("the patient's code, typed"),
        max_length=32,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class ScheduleForm(RecipeForm):
    """When to retrain, and what a version must reach to become champion."""

    enabled = forms.BooleanField(required=False, label=_("Retrain on schedule"))
    weekday = forms.ChoiceField(label=_("Weekday"), choices=WEEKDAYS, initial="0")
    hour = forms.IntegerField(min_value=0, max_value=23, initial=2, label=_("Hour of the day"))
    minimum_new_outcomes = forms.IntegerField(min_value=1, required=False, label=_("New outcomes needed"))
    locked_only = forms.BooleanField(required=False, label=_("Count only outcomes of locked records"))
    when_stale = forms.BooleanField(required=False, label=_("Also when models are stale"))
    margin_auc = forms.FloatField(min_value=0.001, max_value=0.5, required=False, label=_("Largest loss of AUC"))
    slope_low = forms.FloatField(min_value=0, required=False, label=_("Lowest calibration slope"))
    slope_high = forms.FloatField(min_value=0, required=False, label=_("Highest calibration slope"))

    oe_low = forms.FloatField(min_value=0, max_value=1, required=False, label=_("Lowest observed to expected"))
    oe_high = forms.FloatField(min_value=1, required=False, label=_("Highest observed to expected"))
    minimum_patients = forms.IntegerField(min_value=4, required=False, label=_("Fewest patients"))
    minimum_events = forms.IntegerField(min_value=2, required=False, label=_("Fewest of the smaller class"))

    def clean(self) -> dict[str, Any]:
        """Refuse bounds that nothing can meet."""
        cleaned = super().clean() or {}
        for name, sentence in (
            ("slope", _("The highest calibration slope must exceed the lowest.")),
            ("oe", _("The highest ratio of observed to expected must exceed the lowest.")),
        ):
            low, high = cleaned.get(f"{name}_low"), cleaned.get(f"{name}_high")
            if low is not None and high is not None and low >= high:
                self.add_error(f"{name}_high", sentence)
        return cleaned

    @property
    def schedule(self) -> dict[str, Any]:
        """What `set_schedule` takes."""
        names = {"recipe": "recipe_name", "enabled": "enabled", "weekday": "weekday", "hour": "hour"}
        return {to: self.cleaned_data[name] for name, to in names.items()}

    @property
    def policy(self) -> dict[str, Any]:
        """What was said of the rule; a field that was left empty keeps its value."""
        numbers = ("margin_auc", "slope_low", "slope_high", "oe_low", "oe_high")
        names = ("minimum_new_outcomes", *numbers, "minimum_patients", "minimum_events")
        stated = {name: value for name in names if (value := self.cleaned_data[name]) is not None}
        # A box that is not ticked is not sent, so it counts only beside a number.
        boxes = {name: self.cleaned_data[name] for name in ("locked_only", "when_stale")}
        return stated | boxes if stated else {}


class MomentField(forms.CharField):
    """A date (its last moment) or a date with a time, in the installation's zone unless it names another."""

    def to_python(self, value: Any) -> datetime | None:  # type: ignore[override]
        """Read ``2026-01-31`` or ``2026-01-31T12:00+01:00``; empty gives None."""
        text = str(value or "").strip()
        if not text:
            return None
        try:
            # In an address a plus sign that is not escaped arrives as a space.
            moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        except ValueError as problem:
            raise forms.ValidationError(_("Give a date such as 2026-01-31, or 2026-01-31T12:00Z.")) from problem
        if "T" not in text and ":" not in text:
            moment = datetime.combine(moment.date(), time.max)
        return moment if moment.tzinfo else timezone.make_aware(moment)


class ChampionForm(BootstrapMixin, forms.Form):
    """Which model, and when."""

    name = forms.SlugField(label=_("Name"), max_length=40, required=False)
    on = MomentField(label=_("On the day"), required=False)


class PromotionForm(BootstrapMixin, forms.Form):
    """Why a version becomes the champion."""

    reason = forms.CharField(label=_("Reason"), max_length=200)
    override = forms.BooleanField(required=False, label=_("Approve it against the rule"))


class RollbackForm(BootstrapMixin, forms.Form):
    """Why a former champion returns."""

    reason = forms.CharField(label=_("Reason"), max_length=200)


class DesignForm(BootstrapMixin, forms.Form):
    """A recipe: everything that is decided before a model is fitted."""

    name = forms.SlugField(
        max_length=40, help_text=_("Letters, digits, - and _, no spaces. A change adds a version.")
    )
    views = forms.MultipleChoiceField(
        choices=lambda: [(name, view_in_words(name)) for name in VIEWS],
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )
    classifiers = forms.MultipleChoiceField(
        choices=lambda: [(name, classifier_in_words(name)) for name in CLASSIFIERS],
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )
    max_missing_fraction = forms.FloatField(min_value=0, max_value=1)
    icc_minimum = forms.FloatField(
        min_value=0,
        max_value=1,
        required=False,
        help_text=_("Used where stability was measured on training patients; empty switches the filter off."),
    )
    icc_limit = forms.ChoiceField(choices=[("estimate", _("the estimate")), ("lower", _("the lower 95 % limit"))])
    univariate_p = forms.FloatField(min_value=0, max_value=1)
    false_discovery = forms.BooleanField(required=False)
    max_abs_spearman = forms.FloatField(min_value=0, max_value=1)
    mrmr_features = forms.IntegerField(min_value=1, max_value=200)
    lasso_rule = forms.ChoiceField(
        choices=[("1se", _("largest within one standard error")), ("min", _("least loss"))]
    )
    patients_per_feature = forms.IntegerField(min_value=1, max_value=100)
    class_weight = forms.ChoiceField(
        choices=[("balanced", _("both classes count alike")), ("", _("every patient counts alike"))], required=False
    )
    calibration = forms.ChoiceField(choices=[("none", _("none")), ("sigmoid", _("sigmoid"))])
    threshold_rule = forms.ChoiceField(
        choices=[("youden", _("Youden's index")), ("sensitivity", _("sensitivity floor"))]
    )
    sensitivity_floor = forms.FloatField(min_value=0, max_value=1)
    harmonise = forms.ChoiceField(
        choices=[("none", _("none")), ("combat", _("ComBat"))],
        help_text=_("ComBat needs several training centres and refuses a centre that it was not fitted on."),
    )
    cv_folds = forms.IntegerField(min_value=2, max_value=20)
    cv_repeats = forms.IntegerField(min_value=1, max_value=50)
    inner_folds = forms.IntegerField(min_value=2, max_value=20)
    bootstraps = forms.IntegerField(min_value=0, max_value=20_000)
    selection_bootstraps = forms.IntegerField(min_value=0, max_value=1_000)
    temporal_fraction = forms.FloatField(min_value=0.1, max_value=0.5)
    seed = forms.IntegerField(min_value=0)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = setting_named(name) or field.label
            field.help_text = field.help_text or meaning_of(name)

    @classmethod
    def of(cls, recipe: Recipe, *, name: str = "") -> DesignForm:
        """Give the form filled with a recipe's values, under another name if one is given."""
        values = recipe.as_dict() | {"name": name or recipe.name, "class_weight": recipe.class_weight or ""}
        return cls(initial=values)

    def clean(self) -> dict[str, Any]:
        """Let the recipe judge its values together."""
        cleaned = super().clean() or {}
        if not self.errors:
            try:
                self.recipe_values = self._values(cleaned)
                Recipe.from_dict(self.recipe_values)
            except InvalidRecipe as problem:
                self.add_error(None, problem.message)
        return cleaned

    def _values(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        known = {field.name for field in fields(Recipe)}
        values = {name: value for name, value in cleaned.items() if name in known}
        return values | {"class_weight": cleaned["class_weight"] or None}


class OpeningForm(BootstrapMixin, forms.Form):
    """Why the external centres are opened now."""

    reason = forms.CharField(label=_("Reason"), max_length=200)


class TableUploadForm(BootstrapMixin, forms.Form):
    """A table that somebody brings."""

    file = forms.FileField(
        label=_("File"),
        help_text=_(
            "CSV (comma, semicolon or tab), Excel or Parquet, one row per patient under a pseudonym; at most 50 MB."
        ),
    )
    title = forms.CharField(
        label=_("Title"), max_length=80, required=False, help_text=_("Empty: Table and its number.")
    )


class TableChoicesForm(BootstrapMixin, forms.Form):
    """What each column of a table is, and how it is analysed."""

    outcome = forms.ChoiceField(label=_("Outcome"), required=False, help_text=_("A column of two values."))
    time = forms.ChoiceField(
        label=_("Time"), required=False, help_text=_("For survival: time until the event or the end of observation.")
    )
    event = forms.ChoiceField(label=_("Event"), required=False, help_text=_("With a time: whether it was the event."))
    positive = forms.CharField(
        max_length=80,
        required=False,
        label=_("value that is the event"),
        help_text=_("Where it is not 1, true or yes."),
    )
    id = forms.ChoiceField(
        required=False, label=_("patient id"), help_text=_("A pseudonym. Each patient stands in one row.")
    )
    centre = forms.ChoiceField(
        label=_("Centre"), required=False, help_text=_("The hospital; all but those that train are external tests.")
    )
    train_on = forms.CharField(
        max_length=400,
        required=False,
        label=_("centres that train"),
        help_text=_("Divided by commas. Empty: the one with most patients."),
    )
    exclude = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        label=_("leave out"),
        help_text=_("One column a line."),
    )
    views = forms.CharField(
        required=False,
        widget=forms.Textarea(
            attrs={"rows": 4, "spellcheck": "false", "placeholder": "clinical: [Age, Sex]\nhabitat: ['CT_habitat*']"}
        ),
        label=_("what each model looks at"),
        help_text=_(
            "YAML: a name, then a list of columns or patterns, or fuse: a list of names. "
            "Empty: one model of everything."
        ),
    )
    recipe = forms.ChoiceField(label=_("Recipe"), initial=STANDARD.name)
    seed = forms.IntegerField(label=_("Seed"), min_value=0, max_value=2**31 - 1, initial=STANDARD.seed)

    def __init__(self, *args: Any, columns: Iterable[str], recipes: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = [("", gettext("None")), *((name, name) for name in columns)]
        for role in ROLES:
            self._offer(role, offered)
        self._offer("recipe", [(name, name.replace("_", " ")) for name in recipes])

    def _offer(self, name: str, offered: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared so above
        field.choices = offered

    def clean_views(self) -> dict[str, Any] | None:
        """Read the YAML."""
        text = self.cleaned_data["views"].strip()
        try:
            return parse_views(text) if text else None
        except InvalidViews as problem:
            raise forms.ValidationError(problem.message) from problem

    def choices(self) -> Choices:
        """Give what was chosen."""
        values = self.cleaned_data
        return Choices(
            **{name: values[name] or None for name in (*ROLES, "positive")},
            exclude=_parts(values["exclude"].splitlines()),
            train_on=_parts(values["train_on"].split(",")),
            views=values["views"],
        )


def _parts(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(text.strip() for text in texts if text.strip())
