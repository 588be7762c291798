"""Named selections of a cohort's patients."""

from __future__ import annotations

from django.db import models
from django.urls import reverse

from cohorts.models.cohort import Cohort, User


class Subset(models.Model):
    """The filters of the address bar under a name; who is in it follows from the data of the day."""

    cohort_path = "cohort"

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="subsets")
    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=60)
    filters = models.JSONField(default=dict, help_text="filter → its value, as in the address bar")
    owner = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    is_shared = models.BooleanField("shared with the cohort", default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["cohort", "slug"], name="subset_slug_unique_in_cohort")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("cohorts:subset", args=[self.cohort.code, self.slug])
