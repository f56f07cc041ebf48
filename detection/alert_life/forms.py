"""Forms of the pages: what the list is narrowed to, and what a step says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cameras.choices import Severity
from cameras.core.algorithms import registry
from cameras.selectors import visible_cameras, visible_sites
from detection.alert_life.asking import EACH, ME, NOBODY, UNRESOLVED, Question
from detection.alert_life.models import Verdict
from detection.models import AlertState

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

MOST_CHOICES = 1000  # cameras; with more one searches


def _day() -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class FilterForm(forms.Form):
    """It only draws the question; `Question.of` reads the URL. Three queries."""

    q = forms.CharField(
        label=gettext_lazy("Search"), required=False,
        widget=forms.TextInput(attrs={"type": "search", "maxlength": 200}),
    )  # fmt: skip
    state = forms.ChoiceField(label=gettext_lazy("State"), required=False)
    severity = forms.ChoiceField(label=gettext_lazy("Severity"), required=False)
    site = forms.ChoiceField(label=gettext_lazy("Site"), required=False)
    camera = forms.ChoiceField(label=gettext_lazy("Camera"), required=False)
    algorithm = forms.ChoiceField(label=gettext_lazy("Algorithm"), required=False)
    assignee = forms.ChoiceField(label=gettext_lazy("Assigned to"), required=False)
    verdict = forms.ChoiceField(label=gettext_lazy("Verdict"), required=False)
    escalated = forms.ChoiceField(label=gettext_lazy("Escalated"), required=False)
    repeats = forms.ChoiceField(label=gettext_lazy("Repeats"), required=False)
    since = forms.DateField(label=gettext_lazy("From"), required=False, widget=_day())
    until = forms.DateField(label=gettext_lazy("Until"), required=False, widget=_day())

    def __init__(self, user: User | AnonymousUser, question: Question) -> None:
        super().__init__(initial={name: getattr(question, name) for name in self.base_fields})
        self.label_suffix = ""
        sites = visible_sites(user).order_by("name").values_list("pk", "name")
        cameras = visible_cameras(user).select_related(None).order_by("name", "camera_id")
        names = [(pk, name or pk) for pk, name in cameras.values_list("pk", "name")[:MOST_CHOICES]]
        if question.camera and question.camera not in dict(names):
            names.append((question.camera, question.camera))  # of a link, or one that is gone
        choices: dict[str, list[tuple[Any, Any]]] = {
            "state": [(UNRESOLVED, _("not resolved")), *AlertState.choices],
            "severity": list(Severity.choices),
            "site": list(sites),
            "camera": names,
            "algorithm": [(a.code, _(a.label)) for a in registry.all()],
            "assignee": [(ME, _("me")), (NOBODY, _("nobody"))],
            "verdict": [*Verdict.choices, ("none", _("none yet"))],
            "escalated": [("yes", _("yes"))],
        }
        self.fields["repeats"].choices = [("", _("in one alert")), (EACH, _("each by itself"))]  # type: ignore[attr-defined]
        for name, given in choices.items():
            self.fields[name].choices = [("", _("any")), *given]  # type: ignore[attr-defined]


class ActForm(forms.Form):
    """What is asked beside the alerts of a bulk act; `detection.alert_life.services` checks it."""

    verdict = forms.ChoiceField(
        label=gettext_lazy("Verdict"), required=False, choices=[*Verdict.choices, ("", gettext_lazy("cannot say"))],
        widget=forms.RadioSelect,
    )  # fmt: skip
    reason = forms.CharField(label=gettext_lazy("Why"), required=False)
    assignee = forms.CharField(
        label=gettext_lazy("Assign to"), required=False, widget=forms.TextInput(attrs={"list": "people"})
    )
    note = forms.CharField(label=gettext_lazy("Note"), required=False, widget=forms.Textarea(attrs={"rows": 2}))
