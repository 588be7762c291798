"""App registration."""

from django.apps import AppConfig


class ImagingConfig(AppConfig):
    name = "imaging"
    verbose_name = "Imaging"

    def ready(self) -> None:
        """Tell the pages of cohorts what imaging knows of patients."""
        from imaging.services.cohort_facts import declare_facts

        declare_facts()
