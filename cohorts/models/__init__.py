"""Records that every app shares: people, cohorts, patients, outcomes, jobs, audit."""

from cohorts.models.audit import AuditEntry
from cohorts.models.cohort import Centre, Cohort, Membership, Role, User
from cohorts.models.job import Job
from cohorts.models.outcome import PathologyOutcome
from cohorts.models.patient import Patient, Timepoint

__all__ = [
    "AuditEntry",
    "Centre",
    "Cohort",
    "Job",
    "Membership",
    "PathologyOutcome",
    "Patient",
    "Role",
    "Timepoint",
    "User",
]
