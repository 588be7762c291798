"""What may be corrected in a series, as options of a command."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from imaging.core.corrections import Corrections


def add_corrections(parser: CommandParser) -> None:
    """Add the options by which a person asks for corrections; without them nothing is corrected."""
    group = parser.add_argument_group("corrections", "Made only where needed, and recorded with the image.")
    group.add_argument("--correct-tilt", action="store_true", help="Straighten series of a tilted gantry.")
    group.add_argument(
        "--repeated",
        choices=["first", "last"],
        default="",
        help="Of several images at one position keep the first or the last; default: refuse them.",
    )
    group.add_argument("--without-localizers", action="store_true", help="Leave localisers out of a series.")
    group.add_argument(
        "--match-by-geometry",
        action="store_true",
        help="Lay outlines whose series and frame of reference are absent on the one series that they fit.",
    )


def corrections_of(options: dict[str, Any]) -> Corrections:
    """Give what a person asked to be corrected."""
    return Corrections(
        tilt=options["correct_tilt"],
        repeated=options["repeated"],
        localizers=options["without_localizers"],
        match_by_geometry=options["match_by_geometry"],
    )
