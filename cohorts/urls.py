"""Addresses of cohorts, patients, outcomes and jobs."""

from django.urls import path

from cohorts.views import (
    cohort,
    cohort_settings,
    day,
    job,
    lock,
    merging,
    notification,
    outcome,
    participants,
    patient,
    query,
    reading,
    subset,
    table_import,
)

app_name = "cohorts"
urlpatterns = [
    path("", cohort.cohort_list, name="list"),
    path("new/", cohort.cohort_create, name="create"),
    path("day/", day.my_day, name="day"),
    path("notifications/", notification.notification_list, name="notifications"),
    path("notifications/read/", notification.notification_read, name="notification-read"),
    path("<slug:cohort_code>/", cohort.cohort_detail, name="detail"),
    path("<slug:cohort_code>/patients/", cohort.patient_table, name="patients"),
    path("<slug:cohort_code>/history/", cohort.history, name="history"),
    path("<slug:cohort_code>/completeness/", participants.completeness_table, name="completeness"),
    path("<slug:cohort_code>/panels/participants/", participants.participants_panel, name="participants-panel"),
    path("<slug:cohort_code>/panels/baseline/", participants.baseline_panel, name="baseline-panel"),
    path("<slug:cohort_code>/subsets/", subset.subset_list, name="subsets"),
    path("<slug:cohort_code>/save-subset/", subset.subset_save, name="subset-save"),
    path("<slug:cohort_code>/subsets/<str:slug>/", subset.subset_detail, name="subset"),
    path("<slug:cohort_code>/subsets/<str:slug>/delete/", subset.subset_delete, name="subset-delete"),
    path("<slug:cohort_code>/records/", table_import.table_list, name="table-imports"),
    path("<slug:cohort_code>/records/export/", table_import.records_export, name="records-export"),
    path("<slug:cohort_code>/records/import/", table_import.table_new, name="table-import-new"),
    path("<slug:cohort_code>/records/import/<uuid:reference>/", table_import.table_detail, name="table-import"),
    path(
        "<slug:cohort_code>/records/import/<uuid:reference>/columns/",
        table_import.table_mapping,
        name="table-import-mapping",
    ),
    path(
        "<slug:cohort_code>/records/import/<uuid:reference>/write/",
        table_import.table_write,
        name="table-import-write",
    ),
    path(
        "<slug:cohort_code>/records/import/<uuid:reference>/discard/",
        table_import.table_discard,
        name="table-import-discard",
    ),
    path("<slug:cohort_code>/patients/new/", patient.patient_create, name="patient-create"),
    path("<slug:cohort_code>/patients/<str:patient_code>/", patient.patient_detail, name="patient"),
    path("<slug:cohort_code>/patients/<str:patient_code>/edit/", patient.patient_edit, name="patient-edit"),
    path(
        "<slug:cohort_code>/patients/<str:patient_code>/edit/derive/", patient.patient_derive, name="patient-derive"
    ),
    path("<slug:cohort_code>/patients/<str:patient_code>/edit/merge/", merging.patient_merge, name="patient-merge"),
    path("<slug:cohort_code>/patients/<str:patient_code>/history/", patient.patient_history, name="patient-history"),
    path(
        "<slug:cohort_code>/patients/<str:patient_code>/history/<str:field>/",
        patient.field_history,
        name="field-history",
    ),
    path("<slug:cohort_code>/patients/<str:patient_code>/pathology/", outcome.outcome_edit, name="outcome"),
    path(
        "<slug:cohort_code>/patients/<str:patient_code>/pathology/derive/",
        outcome.outcome_derive,
        name="outcome-derive",
    ),
    path(
        "<slug:cohort_code>/patients/<str:patient_code>/pathology/draft/", outcome.outcome_draft, name="outcome-draft"
    ),
    path(
        "<slug:cohort_code>/patients/<str:patient_code>/pathology/merge/", merging.outcome_merge, name="outcome-merge"
    ),
    path("<slug:cohort_code>/readings/", reading.reading_list, name="readings"),
    path("<slug:cohort_code>/agreement/", reading.agreement_panel, name="agreement-panel"),
    path("<slug:cohort_code>/readings/<str:patient_code>/", reading.reading, name="reading"),
    path("<slug:cohort_code>/queries/", query.query_list, name="queries"),
    path("<slug:cohort_code>/queries/<int:pk>/answer/", query.query_answer, name="query-answer"),
    path("<slug:cohort_code>/queries/<int:pk>/close/", query.query_close, name="query-close"),
    path("<slug:cohort_code>/queries/<int:pk>/reopen/", query.query_reopen, name="query-reopen"),
    path("<slug:cohort_code>/patients/<str:patient_code>/query/", query.query_open, name="query-open"),
    path("<slug:cohort_code>/patients/<str:patient_code>/lock/", lock.record_lock, name="lock"),
    path("<slug:cohort_code>/patients/<str:patient_code>/unlock/", lock.record_unlock, name="unlock"),
    path("<slug:cohort_code>/lock/", lock.cohort_lock, name="cohort-lock"),
    path("<slug:cohort_code>/unlock/", lock.cohort_unlock, name="cohort-unlock"),
    path("<slug:cohort_code>/settings/", cohort_settings.cohort_settings, name="cohort-settings"),
    path("<slug:cohort_code>/settings/members/", cohort_settings.member_add, name="member-add"),
    path("<slug:cohort_code>/settings/members/<int:pk>/", cohort_settings.member_change, name="member-change"),
    path("<slug:cohort_code>/jobs/", job.job_list, name="jobs"),
    path("jobs/<uuid:reference>/", job.job_detail, name="job"),
    path("jobs/<uuid:reference>/progress/", job.job_progress, name="job-progress"),
    path("jobs/<uuid:reference>/cancel/", job.job_cancel, name="job-cancel"),
    path("jobs/<uuid:reference>/retry/", job.job_retry, name="job-retry"),
]
