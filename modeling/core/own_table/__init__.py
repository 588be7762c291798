"""A table that a researcher brought: read, judged, analysed, written down."""
