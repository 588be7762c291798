"""De-identification of DICOM: PS3.15 Basic Profile by allow-list, dates moved by whole weeks."""

from imaging.core.deidentify.cleaner import Deidentifier, clean_files

__all__ = ["Deidentifier", "clean_files"]
