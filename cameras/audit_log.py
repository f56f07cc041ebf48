"""Reads of the audit: what happened to audited rows, newest first, as far as a person may see it.

An entry belongs to the site that its row stood at when it was made; who sees that site sees the entry, also when the row is
gone. Of a row that moved between sites each side sees that it came or went, not what the other side called it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.functions import Concat
from django.utils import timezone

from cameras.models import ROI, Binding, Camera, Device, Site, SiteAccess
from cameras.schedules import Schedule
from cameras.selectors import sites_are_limited, visible_sites

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

Model = type[models.Model]

# What names a row for good: a row that a rollback brings back gets another primary key, but the same code.
CODES: dict[Model, str] = {
    Site: "id", SiteAccess: "id", Device: "device_id", Camera: "camera_id", ROI: "roi_id", Binding: "bind_id",
    Schedule: "schedule_id",
}  # fmt: skip
KINDS: dict[str, Model] = {model._meta.model_name or "": model for model in CODES}
BETWEEN = " · "  # an algorithm and its region
BINDING_PATH = "roi__camera__device__site"
PATHS: dict[Model, str] = {}  # how rows that apps above this one registered are reached from their site
POINTERS: dict[Model, str] = {
    SiteAccess: "user",
    Binding: "roi",
}  # the foreign key that a row without a name is known by


def register(model: Model, *, code: str = "id", path: str, pointer: str = "") -> None:
    """An audited model of an app above this one. code: what names a row for good; pointer: as in POINTERS."""
    CODES[model], PATHS[model] = code, path
    KINDS[model._meta.model_name or ""] = model
    if pointer:
        POINTERS[model] = pointer


def view_permission(model: Model) -> str:
    """Whoever may see a kind of row may see what happened to it."""
    return f"{model._meta.app_label}.view_{model._meta.model_name}"


def history_of(model: Model) -> Any:
    """The model of its entries."""
    return model.history.model  # type: ignore[attr-defined]  # made by simple-history


@dataclass(frozen=True, slots=True)
class Scope:
    """What of the audit a person may see. kinds: models; sites: primary keys, None for all."""

    kinds: tuple[Model, ...]
    sites: frozenset[int] | None

    @classmethod
    def of(cls, user: User | AnonymousUser) -> Scope:
        """Whoever may see a kind of row may see what happened to it; who sees which sites is for those who see all."""
        sites = frozenset(visible_sites(user).values_list("pk", flat=True)) if sites_are_limited(user) else None
        kinds = (m for m in CODES if user.has_perm(view_permission(m)))
        return cls(tuple(m for m in kinds if sites is None or m is not SiteAccess), sites)

    def sees(self, site: int | None) -> bool:
        return self.sites is None or site in self.sites

    def entries(self, model: Model) -> models.QuerySet[Any]:
        rows = history_of(model)._default_manager.all()
        if model not in self.kinds:
            return rows.none()  # type: ignore[no-any-return]
        if self.sites is not None:
            rows = rows.filter(models.Q(history_site__in=self.sites) | models.Q(history_left__in=self.sites))
        return rows  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Question:
    """Which entries are wanted; empty values ask nothing. kind: a key of KINDS; code: of the row; days inclusive."""

    kind: str = ""
    code: Any = ""
    person: str = ""
    site: int | None = None
    since: date | None = None
    until: date | None = None

    def narrow(self, model: Model, rows: models.QuerySet[Any]) -> models.QuerySet[Any]:
        if self.code:
            rows = rows.filter(**{CODES[model]: self.code})
        if self.person:
            rows = rows.filter(history_author=self.person)
        if self.site is not None:
            rows = rows.filter(models.Q(history_site=self.site) | models.Q(history_left=self.site))
        if self.since:
            rows = rows.filter(history_date__gte=_midnight(self.since))
        if self.until:
            rows = rows.filter(history_date__lt=_midnight(self.until + timedelta(days=1)))
        return rows


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


def numbers(scope: Scope, question: Question) -> models.QuerySet[Any]:
    """The wanted entries of all kinds in one list, newest first, as `{"row_kind", "history_id", "history_date"}`."""
    parts = [
        question.narrow(model, scope.entries(model))
        .order_by()
        .annotate(row_kind=models.Value(kind, models.CharField(max_length=20)))
        .values("row_kind", "history_id", "history_date")
        for kind, model in KINDS.items()
        if model in scope.kinds and question.kind in ("", kind)
    ]
    if not parts:
        return history_of(Site)._default_manager.none().values()  # type: ignore[no-any-return]
    return parts[0].union(*parts[1:], all=True).order_by("-history_date", "-history_id")  # type: ignore[no-any-return]


def newest(scope: Scope, *, count: int) -> list[dict[str, Any]]:
    """The newest entries of all kinds as values, newest first: one query a kind, each by the index of the dates.

    Besides `history_*` each has `row_kind`, `row_pk`, `row_code` and `row_label` (may be empty).
    """
    found: list[dict[str, Any]] = []
    fields = ("history_id", "history_date", "history_type", "history_author", "history_site", "history_left")
    for kind, model in KINDS.items():
        if model not in scope.kinds:
            continue
        named = {
            "row_pk": models.F(model._meta.pk.attname),
            "row_code": models.F(CODES[model]),
            "row_label": _label(scope, model),
        }
        rows = scope.entries(model).order_by("-history_date", "-history_id").values(*fields, **named)
        found += [{**row, "row_kind": kind} for row in rows[:count]]
    return sorted(found, key=lambda row: (row["history_date"], row["history_id"]), reverse=True)[:count]


def _label(scope: Scope, model: Model) -> Any:
    """What a row is called: its own name, or that of the row that it is known by, where the person may see that one."""
    pointer = POINTERS.get(model)
    if pointer is None:
        return models.F("name")
    related: Any = model._meta.get_field(pointer).related_model
    pointed: Any = models.F(f"{pointer}__{_named_by(related, 'pk')}")
    if scope.sites is not None:  # it may have moved to another site meanwhile, and be called something there
        here = {f"{PATHS.get(model, BINDING_PATH)}__in": scope.sites}
        pointed = models.Case(models.When(**here, then=pointed), default=models.Value(""))
    if model is Binding:
        return Concat("algo_code", models.Value(BETWEEN), pointed, output_field=models.CharField())
    return pointed


def load(found: Iterable[dict[str, Any]]) -> list[Any]:
    """The entries that `numbers` named, in its order: one query a kind."""
    found = list(found)
    rows: dict[tuple[str, int], Any] = {}
    for kind, model in KINDS.items():
        ids = [n["history_id"] for n in found if n["row_kind"] == kind]
        if ids:
            some = history_of(model)._default_manager.in_bulk(ids)
            rows |= {(kind, pk): row for pk, row in some.items()}
    return [rows[n["row_kind"], n["history_id"]] for n in found if (n["row_kind"], n["history_id"]) in rows]


def people(scope: Scope) -> list[str]:
    """The names of everybody who made a visible entry."""
    parts = [scope.entries(m).order_by().values_list("history_author").distinct() for m in scope.kinds]
    names = parts[0].union(*parts[1:]) if parts else []
    return sorted(name for (name,) in names if name)


@dataclass(slots=True)
class Names:
    """What the rows that entries point at are called now; one query a model, asked once all are collected."""

    scope: Scope
    _keys: dict[tuple[Model, str], set[Any]] = field(default_factory=dict)
    _texts: dict[tuple[Model, Any], str] = field(default_factory=dict)

    def want(self, relation: Any, keys: Sequence[Any]) -> None:
        """relation: the foreign key or many-to-many field whose values the keys are."""
        place = (relation.related_model, _target(relation))
        self._keys.setdefault(place, set()).update(k for k in keys if k is not None)

    def ask(self, paths: dict[Model, str]) -> None:
        """paths: how each kind of row is reached from its site."""
        for (model, target), keys in self._keys.items():
            rows = model._default_manager.filter(**{f"{target}__in": keys})
            if self.scope.sites is not None and model in paths:
                rows = rows.filter(**{f"{paths[model]}__in": self.scope.sites})
            for key, name in rows.values_list(target, _named_by(model, target)):
                self._texts[model, key] = name or str(key)

    def text(self, relation: Any, key: Any) -> str:
        """Its name; its key when it is gone, has no name or stands at a site that the person may not see."""
        known = self._texts.get((relation.related_model, key))
        return known or (str(key) if isinstance(key, str) else f"#{key}")


def _named_by(model: Model, target: str) -> str:
    fields = {field.name for field in model._meta.get_fields()}
    return next((name for name in ("name", "username") if name in fields), target)


def _target(relation: Any) -> str:
    return "pk" if relation.many_to_many else str(relation.target_field.name)
