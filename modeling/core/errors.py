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


class OneCentreOnly(ModelingError):
    """Harmonisation compares centres, and the training patients come from one."""

    code = "one_centre_only"


class UnseenCentre(ModelingError):
    """Harmonisation has no estimate for a centre that was not among the training centres."""

    code = "unseen_centre"


class OverlapError(ModelingError):
    """A model would be tested on a patient on whom it was fitted."""

    code = "overlap"


class SamePatientTwice(ModelingError):
    """One patient stands under two codes, as the content of their scans or rows shows."""

    code = "same_patient_twice"


class LeakedOutcome(ModelingError):
    """A column tells the outcome itself."""

    code = "leaked_outcome"


class UnreadableTable(ModelingError):
    """A file that was brought is no table."""

    code = "unreadable_table"


class UnknownColumn(ModelingError):
    """A column was named that the table does not have."""

    code = "unknown_column"


class InvalidChoice(ModelingError):
    """What was chosen for a table does not fit together."""

    code = "invalid_choice"


class InvalidColumns(ModelingError):
    """No column may be a feature, two would be modelled under one name, or one names a centre in two ways."""

    code = "invalid_columns"


class OutcomeNotBinary(ModelingError):
    """An outcome or event has more than two values, or two of which nobody knows the event."""

    code = "outcome_not_binary"


class RepeatedId(ModelingError):
    """An id stands in several rows."""

    code = "repeated_id"


class OutcomeAmongFeatures(ModelingError):
    """A column with a role of its own is listed among the features."""

    code = "outcome_among_features"


class InvalidViews(ModelingError):
    """Views of a table name what is not there."""

    code = "invalid_views"


class InvalidValues(ModelingError):
    """A column holds values that cannot be: infinite ones, or negative times."""

    code = "invalid_values"


class NotEstimable(ModelingError):
    """A regression has no solution on the given patients."""

    code = "not_estimable"


class NotComparable(ModelingError):
    """Two models were not fitted on the same patients."""

    code = "not_comparable"


class ModelCorrupt(ModelingError):
    """The bytes of a stored model are not those that were written."""

    code = "model_corrupt"


class UntrustedModel(ModelingError):
    """A stored model holds types that are not on the trusted list."""

    code = "untrusted_model"


class RemoteData(ModelingError):
    """A chart would load something from an address."""

    code = "remote_data"
