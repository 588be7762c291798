"""Shape of what the editor of a contour asks for and sends."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy

from imaging.core.contouring.region_growing import TOLERANCES
from imaging.core.contouring.smoothing import WIDTHS_MM
from imaging.services.contouring import MOST_BYTES


class DrawingForm(forms.Form):
    """A drawing that a browser sends, as `imaging.core.contouring.wire` packs it."""

    mask = forms.FileField(max_length=100, error_messages={"required": gettext_lazy("No drawing was sent.")})

    def clean_mask(self) -> bytes:
        """Give the bytes; more than a drawing can be is not read."""
        file = self.cleaned_data["mask"]
        content: bytes = file.read(MOST_BYTES + 1)
        return content


class StartForm(forms.Form):
    """Where a tumour was clicked, and how to grow from there."""

    z = forms.IntegerField(min_value=0)
    y = forms.IntegerField(min_value=0)
    x = forms.IntegerField(min_value=0)
    method = forms.ChoiceField(choices=[("density", "density"), ("edges", "edges")])
    tolerance = forms.FloatField(min_value=TOLERANCES[0], max_value=TOLERANCES[1])


class SmoothForm(DrawingForm):
    """A drawing, and how much to smooth it."""

    width_mm = forms.FloatField(min_value=WIDTHS_MM[0], max_value=WIDTHS_MM[1])


class AgainstForm(DrawingForm):
    """A drawing, and the number of the version to compare it with; 0 for the one that counts."""

    version = forms.IntegerField(min_value=0)


class SaveDrawingForm(DrawingForm):
    """A drawing, and what is kept beside it."""

    name = forms.CharField(max_length=64)
    base = forms.IntegerField(min_value=0)
    drawn_from = forms.IntegerField(min_value=1, required=False)
    reason = forms.CharField(max_length=200, required=False)
