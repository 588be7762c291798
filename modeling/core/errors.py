"""What can be wrong with a table, a recipe or a model.

Each error has a stable ``code`` and a message that is true, specific and free of identity: it
names counts, columns and patient codes (which are pseudonyms), never a person or a path.
"""

from __future__ import annotations


class ModelingError(Exception):
    """Base of everything that `modeling.core` raises on purpose.

    Parameters
    ----------
    message : str
        One sentence for a person.
    """

    code = "modeling"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidTable(ModelingError):
    """Features, outcomes, centres and splits do not make a table."""

    code = "invalid_table"


class SnapshotCorrupt(ModelingError):
    """The bytes of a snapshot are not those that were written."""

    code = "snapshot_corrupt"


class InvalidRecipe(ModelingError):
    """A recipe has a key or a value that is not known."""

    code = "invalid_recipe"


class TooFewPatients(ModelingError):
    """The training split is too small for an honest fit."""

    code = "too_few_patients"


class OneClassOnly(ModelingError):
    """All training patients have the same outcome."""

    code = "one_class_only"


class MissingColumns(ModelingError):
    """A view, a model or a row lacks the columns that it needs."""

    code = "missing_columns"


class OverlapError(ModelingError):
    """A model would be tested on a patient on whom it was fitted."""

    code = "overlap"


class NotComparable(ModelingError):
    """Two models were not fitted on the same patients."""

    code = "not_comparable"


class ModelCorrupt(ModelingError):
    """The bytes of a stored model are not those that were written."""

    code = "model_corrupt"


class UntrustedModel(ModelingError):
    """A stored model holds types that are not on the trusted list."""

    code = "untrusted_model"
