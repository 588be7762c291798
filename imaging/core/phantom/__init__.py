"""Synthetic chests with a planted truth: plan a cohort, render a scan, write a patient as DICOM."""

from imaging.core.phantom.cohort import PLANTED, Planted, plan_cohort, truth_document
from imaging.core.phantom.render import SCANNERS, Phantom, Scanner, render, render_tumour, write_patient
from imaging.core.phantom.truth import PatientTruth, ScanTruth

__all__ = [
    "PLANTED",
    "SCANNERS",
    "PatientTruth",
    "Phantom",
    "Planted",
    "ScanTruth",
    "Scanner",
    "plan_cohort",
    "render",
    "render_tumour",
    "truth_document",
    "write_patient",
]
