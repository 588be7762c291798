"""What a cohort has for training, and what a model of that size needs, before a run is started."""

from __future__ import annotations

from dataclasses import dataclass

from cohorts.core.response import is_mpr
from cohorts.models import Cohort, PathologyOutcome, Timepoint
from imaging.core.features import feature_names
from imaging.core.habitats import habitat_feature_names
from imaging.core.spec import STANDARD as PROTOCOL
from modeling.core.performance.sample_size import SampleSizeAdvice, advise
from modeling.core.views import TIMEPOINTS

#: The least number of habitats that a codebook is tried with.
FEWEST_HABITATS = 2
#: What the number of candidates is before there is a table.
_COUNTED = (
    f"Counted is every column of whole tumour and habitats before, after and in change, with {FEWEST_HABITATS} habitats and "
    "before any is dropped; a run counts those that are compared with the outcome."
)


@dataclass(frozen=True)
class TrainingAdvice:
    """Patients who could be trained on now, by centre, and the advice for the training centre."""

    by_centre: dict[str, tuple[int, int]]
    training_centre: str
    advice: SampleSizeAdvice | None


def training_advice(cohort: Cohort) -> TrainingAdvice:
    """Count patients with an outcome and an evaluable mask at both timepoints; advise on the sample size.

    The number of parameters is that of all columns of the integrated model's parts, with the fewest habitats that are
    tried; a run counts those that met the outcome.
    """
    readings = PathologyOutcome.objects.filter(patient__cohort=cohort, is_current=True)
    for kind in Timepoint.Kind.values:
        # A pass for each timepoint: both conditions on one join would ask for a mask that is both at once.
        readings = readings.filter(
            patient__timepoints__kind=kind,
            patient__timepoints__status=Timepoint.Status.EVALUABLE,
            patient__timepoints__segmentations__is_current=True,
        )
    threshold = float(cohort.mpr_threshold_percent)
    counted: dict[str, tuple[int, int]] = {}
    for outcome in readings.select_related("patient__centre").order_by("patient__centre__code", "pk").distinct():
        centre = outcome.patient.centre.code
        n, events = counted.get(centre, (0, 0))
        counted[centre] = (n + 1, events + is_mpr(outcome.reading, threshold_percent=threshold))
    home = cohort.training_centre.code if cohort.training_centre else ""
    n, events = counted.get(home, (0, 0))
    if not 0 < events < n:
        return TrainingAdvice(counted, home, None)
    columns = len(TIMEPOINTS) * (len(feature_names(PROTOCOL)) + len(habitat_feature_names(FEWEST_HABITATS)))
    advice = advise(n, events, parameters=columns, counted=_COUNTED)
    return TrainingAdvice(counted, home, advice)
