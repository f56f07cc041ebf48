"""Row-level audit: who changed which row, when and how. django-simple-history keeps one table of past rows a model.

What a change was is worked out against the stored row just before it is written, so that a save that changes nothing leaves
no entry, and a secret's change can be told without keeping anything of the secret. `QuerySet.update`, `bulk_create` and
`bulk_update` send no signals and leave no entry: that is how the hub's workers write their columns.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from simple_history.models import HistoricalRecords
from simple_history.signals import pre_create_historical_record

from edgesite.fields import DecryptionError

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LONGEST_REASON = 500
Changes = dict[str, Any]  # {field: [old, new]} in JSON's terms; None instead of the two for a secret


@dataclass(frozen=True, slots=True)
class Actor:
    """Whose doing the present changes are. user: None when nobody of that name has an account."""

    author: str
    reason: str
    user: User | None


_actor: ContextVar[Actor | None] = ContextVar("audit_actor", default=None)


@contextmanager
def acting(*, author: str, reason: str = "") -> Iterator[None]:
    """Entries made inside are this author's, for this reason. Without it they are the request's person's, if any."""
    user = get_user_model().objects.filter(username=author).first() if author else None
    token = _actor.set(Actor(author, reason[:LONGEST_REASON], user))
    try:
        yield
    finally:
        _actor.reset(token)


class AuditedRow(models.Model):
    """What an entry says beyond simple-history's own columns. It says it on its own: no other row has to be there still.

    history_author: as the person was called. history_site: whose people may see the entry; history_left: the site that
    the row moved away from, when it did. history_changes: see Changes; empty for a row that was made or deleted.
    """

    history_author = models.CharField(
        pgettext_lazy("who changed it", "person"), max_length=150, blank=True, db_index=True
    )
    history_site = models.BigIntegerField(null=True, db_index=True)
    history_left = models.BigIntegerField(null=True, db_index=True)
    history_changes = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    class Meta:
        abstract = True


class AuditEntry(models.Model):
    """No table: the name under which the admin lists what happened to all audited rows (`cameras.audit_log`)."""

    class Meta:
        app_label = "cameras"
        managed = False
        default_permissions = ()
        verbose_name = _("change")
        verbose_name_plural = _("changes")

    def __str__(self) -> str:
        return f"change {self.pk}"


def site_of(model: type[models.Model], key: Any, path: str) -> int | None:
    """The primary key of the site that a row belongs to. key: the row's value of the path's first part."""
    first, _dot, rest = path.partition("__")
    if not rest or key is None:
        return key  # type: ignore[no-any-return]  # the row's own key, or that of its site
    field: Any = model._meta.get_field(first)
    parents = field.related_model._base_manager.filter(**{field.target_field.name: key})
    return parents.values_list(rest, flat=True).first()  # type: ignore[no-any-return]


def _plain(field: Any, value: Any) -> Any:
    """A value as the history keeps it: what JSON knows, the same for a stored and for a fresh one."""
    if not isinstance(field, models.JSONField):
        value = field.to_python(value)
    return json.loads(json.dumps(value, cls=DjangoJSONEncoder))


class AuditRecords(HistoricalRecords):  # type: ignore[misc]  # simple-history has no types
    """A model's audit. site: path to the row's site (`pk` for a site itself, empty for a row of none).

    secrets: fields of which only the change is told. machine: columns that workers write and that nobody audits.
    """

    def __init__(
        self, *, site: str = "", secrets: Collection[str] = (), machine: Collection[str] = (), **options: Any
    ) -> None:
        self.site_path, self.secrets = site, frozenset(secrets)
        super().__init__(
            bases=[AuditedRow],
            excluded_fields=[*secrets, *machine],
            history_id_field=models.BigAutoField(),
            history_change_reason_field=models.CharField(_("reason"), max_length=LONGEST_REASON, null=True),
            **options,
        )

    def finalize(self, sender: type[models.Model], **kwargs: Any) -> None:
        super().finalize(sender, **kwargs)
        if sender is self.cls:
            models.signals.pre_save.connect(self._before_save, sender=sender, weak=False)
            table = getattr(sender, self.manager_name).model
            pre_create_historical_record.connect(self._fill_in, sender=table, weak=False)

    def get_meta_options(self, model: type[models.Model]) -> dict[str, Any]:
        # Whoever may see a row may see its history: permissions of its own would only offer a contradiction.
        return {**super().get_meta_options(model), "default_permissions": ()}

    def get_meta_options_m2m(self, through_model: type[models.Model]) -> dict[str, Any]:
        return {**super().get_meta_options_m2m(through_model), "default_permissions": ()}

    def _before_save(self, instance: Any, update_fields: Any = None, using: str | None = None, **kwargs: Any) -> None:
        instance._audit_changes = {} if kwargs.get("raw") else self._differences(instance, update_fields, using)

    def _differences(self, instance: Any, update_fields: Collection[str] | None, using: str | None) -> Changes:
        """What the save will change in the stored row; nothing for a new one."""
        fields = [f for f in self.fields_included(instance) if not f.primary_key]
        fields += [self.cls._meta.get_field(name) for name in self.secrets]
        if update_fields is not None:
            fields = [f for f in fields if f.name in update_fields or f.attname in update_fields]
        before = self._stored(instance, [f.attname for f in fields], using)
        if before is None:
            return {}
        changes: Changes = {}
        for field in fields:
            new = getattr(instance, field.attname)
            if field.name in self.secrets:
                if field.attname not in before or before[field.attname] != new:
                    changes[field.name] = None
                continue
            old, new = _plain(field, before[field.attname]), _plain(field, new)
            if old != new:
                changes[field.name] = [old, new]
        return changes

    def _stored(self, instance: Any, columns: list[str], using: str | None) -> dict[str, Any] | None:
        """The stored row. Secrets that no key opens any more are left out."""
        rows = self.cls._base_manager.using(using).filter(pk=instance.pk)
        try:
            return rows.values(*columns).first()  # type: ignore[no-any-return]
        except DecryptionError:
            stored: dict[str, Any] = rows.values(*(c for c in columns if c not in self.secrets)).first() or {}
            for column in self.secrets.intersection(columns):
                with suppress(DecryptionError):
                    stored[column] = rows.values_list(column, flat=True).first()
            return stored or None

    def post_save(self, instance: Any, created: bool, using: str | None = None, **kwargs: Any) -> None:
        if created or instance._audit_changes:
            super().post_save(instance, created, using=using, **kwargs)

    def m2m_changed(
        self, instance: Any, action: str, attr: str, pk_set: set[Any] | None, reverse: bool, **kwargs: Any
    ) -> None:
        """An entry for each audited row whose many-to-many field changed, from whichever side that was done."""
        field: Any = self.cls._meta.get_field(attr)
        near = getattr(instance, field.remote_field.get_accessor_name() if reverse else attr)
        if action == "pre_clear":
            instance._audit_cleared = set(near.values_list("pk", flat=True))
        if action not in ("post_add", "post_remove", "post_clear"):
            return
        far = instance.__dict__.pop("_audit_cleared", set()) if pk_set is None else pk_set
        owners = self.cls._base_manager.filter(pk__in=far) if reverse else [instance]
        moved = {instance.pk} if reverse else far
        for owner in owners:
            now = set(getattr(owner, attr).values_list("pk", flat=True))
            before = now - moved if action == "post_add" else now | moved
            if before != now:
                owner._audit_changes = {attr: [sorted(before), sorted(now)]}
                self.create_historical_record(owner, "~")

    def get_history_user(self, instance: Any) -> Any:
        actor = _actor.get()
        return actor.user if actor else super().get_history_user(instance)

    def get_change_reason_for_object(self, instance: Any, history_type: str, using: str | None) -> str | None:
        actor = _actor.get()
        return actor.reason if actor else None

    def _fill_in(self, instance: Any, history_instance: Any, history_user: Any, **kwargs: Any) -> None:
        actor = _actor.get()
        changes: Changes = instance.__dict__.pop("_audit_changes", {})
        name = actor.author if actor else history_user.get_username() if history_user else ""
        history_instance.history_author = name
        history_instance.history_changes = changes
        if self.site_path:
            first = self.cls._meta.get_field(self.site_path.partition("__")[0]) if self.site_path != "pk" else None
            key = getattr(instance, first.attname) if first else instance.pk
            history_instance.history_site = site_of(self.cls, key, self.site_path)
            if first and first.name in changes:
                left = site_of(self.cls, changes[first.name][0], self.site_path)
                history_instance.history_left = left if left != history_instance.history_site else None
