"""Words for what the core names by keys."""

from __future__ import annotations

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
