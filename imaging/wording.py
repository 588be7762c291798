"""Words for what the core names by keys."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

#: Family of features → how it is called.
FAMILY_WORDS = {
    "shape": _("Shape"),
    "firstorder": _("First order"),
    "glcm": _("Co-occurrence (GLCM)"),
    "glrlm": _("Run length (GLRLM)"),
    "glszm": _("Size zone (GLSZM)"),
    "gldm": _("Dependence (GLDM)"),
    "ngtdm": _("Grey tone difference (NGTDM)"),
    "habitats": _("Habitats"),
    "transitions": _("Habitat transitions"),
}
#: What a feature of each moment is called on axes and in sentences.
MOMENT_WORDS = {"pre": _("before treatment"), "post": _("after treatment"), "change": _("change")}
#: How a change is computed → words of its axis.
CHANGE_WORDS = {"log": _("log ratio"), "absolute": _("difference"), "relative": _("relative to before")}
METHOD_WORDS = {"pca": _("PCA"), "umap": _("UMAP")}
#: Verdict on the stability of a feature → words.
VERDICT_WORDS = {
    "stable": _("stable"),
    "by estimate only": _("by estimate only"),
    "not stable": _("not stable"),
    "undefined": _("undefined"),
}

#: Model → what its records are called where they are counted before they go.
_RECORD_WORDS = {
    "ImageSeries": _("Scans"),
    "Segmentation": _("Tumour masks"),
    "FeatureSet": _("Sets of features"),
    "SupervoxelMap": _("Supervoxel maps"),
    "HabitatMap": _("Habitat maps"),
    "TransitionMap": _("Maps of habitat transitions"),
    "Registration": _("Registrations"),
    "TumourLocation": _("Measured locations"),
    "PerturbedFeatures": _("Features under perturbation"),
    "PersonMark": _("Marks of the person in the files"),
    "Timepoint": _("Timepoints"),
    "PathologyOutcome": _("Pathology readings"),
    "BlindedReading": _("Blinded readings"),
    "OutcomeDraft": _("Drafts"),
    "Query": _("Queries"),
    "QueryMessage": _("Messages of queries"),
    "RecordLock": _("Signatures"),
    "Prediction": _("Predictions"),
    "Job": _("Jobs of the patient"),
}


def counted(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the words for each kind of record with how many there are, in the order of the words above."""
    known = [name for name in _RECORD_WORDS if name in counts]
    others = [name for name in counts if name not in _RECORD_WORDS]
    return [(str(_RECORD_WORDS.get(name, name)), counts[name]) for name in (*known, *others)]
