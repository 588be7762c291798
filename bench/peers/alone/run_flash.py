"""Time flash-radiomics on one prepared image: an npz file and a number of repeats in, JSON out."""

import json
import logging
import os
import sys
import time

import numpy as np
import SimpleITK as sitk
from flash_radiomics import RadiomicsFeatureExtractor

logging.disable(logging.CRITICAL)

# The same choice as `bench.timing.now`, which this Python cannot import.
now = time.process_time if os.environ.get("BENCH_CLOCK") == "processor" else time.perf_counter


def as_image(array, spacing_zyx_mm):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing_zyx_mm[::-1])
    return image


def main(file, repeats):
    with np.load(file, allow_pickle=False) as stored:
        image, mask, spacing = stored["image"], stored["mask"], [float(step) for step in stored["spacing_zyx_mm"]]
    pair = as_image(image, spacing), as_image(mask.astype(np.uint8), spacing)
    extractor = RadiomicsFeatureExtractor(backend="cpu", num_threads=1, binWidth=25.0, additionalInfo=False)

    def once():
        # `execute` would also write an HDF5 file; these are the two steps before that.
        return extractor.extract_from_preprocessed(extractor.preprocess_case(*pair, label=1))

    once()
    seconds = []
    for _ in range(repeats):
        start = now()
        found = once()
        seconds.append(now() - start)
    print(json.dumps({"seconds": seconds, "features": {name: float(value) for name, value in found.items()}}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
