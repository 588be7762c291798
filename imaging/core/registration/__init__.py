"""Registration of the second scan of a patient to the first, around the tumour, with its quality."""

from imaging.core.registration.register import Registered, lung_grid_of, register, warp_labels
from imaging.core.registration.spec import STANDARD, RegistrationSpec

__all__ = ["STANDARD", "Registered", "RegistrationSpec", "lung_grid_of", "register", "warp_labels"]
