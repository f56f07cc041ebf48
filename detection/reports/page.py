"""The page of reports: asked by its URL, drawn by the server, printed as it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from detection.alert_life.export import begin_export
from detection.alert_life.models import ExportKind
from detection.core.reporting import LOW_COVERAGE
from detection.reports.asking import Question, ReportForm
from detection.reports.export import as_csv, row_count
from detection.reports.models import CoverageHour
from detection.reports.presenting import (
    MOST_LINES,
    charts,
    number,
    percent,
    shown_days,
    shown_lines,
    shown_pair,
    shown_shifts,
    shown_sites,
)
from detection.reports.selectors import Report, make_report

if TYPE_CHECKING:
    from django.contrib.auth.models import User

TEMPLATE = "admin/detection/report/report.html"


def page(request: HttpRequest) -> HttpResponse:
    """GET: the report that the URL asks for. 400 with what is wrong when it asks for none."""
    form = ReportForm(request.user, request.GET.dict(), today=timezone.localdate())
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Reports"),
        "opts": CoverageHour._meta,
        "form": form,
    }
    if not form.is_valid():
        return render(request, TEMPLATE, context, status=400)
    question = form.question()
    report = make_report(request.user, question)
    return render(request, TEMPLATE, context | _shown(request, form, question, report))


def export(request: HttpRequest) -> HttpResponse:
    """GET with the page's query: the file, and a row that says who took it. 400 with what is wrong, as text."""
    form = ReportForm(request.user, request.GET.dict(), today=timezone.localdate())
    if not form.is_valid():
        wrong = [f"{form[name].label}: {'; '.join(map(str, told))}" for name, told in form.errors.items()]
        return HttpResponse("\n".join(wrong), status=400, content_type="text/plain; charset=utf-8")
    question, user = form.question(), cast("User", request.user)
    report = make_report(user, question)
    begin_export(user=user, kind=ExportKind.REPORT, query=question.query(), now=timezone.now(), rows=row_count(report))
    answer = HttpResponse(as_csv(report, question), content_type="text/csv; charset=utf-8")
    name = f"report-{question.since:%Y%m%d}-{question.until:%Y%m%d}.csv"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def _shown(request: HttpRequest, form: ReportForm, question: Question, report: Report) -> dict[str, Any]:
    total = report.total.now
    return {
        "report": report,
        "total": shown_pair(_("All"), report.total),
        "charts": charts(report),
        "days": shown_days(report),
        "shifts": shown_shifts(report, question),
        "sites": shown_sites(report),
        "lines": shown_lines(report),
        "left_out": max(len(report.lines) - MOST_LINES, 0),
        "zone_names": ", ".join(sorted(report.zones)),
        "period": _period(question),
        "narrowed": _narrowed(form),
        "false": number(total.false) if total.false else "",
        "repeats": number(total.repeats) if total.repeats else "",
        "missing": number(total.missing) if report.told and total.missing else "",
        "low": total.low,
        "low_share": percent(LOW_COVERAGE),
        "empty": not report.lines,
        "query": request.GET.urlencode(),
        "made_at": timezone.localtime(),
    }


def _period(question: Question) -> str:
    first, last = (date_format(day, "j F Y") for day in (question.since, question.until))
    return first if first == last else f"{first} – {last}"


def _narrowed(form: ReportForm) -> list[str]:
    """What the report is narrowed to, in words: it stands on paper, too."""
    words = []
    for name in ("site", "zone", "algorithm", "shift"):
        value = str(form.cleaned_data[name])
        if value:
            choices = form.fields[name].choices  # type: ignore[attr-defined]
            words.append(next(str(text) for key, text in choices if str(key) == value))
    return words
