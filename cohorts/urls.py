"""Addresses of cohorts, patients, outcomes and jobs."""

from django.urls import path

from cohorts.views import cohort, job, outcome, patient

app_name = "cohorts"
urlpatterns = [
    path("", cohort.cohort_list, name="list"),
    path("new/", cohort.cohort_create, name="create"),
    path("<slug:cohort_code>/", cohort.cohort_detail, name="detail"),
    path("<slug:cohort_code>/patients/", cohort.patient_table, name="patients"),
    path("<slug:cohort_code>/history/", cohort.history, name="history"),
    path("<slug:cohort_code>/outcomes/import/", outcome.outcome_import, name="outcome-import"),
    path("<slug:cohort_code>/outcomes/import/commit/", outcome.outcome_import_commit, name="outcome-import-commit"),
    path("<slug:cohort_code>/patients/new/", patient.patient_create, name="patient-create"),
    path("<slug:cohort_code>/patients/<str:patient_code>/", patient.patient_detail, name="patient"),
    path("<slug:cohort_code>/patients/<str:patient_code>/edit/", patient.patient_edit, name="patient-edit"),
    path("<slug:cohort_code>/patients/<str:patient_code>/history/", patient.patient_history, name="patient-history"),
    path("<slug:cohort_code>/patients/<str:patient_code>/pathology/", outcome.outcome_edit, name="outcome"),
    path(
        "<slug:cohort_code>/patients/<str:patient_code>/pathology/derive/",
        outcome.outcome_derive,
        name="outcome-derive",
    ),
    path("<slug:cohort_code>/jobs/", job.job_list, name="jobs"),
    path("jobs/<uuid:reference>/", job.job_detail, name="job"),
    path("jobs/<uuid:reference>/progress/", job.job_progress, name="job-progress"),
    path("jobs/<uuid:reference>/cancel/", job.job_cancel, name="job-cancel"),
    path("jobs/<uuid:reference>/retry/", job.job_retry, name="job-retry"),
]
