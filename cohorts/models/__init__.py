"""Records that every app shares: people, cohorts, patients, outcomes, their life, jobs, audit."""

from cohorts.models.audit import AuditEntry
from cohorts.models.cohort import Centre, Cohort, Membership, Role, User
from cohorts.models.draft import OutcomeDraft
from cohorts.models.job import Job
from cohorts.models.lock import RecordLock
from cohorts.models.notification import Notification
from cohorts.models.outcome import PathologyOutcome
from cohorts.models.patient import Patient, Timepoint
from cohorts.models.query import Query, QueryMessage
from cohorts.models.reading import BlindedReading
from cohorts.models.subset import Subset
from cohorts.models.table_import import TableImport
from cohorts.models.withdrawal import Withdrawal

__all__ = [
    "AuditEntry",
    "BlindedReading",
    "Centre",
    "Cohort",
    "Job",
    "Membership",
    "Notification",
    "OutcomeDraft",
    "PathologyOutcome",
    "Patient",
    "Query",
    "QueryMessage",
    "RecordLock",
    "Role",
    "Subset",
    "TableImport",
    "Timepoint",
    "User",
    "Withdrawal",
]
