"""What waits in a person's own work: queries, drafts, tables, imports and jobs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cohorts.access import Action
from cohorts.models import Job, OutcomeDraft, Query, TableImport
from cohorts.selectors.day.desk import Desk, Pile, Task
from cohorts.selectors.queries import ALL, FIELD_LABELS

#: What failed longer ago than this is not today's work any more.
_RECENT = timedelta(days=14)
#: Of so many imports the results are looked through for refusals.
_LOOKED_THROUGH = 40


def queries_to_answer(desk: Desk) -> Pile:
    """Questions of data managers that nobody answered yet."""
    found = desk.reach(Query.objects.filter(state=Query.State.OPEN), Action.ANSWER, without=Action.ASK)
    lead = _("A data manager asks about a field.")
    return desk.pile("answers", _("Queries to answer"), lead, rows=_said(found), task=_query_task)


def queries_to_close(desk: Desk) -> Pile:
    """Answers that a data manager has not looked at yet."""
    found = desk.reach(Query.objects.filter(state=Query.State.ANSWERED), Action.ASK)
    lead = _("Answered: close them, or ask again.")
    return desk.pile("closing", _("Queries to close"), lead, rows=_said(found), task=_query_task)


def _said(queries: QuerySet[Query]) -> QuerySet[Query]:
    return queries.select_related("patient__cohort").prefetch_related("messages").order_by("opened_at", "pk")


def _query_task(query: Query) -> Task:
    cohort, last = query.patient.cohort, list(query.messages.all())[-1:]
    page = reverse("cohorts:queries", args=[cohort.code])
    field = str(FIELD_LABELS.get(query.field, query.field))
    detail = f"{field}: {last[0].text}" if last else field
    return Task(query.patient.code, detail, f"{page}?q={query.patient.code}&state={ALL}#query-{query.pk}", cohort)


def drafts(desk: Desk) -> Pile:
    """Pathology that the person typed and did not save."""
    found = desk.reach(OutcomeDraft.objects.filter(user=desk.user), Action.ENTER_OUTCOME)
    return desk.pile(
        "drafts",
        _("Drafts you left"),
        _("Typed, not saved: no record until you save it."),
        rows=found.select_related("patient__cohort").order_by("-updated_at", "-pk"),
        task=_draft_task,
    )


def _draft_task(draft: OutcomeDraft) -> Task:
    patient = draft.patient
    url = reverse("cohorts:outcome", args=[patient.cohort.code, patient.code])
    return Task(patient.code, _("pathology"), url, patient.cohort)


def tables(desk: Desk) -> Pile:
    """Tables that were checked and not written, or that left rows out."""
    recent = Q(state=TableImport.State.WRITTEN, closed_at__gt=timezone.now() - _RECENT, counts__refused__gt=0)
    found = TableImport.objects.filter(Q(state=TableImport.State.CHECKED) | recent, created_by=desk.user)
    found = desk.reach(found, Action.VIEW).defer("content", "dictionary")
    return desk.pile(
        "tables",
        _("Tables to finish"),
        _("Checked and not written yet, or written without the rows that were refused."),
        rows=found.select_related("cohort").order_by("-created_at", "-pk"),
        task=_table_task,
    )


def _table_task(table: TableImport) -> Task:
    refused = int(table.counts.get("refused") or 0)
    rows = ngettext("%(n)s row refused", "%(n)s rows refused", refused) % {"n": refused}
    detail = f"{table.get_state_display()}, {rows}" if refused else table.get_state_display()
    return Task(table.get_source_display(), detail, table.get_absolute_url(), table.cohort)


def jobs(desk: Desk) -> Pile:
    """Background work of the person that failed, or of which cases did."""
    trouble = Q(state__in=[Job.State.FAILED, Job.State.CRASHED]) | Q(state=Job.State.DONE, result__failed__gt=0)
    found = _own_jobs(desk).filter(trouble, parent=None)
    return desk.pile(
        "jobs",
        _("Work that failed"),
        _("Each says what to do."),
        rows=found,
        task=lambda job: _job_task(job, job.error),
    )


def refusals(desk: Desk) -> Pile:
    """Imports of the person that were done, but left series or masks out."""
    done = list(_own_jobs(desk).filter(kind=Job.Kind.IMPORT, state=Job.State.DONE)[:_LOOKED_THROUGH])
    return desk.pile(
        "imports",
        _("Imports with refusals"),
        _("Some series or masks were left out; each has its reason."),
        rows=[job for job in done if _refused(job)],
        task=lambda job: _job_task(job, _count_words(job)),
    )


def _own_jobs(desk: Desk) -> QuerySet[Job]:
    since = timezone.now() - _RECENT
    own = desk.reach(Job.objects.filter(created_by=desk.user, finished_at__gt=since), Action.VIEW)
    return own.select_related("cohort").order_by("-finished_at", "-pk")


def _refused(job: Job) -> int:
    rows = [*job.result.get("series", ()), *job.result.get("segmentations", ())]
    return sum(row.get("verdict") == "refused" for row in rows)


def _count_words(job: Job) -> str:
    n = _refused(job)
    return ngettext("%(n)s part refused", "%(n)s parts refused", n) % {"n": n}


def _job_task(job: Job, detail: str) -> Task:
    return Task(job.get_kind_display(), detail or job.note, job.get_absolute_url(), job.cohort)


def piles(desk: Desk) -> Iterator[Pile]:
    """Give what waits in a person's own work, the most pressing first."""
    for make in (queries_to_answer, queries_to_close, drafts, tables, refusals, jobs):
        yield make(desk)
