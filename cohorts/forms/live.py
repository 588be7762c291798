"""Forms that say at each field what the rules think of it while somebody types, and know what they started from."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms

from cohorts.core.errors import Finding
from cohorts.forms.fields import BootstrapMixin


class LiveMixin(BootstrapMixin):
    """Every control points to its help and to the place where its errors and findings stand."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            help_id = [f"id_{name}_helptext"] if field.help_text else []
            field.widget.attrs["aria-describedby"] = " ".join([*help_id, f"id_{name}_error"])
            if isinstance(field, forms.DecimalField):
                field.widget.attrs["inputmode"] = "decimal"
            elif isinstance(field, forms.IntegerField):
                field.widget.attrs["inputmode"] = "numeric"

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> Any:
        """Write a stored number as somebody would type it: 1, not 1.00."""
        value = super().get_initial_for_field(field, field_name)  # type: ignore[misc]
        return f"{float(value):g}" if isinstance(value, Decimal) else value

    def said_at(self, findings: Iterable[Finding]) -> list[tuple[str, list[str], list[Finding]]]:
        """Give what to write at each field: its id, its own errors and the rules' findings.

        That a field is empty is an error only after the form was sent.
        """
        of_field: dict[str, list[Finding]] = {}
        for finding in findings:
            of_field.setdefault(finding.field, []).append(finding)
        return [
            (f"id_{name}_error", self._mistakes(name), of_field.get(name, []))
            for name, field in self.fields.items()
            if not isinstance(field.widget, forms.HiddenInput)
        ]

    def _mistakes(self, name: str) -> list[str]:
        errors = self.errors.get(name)  # type: ignore[attr-defined]
        if errors is None:
            return []
        was_sent = "sent" in self.data  # type: ignore[attr-defined]
        wrong = [error for error in errors.as_data() if was_sent or error.code != "required"]
        return [message for error in wrong for message in error.messages]
