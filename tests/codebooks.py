"""A habitat model whose codebook nobody reads: for tests of what hangs on it."""

from __future__ import annotations

from cohorts.models import Cohort
from imaging.models import HabitatModel
from imaging.services.protocols import protocol_named


def empty_model(cohort: Cohort, *, n_habitats: int) -> HabitatModel:
    """Store the first habitat model of a cohort."""
    return HabitatModel.objects.create(
        cohort=cohort,
        protocol=protocol_named("standard"),
        version=1,
        n_habitats=n_habitats,
        digest="0" * 64,
        codebook={},
    )
