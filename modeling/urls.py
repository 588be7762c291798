"""Addresses of training, models, predictions and exports; all below ``cohorts/``."""

from django.urls import path

from modeling import api
from modeling.views import (
    champions,
    models,
    outcome_use,
    panels,
    patient_panel,
    recipes,
    reports,
    runs,
    tables,
    withdrawal,
)

app_name = "modeling"
urlpatterns = [
    path("<slug:cohort_code>/patients/<str:patient_code>/withdraw/", withdrawal.withdraw_patient, name="withdraw"),
    path("<slug:cohort_code>/models/", models.model_list, name="models"),
    path("<slug:cohort_code>/models/retrain/", models.retrain, name="retrain"),
    path("<slug:cohort_code>/models/schedule/", models.schedule, name="schedule"),
    path("<slug:cohort_code>/models/predict/", models.predict, name="predict"),
    path("<slug:cohort_code>/models/<int:pk>/promote/", models.promote_version, name="promote"),
    path("<slug:cohort_code>/models/runs/<int:number>/", runs.run_detail, name="run"),
    path("<slug:cohort_code>/models/runs/<int:number>/open/", runs.open_external, name="open-external"),
    path("<slug:cohort_code>/models/compare/", runs.compare, name="compare"),
    path("<slug:cohort_code>/recipes/", recipes.recipe_list, name="recipes"),
    path("<slug:cohort_code>/recipes/<slug:name>/", recipes.recipe_detail, name="recipe"),
    path("<slug:cohort_code>/recipes/<slug:name>/edit/", recipes.recipe_edit, name="recipe-edit"),
    path("<slug:cohort_code>/models/champions/", champions.champions, name="champions"),
    path("<slug:cohort_code>/models/champion.json", api.champion, name="champion-api"),
    path("<slug:cohort_code>/models/<int:pk>/rollback/", champions.rollback_version, name="rollback"),
    path("<slug:cohort_code>/tables/", tables.table_list, name="tables"),
    path("<slug:cohort_code>/tables/upload/", tables.upload, name="table-upload"),
    path("<slug:cohort_code>/tables/<int:number>/", tables.table_detail, name="table-analysis"),
    path("<slug:cohort_code>/tables/<int:number>/start/", tables.start, name="table-start"),
    path("<slug:cohort_code>/tables/<int:number>/download/", tables.download, name="table-download"),
    path("<slug:cohort_code>/models/runs/<int:number>/report/", reports.write, name="report-write"),
    path("<slug:cohort_code>/reports/<int:pk>/", reports.detail, name="report"),
    path("<slug:cohort_code>/reports/<int:pk>/download/", reports.download, name="report-download"),
    path("<slug:cohort_code>/export/", models.export, name="export"),
    path("<slug:cohort_code>/panels/models/", panels.cohort_panel, name="cohort-panel"),
    path("<slug:cohort_code>/panels/prospective/", champions.prospective_panel, name="prospective-panel"),
    path("<slug:cohort_code>/panels/drift/", champions.drift_panel, name="drift-panel"),
    path(
        "<slug:cohort_code>/patients/<str:patient_code>/panels/outcome-use/",
        outcome_use.outcome_use,
        name="outcome-use",
    ),
    path(
        "<slug:cohort_code>/patients/<str:patient_code>/panels/prediction/",
        patient_panel.patient_panel,
        name="patient-panel",
    ),
    path(
        "<slug:cohort_code>/patients/<str:patient_code>/panels/estimate/",
        patient_panel.patient_estimate,
        name="patient-estimate",
    ),
]
