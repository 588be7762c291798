"""Time pictologics on one prepared image: an npz file and a number of repeats in, JSON out."""

import json
import os
import sys
import time

import numpy as np
from pictologics import Image, RadiomicsPipeline

# Every family that Ecotone has a class for; intensity-volume histograms and distance zones are left out.
FAMILIES = ["intensity", "morphology", "histogram", "glcm", "glrlm", "glszm", "ngtdm", "ngldm"]

# The same choice as `bench.timing.now`, which this Python cannot import.
now = time.process_time if os.environ.get("BENCH_CLOCK") == "processor" else time.perf_counter


def as_image(array, spacing_zyx_mm):
    xyz = np.ascontiguousarray(array.transpose(2, 1, 0))
    return Image(array=xyz, spacing=tuple(spacing_zyx_mm[::-1]), origin=(0.0, 0.0, 0.0))


def main(file, repeats):
    with np.load(file, allow_pickle=False) as stored:
        image, mask, spacing = stored["image"], stored["mask"], [float(step) for step in stored["spacing_zyx_mm"]]
    lowest = float(np.floor(image[mask].min() / 25) * 25)
    pipeline = RadiomicsPipeline(load_standard=False)
    steps = [
        {"step": "discretise", "params": {"method": "FBS", "bin_width": 25.0, "min_val": lowest}},
        {"step": "extract_features", "params": {"families": FAMILIES}},
    ]
    pipeline.add_config("bench", steps=steps)
    pair = as_image(image.astype(np.float64), spacing), as_image(mask.astype(np.uint8), spacing)
    pipeline.run(*pair, config_names=["bench"])
    seconds = []
    for _ in range(repeats):
        start = now()
        found = pipeline.run(*pair, config_names=["bench"])["bench"]
        seconds.append(now() - start)
    print(json.dumps({"seconds": seconds, "features": {name: float(value) for name, value in found.items()}}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
