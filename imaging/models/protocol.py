"""Named, frozen parameters."""

from __future__ import annotations

from django.db import models

from imaging.core.spec import ExtractionSpec


class ExtractionProtocol(models.Model):
    """A named spec. Shared by all cohorts and never edited: other parameters are another protocol."""

    name = models.SlugField(max_length=40, unique=True)
    parameters = models.JSONField()
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def spec(self) -> ExtractionSpec:
        """The value twin."""
        return ExtractionSpec.from_dict(self.parameters)
