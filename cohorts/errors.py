"""The one table that turns an error into words for a person and what to do next."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass
from typing import Any

logger = logging.getLogger("ecotone.errors")


class ServiceError(Exception):
    """A service refuses, for a reason that a person can mend.

    ``result`` is what a job found out all the same; it is kept with the job that failed.
    """

    def __init__(self, code: str, message: str, *, result: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.result = result


@dataclass(frozen=True)
class Explanation:
    """Words for a person: what happened and what to do."""

    code: str
    message: str
    remedy: str
    expected: bool


#: Error code → what the person can do. `docs/errors.md` has a heading for each.
REMEDIES = {
    "unreadable_file": "Export the file again from its source and import it anew.",
    "unsafe_archive": "Make the archive again from a plain folder, without links or parent paths.",
    "too_large": "Split the upload, or import on the server with manage.py import_dicom.",
    "nothing_to_import": "Choose a folder or zip with DICOM, NIfTI or NRRD files.",
    "series_refused": "Export the whole series again from the archive.",
    "not_ct": "Choose the CT series; other modalities are not analysed.",
    "mixed_images": "Export the original reconstruction alone, without projections, maps and reformatted images.",
    "missing_slice": "Send the missing slices from the archive and import the series anew.",
    "duplicate_slice": (
        "Export one reconstruction and one phase only, or import again and keep the first or the last image "
        "of each position (--repeated)."
    ),
    "uneven_spacing": "Choose a reconstruction with even slice spacing.",
    "mixed_orientation": "Remove localisers and reformatted images from the series.",
    "mixed_pixel_spacing": "Export one reconstruction only.",
    "tilted_gantry": (
        "Choose a reconstruction without gantry tilt, or import again and ask for tilted slices to be "
        "straightened (--correct-tilt)."
    ),
    "mixed_series": "Export each scan by itself, with the UIDs that the scanner gave it.",
    "several_images": "Name the folder or file of one image.",
    "too_few_slices": "Export the whole series; a volume needs at least three slices.",
    "slice_too_thick": "Choose a reconstruction with slices of at most 5 mm.",
    "not_chosen": "Nothing to do. To use it instead, import it alone and name its timepoint.",
    "localizer": "Choose the axial series, or import again and leave localisers out (--without-localizers).",
    "burned_in_text": "Export the series without text in its pixels; such images can show a name.",
    "feature_mismatch": "Extract both timepoints under one protocol.",
    "missing_geometry": "Export the series with its position and orientation attributes.",
    "mask_refused": "Check the mask in the tool that made it.",
    "mask_changed": "Compare your drawing with the newer version, then save it on top, or go on from theirs.",
    "empty_mask": "Contour the tumour, or mark the timepoint as not evaluable.",
    "no_closed_contour": "Nothing to do: points and open lines enclose no voxels.",
    "mask_too_small": "Check the contour, or mark the timepoint as not evaluable.",
    "too_many_grey_levels": "Take a protocol with wider or fewer bins, or check that the image holds HU.",
    "nothing_in_range": "Check the contour, or take a protocol with a wider intensity range.",
    "grid_mismatch": "Resample the mask onto the image's grid, or choose the image that it was drawn on.",
    "mask_outside_image": "Check that mask and image belong together.",
    "frame_of_reference_mismatch": "Import the mask together with the series on which it was drawn.",
    "region_not_found": "Name one of the regions that the file holds.",
    "number_used_twice": "Give each region its own number in the tool that made the file, and export it again.",
    "no_matching_series": "Import the mask together with the CT series that it refers to; where an anonymiser cut them off "
    "from each other, ask to match by geometry (--match-by-geometry, or the field in the import form).",
    "another_person": (
        "Choose the files of one person; if they are of one person after all, import again and say why (--same-person)."
    ),
    "several_persons": "Import the files of each person by themselves.",
    "same_scan": "Export the other scan, and import it under its own timepoint.",
    "nothing_imported": "Mend what is named below, then import again.",
    "unknown_setting": "Correct the protocol's setting.",
    "registration_refused": (
        "Check that both masks mark the same tumour; if they do, this patient has no habitat transitions."
    ),
    "codebook_mismatch": "Extract again under the protocol of the habitat model, or train anew.",
    "lungs_not_found": "Enter the location by hand, or import a CT that shows both lungs and the windpipe.",
    "too_few_cases": "Measure more scans under perturbation, then try again.",
    "too_few_supervoxels": "Add patients or larger tumours before training.",
    "not_evaluable": "Contour the tumour, or mark the timepoint as not evaluable.",
    "contradictory_outcome": "Correct the fields that are named.",
    "unreadable_stations": "Write station: positive/examined, with semicolons between stations: 7: 1/4; 10R: 0/2 (30%).",
    "reason_missing": "Say why, then save again.",
    "nothing_to_take_back": "Look at the patient's page: what the import brought was taken back already, or never stored.",
    "code_mistyped": "Type the code as the patient's page shows it.",
    "outdated": "Compare the two versions field by field, then save again.",
    "already_set_up": "Log in, or ask whoever set it up for a log-in.",
    "unreadable_table": "Save the table as CSV with a header line and import it anew.",
    "table_closed": "Bring the table again.",
    "table_outdated": "Look at what the table would do now, then write it.",
    "no_space": "Discard uploads that you do not need, or ask your administrator for room.",
    "upload_closed": "Choose the files again.",
    "upload_incomplete": "Choose the same files again; what is there already is not sent twice.",
    "unknown_column": "Name a column as it stands in the header of the table.",
    "invalid_choice": "Choose an outcome, or a time together with an event.",
    "invalid_columns": "Mend the named columns, or leave them out (--exclude); then bring the table again.",
    "outcome_not_binary": "Give a column of two values, and with --positive the one that is the event.",
    "repeated_id": "Keep one row per patient, then try again.",
    "outcome_among_features": "Take the column out of the views.",
    "invalid_views": "Correct what is named; a view is a list of columns or patterns, or fuse: a list of views.",
    "invalid_values": "Correct the values or leave their cells empty; a column is left out with --exclude.",
    "not_estimable": "Leave out columns that tell the outcome, or bring more patients.",
    "table_too_large": "Leave out columns that are no features, or run manage.py evaluate_table on the server.",
    "folder_in_use": "Choose another folder, or add --overwrite.",
    "too_few_patients": "Enter more outcomes and scans, then train again.",
    "one_class_only": "Training needs responders and non-responders; enter more outcomes.",
    "no_training_centre": "Choose the cohort's training centre.",
    "no_model": "Train a model first.",
    "prediction_frozen": "Predict anew: the new prediction stands beside the old one.",
    "nothing_to_do": "Import images and masks first.",
    "one_centre_only": "Take harmonisation out of the recipe, or add training patients of a second centre.",
    "unseen_centre": "Use a recipe without harmonisation, or train again with patients of that centre.",
    "overlap": "Evaluate on patients that the model was not fitted on.",
    "same_patient_twice": "Leave one of each pair out (a row of the table, or take its import back), then try again.",
    "leaked_outcome": "Take the named column out of the table, then try again.",
    "not_promotable": "Train another version, or let an administrator approve this one against the rule.",
    "missing_columns": "Extract the missing features, then try again.",
    "invalid_table": "Train again; if it happens twice, report it with the job's reference.",
    "invalid_recipe": "Correct the recipe's setting that is named.",
    "not_comparable": "Compare models of one training run.",
    "snapshot_corrupt": "The stored table was altered on disk. Restore it from a backup, or train anew.",
    "artefact_corrupt": "A stored file was altered on disk. Restore it from a backup, or import it anew.",
    "model_corrupt": "The stored model was altered on disk. Restore it from a backup, or train anew.",
    "untrusted_model": "The stored model was altered on disk. Restore it from a backup, or train anew.",
    "reserved_code": "Choose another code for the cohort.",
    "invalid_code": (
        "Use a pseudonym of letters, digits, '-', '_' and '.', at most 32, that starts with a letter or digit."
    ),
    "patient_unknown": "Name the patient, or choose one that the cohort has.",
    "timepoint_unknown": (
        "Say whether the scan is pre or post, or enter the date of the first dose; correct a date that is wrong."
    ),
    "remote_data": "Report it with the job's reference: charts of a report carry their own data.",
    "no_workers": "Start the workers (`make serve`, or see docs/operation.md), or add --wait to the command.",
    "no_broker": "Start the Redis that CELERY_BROKER_URL names, or unset it and run make install: a private one is used.",
    "no_database": "Check DATABASE_URL and that its server runs; manage.py doctor looks at everything.",
    "already_served": "Use that site, or stop it first with Ctrl-C where it was started.",
    "port_in_use": "Or stop the program that listens there.",
    "workers_borrowed": "Wait until that command has ended, or stop it, then start again.",
    "locked": "Ask a data manager to unlock the record with a reason, then try again.",
    "not_locked": "Reload the page: it shows how the record stands now.",
    "open_queries": "Answer and close the queries first, then sign.",
    "wrong_password": "Enter the password of your own log-in.",
    "too_many_attempts": "Wait, then sign again; the refused attempts stand in the history.",
    "unknown_field": "Choose a field of the clinical data or of the pathology.",
    "query_moved_on": "Reload the page: somebody answered or closed the query meanwhile.",
    "reading_given": "Tell the data manager if it was wrong; a third reader can be asked.",
    "reading_not_wanted": "Go back to the list of what waits for you.",
    "last_administrator": "Make another member administrator of all centres first.",
    "empty_subset": "Set a filter first, then keep the subset.",
    "subset_exists": "Choose another name.",
    "job_active": "Wait for the running job, or cancel it.",
}


def explain(error: BaseException, *, reference: str) -> Explanation:
    """Translate an error; an unknown one becomes an apology with a reference number.

    The log gets the place and the type of an unknown error, never its message, which may hold identity.
    """
    code = getattr(error, "code", "")
    message = getattr(error, "message", "")
    if isinstance(code, str) and isinstance(message, str) and code and message:
        return Explanation(code, message, REMEDIES.get(code, ""), expected=True)
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    logger.error("Unexpected %s [%s] at %s", type(error).__name__, reference, " < ".join(reversed(places[-8:])))
    return Explanation(
        "crashed",
        f"Something went wrong that we did not foresee. We are sorry. Reference: {reference}.",
        "Try again; if it happens twice, report the reference number.",
        expected=False,
    )
