"""What a person is told: work that is done, questions that were asked."""

from __future__ import annotations

from django.db import models

from cohorts.models.cohort import Cohort, User


class Notification(models.Model):
    """One sentence for one person, with the page that it is about; its patient is named by pseudonym at most."""

    cohort_path = "cohort"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notifications")
    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="+")
    text = models.CharField(max_length=300)
    url = models.CharField(max_length=300)
    is_trouble = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["user", "read_at"])]

    def __str__(self) -> str:
        return self.text
