"""Measurements: `python -m bench` prints what jobs take here and at named peers, and how far the values agree."""

import os

# Set before numpy and ITK are imported: figures are per core.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
    os.environ.setdefault(_variable, "1")
