"""Shape of a cohort's settings, and of a member's role."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cohorts.forms.fields import BootstrapMixin
from cohorts.models import Centre, Cohort, Membership, User
from cohorts.services.settings import SETTING_FIELDS


class SettingsForm(BootstrapMixin, forms.ModelForm[Cohort]):
    """How a cohort works."""

    class Meta:
        model = Cohort
        fields = list(SETTING_FIELDS)
        labels = {
            "name": _("name"),
            "description": _("description"),
            "training_centre": _("training centre"),
            "mpr_threshold_percent": _("MPR line (% viable tumour)"),
            "double_reading": _("blinded double reading"),
            "reading_margin_points": _("margin of two readings (points)"),
            "post_scan_due_days": _("CT after treatment due (days)"),
            "pathology_due_days": _("pathology due (days)"),
        }
        help_texts = {
            "training_centre": _("Models learn here."),
            "mpr_threshold_percent": _("Residual viable tumour at or below which a response is major."),
            "double_reading": _(
                "Two readers give the viable percentage blind; only agreed or adjudicated values train models."
            ),
            "reading_margin_points": _(
                "Two readings that differ by more percentage points than this go to a third reader."
            ),
            "post_scan_due_days": _("Days after the last dose from which a missing post-treatment CT is overdue."),
            "pathology_due_days": _("Days after the last dose from which a missing pathology is overdue."),
        }
        widgets = {"description": forms.Textarea(attrs={"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        centre = self.fields["training_centre"]
        assert isinstance(centre, forms.ModelChoiceField)  # noqa: S101 - narrows the type
        centre.queryset = Centre.objects.filter(cohort=self.instance)


class RoleForm(BootstrapMixin, forms.ModelForm[Membership]):
    """A member's role, at one centre or at all of them."""

    class Meta:
        model = Membership
        fields = ["role", "centre"]
        labels = {"role": _("role"), "centre": _("centre")}

    def __init__(self, *args: Any, cohort: Cohort, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cohort = cohort
        centre = self.fields["centre"]
        assert isinstance(centre, forms.ModelChoiceField)  # noqa: S101 - narrows the type
        centre.queryset, centre.empty_label = Centre.objects.filter(cohort=cohort), _("All centres")


class NewMemberForm(RoleForm):
    """A person who is to work in the cohort; they have a log-in already."""

    username = forms.CharField(label=_("username"), max_length=150)
    field_order = ["username", "role", "centre"]

    class Meta(RoleForm.Meta):
        help_texts = {"centre": _("Whose patients they see.")}

    def clean_username(self) -> User:
        """Give the person of that name, who must not be a member yet."""
        name: str = self.cleaned_data["username"].strip()
        user = User.objects.filter(username=name, is_active=True).first()
        if user is None:
            raise forms.ValidationError(_("Nobody has this username. An administrator makes log-ins on the server."))
        if Membership.objects.filter(cohort=self.cohort, user=user).exists():
            raise forms.ValidationError(_("This person is a member already."))
        return user
