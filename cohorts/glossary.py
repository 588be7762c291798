"""What the words of the pages mean, in a sentence or two: shown at the word, and together on the help page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Term:
    """One word of the pages, how it is written out, and what it means."""

    name: Any
    title: Any
    meaning: Any


TERMS: dict[str, Term] = {
    "mpr": Term(
        _("MPR"),
        _("Major pathological response"),
        _(
            "At most 10 % of the primary tumour bed is still viable tumour. Lymph nodes do not count. "
            "It is derived from the percentages that were entered and the threshold of the cohort, never typed."
        ),
    ),
    "pcr": Term(
        _("pCR"),
        _("Pathological complete response"),
        _(
            "No viable tumour is left, neither in the primary tumour bed nor in any sampled lymph node (ypT0 ypN0), "
            "and the tumour bed was sampled completely or, above 3 cm, as IASLC asks. Where it was not, or where nobody "
            "states how it was sampled, pCR is unconfirmed."
        ),
    ),
    "rvt": Term(
        _("viable tumour"),
        _("Residual viable tumour (RVT)"),
        _(
            "The share of the tumour bed that is still living tumour at surgery. Viable tumour, necrosis and stroma "
            "together make 100 % of the bed (IASLC 2020)."
        ),
    ),
    "habitat": Term(
        _("habitat"),
        _("Habitat"),
        _(
            "A part of the tumour whose tissue looks alike on the CT. The habitats of a cohort are found once, "
            "in the training centre, and then drawn in every tumour, so that habitat 1 means the same in every patient."
        ),
    ),
    "supervoxel": Term(
        _("supervoxel"),
        _("Supervoxel"),
        _(
            "A small connected piece of the tumour with similar density. Supervoxels are made first; "
            "each is then given to one habitat."
        ),
    ),
    "msi": Term(
        _("multiregional spatial interaction"),
        _("Multiregional spatial interaction"),
        _(
            "How often voxels of one habitat touch voxels of another, and so which habitats lie side by side. "
            "It has nothing to do with microsatellite instability, which shares the abbreviation MSI."
        ),
    ),
    "ith": Term(
        _("heterogeneity"),
        _("Intratumour heterogeneity"),
        _("How mixed a tumour is: how many habitats share it, how evenly, and how finely they are interleaved."),
    ),
    "transition": Term(
        _("transition"),
        _("Habitat transition"),
        _(
            "What each place in the tumour was before treatment and became after it: another habitat, lung, "
            "or the same. It needs the second scan to be registered onto the first."
        ),
    ),
    "delta": Term(
        _("delta"),
        _("Delta feature"),
        _("The change of a feature from the scan before treatment to the scan after it."),
    ),
    "icc": Term(
        _("ICC"),
        _("Intraclass correlation coefficient"),
        _(
            "How well repeated measurements agree, from 0 (not at all) to 1 (perfectly). Features are measured again "
            "under small disturbances of scan and contour; readers are compared with each other."
        ),
    ),
    "auc": Term(
        _("AUC"),
        _("Area under the ROC curve"),
        _(
            "The chance that a patient who responded gets a higher value than one who did not: "
            "0.5 is a coin, 1 is perfect. Read it with its interval."
        ),
    ),
    "calibration": Term(
        _("calibration"),
        _("Calibration"),
        _("Whether predicted probabilities come true: of patients given 30 %, about 30 of 100 should respond."),
    ),
    "champion": Term(
        _("champion"),
        _("Champion"),
        _(
            "The model version that a person put in use, with a reason that is kept. Before that the first version "
            "is a candidate, and its predictions are shown as a candidate's; others are challengers."
        ),
    ),
    "double_reading": Term(
        _("double reading"),
        _("Blinded double reading"),
        _(
            "Two readers estimate viable tumour without seeing each other or any prediction. "
            "If they differ too much, a third decides."
        ),
    ),
    "query": Term(
        _("query"),
        _("Query"),
        _(
            "A question of a data manager about one field of one patient. A coordinator answers it; "
            "the data manager closes it."
        ),
    ),
    "lock": Term(
        _("lock"),
        _("Lock"),
        _(
            "A signature under a finished record: the password again, what the signature means, and when. "
            "A locked record refuses changes until it is unlocked with a reason."
        ),
    ),
    "consensus": Term(
        _("consensus"),
        _("Consensus"),
        _(
            "The value on which blinded readings settled: the mean of two readings that agree, "
            "or the third reader's decision."
        ),
    ),
    "cohort": Term(
        _("cohort"),
        _("Cohort"),
        _("A named group of patients under one protocol. What you may see and do is decided cohort by cohort."),
    ),
    "centre": Term(
        _("centre"),
        _("Centre"),
        _("A hospital that contributes patients. Models learn in one centre and are tested in the others."),
    ),
    "timepoint": Term(
        _("timepoint"),
        _("Timepoint"),
        _("Before or after neoadjuvant treatment. Each patient has one CT of each."),
    ),
    "registration": Term(
        _("registration"),
        _("Registration"),
        _(
            "Laying the second scan onto the first around the tumour, so that a point in one is found in the other. "
            "It is refused where its quality is not good enough."
        ),
    ),
    "dice": Term(
        _("Dice"),
        _("Dice overlap"),
        _("How much two outlines overlap: 0 is not at all, 1 is the same voxels."),
    ),
    "surface_distance": Term(
        _("surface distance"),
        _("Surface distance"),
        _("How far apart the surfaces of two outlines lie, in millimetres, on average or for the farthest 5 %."),
    ),
    "umap_pca": Term(
        _("feature map"),
        _("Feature map (PCA and UMAP)"),
        _(
            "All features of a patient drawn as one point: near points have similar tumours. In PCA the axes say "
            "how much they explain; in UMAP only nearness means something, not distance or direction."
        ),
    ),
    "percentile": Term(
        _("percentile"),
        _("Percentile in the cohort"),
        _("Of 100 patients of the cohort, how many have a lower value."),
    ),
}

#: What can be done by keyboard, place by place: keys and what they do.
KEYS: tuple[tuple[Any, tuple[tuple[str, Any], ...]], ...] = (
    (
        _("Everywhere"),
        (
            ("Tab", _("Go to the next control; the first one skips to the content")),
            ("Esc", _("Close a note, menu or dialog")),
        ),
    ),
    (
        _("Pathology entry"),
        (("Ctrl + S", _("Save the reading")),),
    ),
    (
        _("Viewer and contouring"),
        (
            ("↑ ↓ ← →", _("Move the crosshair or go through slices")),
            ("+ −", _("Zoom")),
            ("?", _("Show every key of the page")),
        ),
    ),
)
