"""Area and volume of the surface between the voxels inside and outside a region.

Marching cubes (Lorensen & Cline, SIGGRAPH 1987) in its usual tabulation, on a binary mask: each crossing
lies half way between two voxel centres. A cube's eight corners say which of 256 cases it is; what a case
adds to area and volume depends on the case and its place only, so the sweep over voxels counts cases.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from imaging.core.compiled import compiled
from imaging.core.geometry import Triple

FloatArray = NDArray[np.float64]

#: Triangles of the cases in which corner 7 is outside: three hexadecimal digits each, the edges crossed.
#: The other 128 cases are their complements.
_CASES = (
    "",
    "083",
    "019",
    "183981",
    "12a",
    "08312a",
    "92a029",
    "2832a8a98",
    "3b2",
    "0b28b0",
    "19023b",
    "1b219b98b",
    "3a1ba3",
    "0a108a8ba",
    "3903b9ba9",
    "98aa8b",
    "478",
    "430734",
    "019847",
    "419471731",
    "12a847",
    "34730412a",
    "92a902847",
    "2a9297273794",
    "8473b2",
    "b47b24204",
    "90184723b",
    "47b94b9b2921",
    "3a13ba784",
    "1ba14b1047b4",
    "47890b9bab03",
    "47b4b99ba",
    "954",
    "954083",
    "054150",
    "854835315",
    "12a954",
    "30812a495",
    "52a542402",
    "2a5325354348",
    "95423b",
    "0b208b495",
    "05401523b",
    "21525828b485",
    "a3ba13954",
    "4950818a18ba",
    "54050b5bab03",
    "54858aa8b",
    "978579",
    "930953573",
    "078017157",
    "153357",
    "978957a12",
    "a12950530573",
    "802825857a52",
    "2a5253357",
    "7957893b2",
    "95797292027b",
    "23b018178157",
    "b21b17715",
    "958857a13a3b",
    "5705097b010aba0",
    "ba0b03a50807570",
    "ba57b5",
    "a65",
    "0835a6",
    "9015a6",
    "1831985a6",
    "165261",
    "165126308",
    "965906026",
    "598582526328",
    "23ba65",
    "b08b20a65",
    "01923b5a6",
    "5a61929b298b",
    "63b653513",
    "08b0b50515b6",
    "3b6036065059",
    "65969bb98",
    "5a6478",
    "43047365a",
    "1905a6847",
    "a65197173794",
    "612651478",
    "125526304347",
    "847905065026",
    "739794329596269",
    "3b2784a65",
    "5a647242027b",
    "01947823b5a6",
    "9219b294b7b45a6",
    "8473b53515b6",
    "51b5b610b7b404b",
    "059065036b63847",
    "65969b4797b9",
    "a4964a",
    "4a649a083",
    "a01a60640",
    "83181686461a",
    "149124264",
    "308129249264",
    "024426",
    "832824426",
    "a49a64b23",
    "08228b49a4a6",
    "3b201606461a",
    "64161a48121b8b1",
    "964936913b63",
    "8b1810b61914641",
    "3b6360064",
    "648b68",
    "7a678a89a",
    "0730a709a67a",
    "a671a7178180",
    "a67a71173",
    "126168189867",
    "269291679093739",
    "780706602",
    "732672",
    "23ba68a89867",
    "20727b09767a9a7",
    "1801781a767a23b",
    "b21b17a61671",
    "896867916b63136",
    "091b67",
    "7807063b0b60",
    "7b6",
)

#: Corners (z, y, x) of a cube, by bit of the case.
_CORNERS = ((0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0))

#: Which two corners each edge joins.
_EDGES = ((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7))


def surface_and_volume(padded: NDArray[np.bool_], *, spacing_zyx_mm: Triple) -> tuple[float, float]:
    """Measure the surface of a mask and the volume that it encloses.

    Parameters
    ----------
    padded : ndarray of bool, shape (z, y, x)
        The mask, with at least one voxel of outside on every side.
    spacing_zyx_mm : tuple of float
        Distance of voxel centres.

    Returns
    -------
    surface_mm2, volume_mm3 : float
    """
    number, place = _count_cases(padded.view(np.uint8))
    area, normal, offset = _cases(spacing_zyx_mm)
    # Divergence theorem: three times the volume is the sum of (centroid . normal) over all triangles.
    moments = (place * np.asarray(spacing_zyx_mm) * normal).sum() + (number * offset).sum()
    return float((number * area).sum()), abs(float(moments)) / 3


@compiled
def _count_cases(padded: NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
    """Give how many cubes show each case, and the sum of their indices (z, y, x)."""
    number = np.zeros(256)
    place = np.zeros((256, 3))
    depth, height, width = padded.shape
    for z in range(depth - 1):
        for y in range(height - 1):
            here, below = padded[z, y], padded[z, y + 1]
            here_up, below_up = padded[z + 1, y], padded[z + 1, y + 1]
            left = here[0] | below[0] << 3 | here_up[0] << 4 | below_up[0] << 7
            for x in range(1, width):
                right = here[x] | below[x] << 3 | here_up[x] << 4 | below_up[x] << 7
                # Corners 0, 3, 4, 7 are on the left of a cube, 1, 2, 5, 6 on its right.
                case = left | (right & 1) << 1 | (right & 8) >> 1 | (right & 16) << 1 | (right & 128) >> 1
                left = right
                if case != 0 and case != 255:
                    number[case] += 1
                    place[case, 0] += z
                    place[case, 1] += y
                    place[case, 2] += x - 1
    return number, place


@lru_cache(maxsize=64)
def _cases(spacing_zyx_mm: Triple) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Give, for each case, its area, the sum of its triangles' normals (length: area), and centroid . normal."""
    corners = np.array(_CORNERS, dtype=np.float64)
    middles = np.array([(corners[a] + corners[b]) / 2 for a, b in _EDGES]) * np.asarray(spacing_zyx_mm)
    area, normal, offset = np.zeros(256), np.zeros((256, 3)), np.zeros(256)
    for case, digits in enumerate(_CASES):
        triangles = middles[[int(digit, 16) for digit in digits]].reshape(-1, 3, 3)
        normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]) / 2
        area[case] = area[255 - case] = np.linalg.norm(normals, axis=1).sum()
        normal[case] = normals.sum(axis=0)
        normal[255 - case] = -normal[case]
        offset[case] = (triangles.mean(axis=1) * normals).sum()
        offset[255 - case] = -offset[case]
    return area, normal, offset
