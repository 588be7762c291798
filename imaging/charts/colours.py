"""Colours with one meaning on every page."""

from __future__ import annotations

#: Colour-blind-safe (Okabe-Ito), in the order of habitats: 1 is the one of lowest HU.
HABITAT_COLOURS = ("#56B4E9", "#E69F00", "#CC79A7", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#999999")

#: Kept, changed, became lung, became other tissue, new tumour: apart from each other and from the habitats
#: for colour-blind people, too (Tol's muted scheme).
TRANSITION_COLOURS = ("#DDCC77", "#AA4499", "#88CCEE", "#BBBBBB", "#CC3311")
