"""Stored bytes that a record let go of."""

from __future__ import annotations

from django.db import models


class DiscardedArtefact(models.Model):
    """A digest whose bytes go as soon as no record refers to it and no job is about to."""

    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"Discarded {self.digest[:12]}"
