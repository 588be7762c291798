"""People, cohorts and who may do what where."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from cohorts.core.agreement import READING_MARGIN_POINTS
from cohorts.core.response import MPR_THRESHOLD_PERCENT


class User(AbstractUser):
    """A person who can log in, with how they like to read. Rights come from memberships only."""

    class Theme(models.TextChoices):
        AUTO = "auto", _("As the device")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    language = models.CharField(_("language"), max_length=10, blank=True, help_text="Empty: as the browser asks.")
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True, help_text="Empty: the installation's.")
    theme = models.CharField(_("appearance"), max_length=5, choices=Theme, default=Theme.AUTO)


#: First parts of addresses below ``cohorts/``: a cohort of such a code could not be reached.
RESERVED_CODES = frozenset(
    {
        "day",
        "habitat-maps",
        "jobs",
        "new",
        "notifications",
        "registrations",
        "segmentations",
        "series",
        "supervoxel-maps",
        "transition-maps",
    }
)


def not_reserved(code: str) -> None:
    """Refuse a cohort code that is an address of the site."""
    if code in RESERVED_CODES:
        raise ValidationError(_("“%(code)s” is an address of the site: choose another code."), params={"code": code})


class Cohort(models.Model):
    """A named group of patients under one protocol; the boundary of permissions."""

    cohort_path = ""

    code = models.SlugField(
        max_length=32,
        unique=True,
        validators=[not_reserved],
        help_text=_("Short name used in addresses and commands."),
    )
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    is_synthetic = models.BooleanField(default=False, help_text="Computer-generated data, labelled so on every page.")
    mpr_threshold_percent = models.DecimalField(
        max_digits=4,
        decimal_places=1,
        default=MPR_THRESHOLD_PERCENT,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text="Residual viable tumour at or below which a response is major.",
    )
    double_reading = models.BooleanField(
        default=False,
        help_text="Two readers give the viable percentage blind; only agreed or adjudicated values train models.",
    )
    reading_margin_points = models.DecimalField(
        max_digits=4,
        decimal_places=1,
        default=READING_MARGIN_POINTS,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text="Two readings that differ by more percentage points than this go to a third reader.",
    )
    post_scan_due_days = models.PositiveSmallIntegerField(
        default=42, help_text="Days after the last dose from which a missing post-treatment CT is overdue."
    )
    pathology_due_days = models.PositiveSmallIntegerField(
        default=70, help_text="Days after the last dose from which a missing pathology is overdue."
    )
    training_centre = models.ForeignKey(
        "Centre",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="trains",
        help_text="Models learn here.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("cohorts:detail", args=[self.code])


class Centre(models.Model):
    """A hospital that contributes patients to a cohort."""

    cohort_path = "cohort"

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="centres")
    code = models.SlugField(max_length=32)
    name = models.CharField(max_length=120)

    class Meta:
        ordering = ["code"]
        constraints = [models.UniqueConstraint(fields=["cohort", "code"], name="centre_code_unique_in_cohort")]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What a member does in a cohort."""

    COORDINATOR = "coordinator", "Study coordinator"
    READER = "reader", "Reader"
    RESEARCHER = "researcher", "Researcher"
    DATA_MANAGER = "data_manager", "Data manager"
    ADMINISTRATOR = "administrator", "Administrator"


class Membership(models.Model):
    """One person's role in one cohort, at one centre or at all of them."""

    cohort_path = "cohort"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role)
    centre = models.ForeignKey(
        Centre, null=True, blank=True, on_delete=models.CASCADE, help_text="Empty: patients of every centre."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "cohort"], name="one_role_per_cohort")]

    def __str__(self) -> str:
        return f"{self.user} as {self.get_role_display()} in {self.cohort}"
