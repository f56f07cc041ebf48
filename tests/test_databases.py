"""What keeps the hub's rows apart stands in every database that it supports: MySQL and MariaDB silently leave out what is
conditional, and SQLite and PostgreSQL would not notice."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import models

FOR_SPEED_ONLY = {"alert_repeats"}  # indexes whose condition MySQL ignores: there they hold every row
ONE_AT_A_TIME = [("recordings", "RecordingTask"), ("recordings", "Extract")]


def uniques() -> list[models.UniqueConstraint]:
    found = (c for model in apps.get_models() for c in model._meta.constraints)
    return [c for c in found if isinstance(c, models.UniqueConstraint)]


def test_nothing_that_must_be_unique_relies_on_a_condition() -> None:
    assert len(uniques()) > 5
    for constraint in uniques():
        left_out = (constraint.condition, constraint.deferrable, constraint.nulls_distinct)
        assert not any(part for part in left_out), constraint.name
        assert not constraint.expressions, constraint.name


def test_indexes_with_a_condition_are_for_speed_only() -> None:
    found = {i.name for model in apps.get_models() for i in model._meta.indexes if i.condition is not None}
    assert found == FOR_SPEED_ONLY


@pytest.mark.parametrize(("app", "name"), ONE_AT_A_TIME)
def test_one_that_runs_is_kept_unique_by_a_column_that_is_null_for_all_others(app: str, name: str) -> None:
    slot = apps.get_model(app, name)._meta.get_field("slot")
    assert isinstance(slot, models.Field)
    assert slot.unique
    assert slot.null
