"""Charts of images and habitats: of one patient, of a whole cohort, and the colours both use."""
