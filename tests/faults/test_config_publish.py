"""Invariants 1, 2, 6 and 7 on the hub's side: whatever is edited, killed, lost or restored, in any order."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from unittest import mock

import pytest
from django.db import transaction
from django.db.models import TextField
from django.db.models.functions import Cast
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis.exceptions import RedisError

from cameras import services
from cameras.core.algorithms import registry
from cameras.core.document import parse_document
from cameras.core.strict_json import DocumentError
from cameras.issued import ConfigVersion
from cameras.models import ROI, Binding, Camera, Device, Site
from cameras.publish import Outcome
from cameras.restoring import VersionError
from cameras.services import issue_version, publish_edit, publish_version
from cameras.transfer.services import Upload, carry_out, export_site
from cameras.versions import begin_epoch, roll_back
from tests.faults.publishing import (
    DEATHS,
    DEVICES,
    Death,
    Hub,
    Killed,
    clock_a_day_behind,
    document_says,
    dying,
    edit_rows,
    own_hub,
    remembered,
    rows_say,
)
from tests.servers.redis import RedisServer

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]  # what fails is shrunk for five minutes

devices = st.sampled_from(DEVICES)
deaths = st.none() | st.sampled_from(DEATHS)
values = st.integers(0, 3)


HOWS = st.sampled_from(["save", "update", "bulk_update", "bulk_delete", "bulk_create", "site", "spoil"])


class Publishing(RuleBasedStateMachine):
    """Operators, scripts, `run_hub`, and everything that can happen to them, to Redis and to the database."""

    hub: Hub

    @initialize()
    def begin(self) -> None:
        self.hub.begin()
        self.held: list[ConfigVersion] = []
        self.backup: Path | None = None
        self.dump: dict[bytes, bytes] | None = None
        self.rows: dict[int, Any] = {}
        self.last_hint = "0-0"
        self.shown = dict.fromkeys(DEVICES, "")

    # People and programs

    @rule(how=HOWS, device=devices, value=values)
    def edit_unannounced(self, how: str, device: str, value: int) -> None:
        edit_rows(how, device, value)

    @rule(how=HOWS, device=devices, value=values, death=deaths)
    def edit_and_publish(self, how: str, device: str, value: int, death: Death | None) -> None:
        with dying(death), transaction.atomic():
            edit_rows(how, device, value)
            publish_edit(device_ids=[device], author="ann")

    @rule(how=HOWS, device=devices, value=values)
    def killed_before_the_commit(self, how: str, device: str, value: int) -> None:
        before = ConfigVersion.objects.count()
        with contextlib.suppress(Killed), transaction.atomic():
            edit_rows(how, device, value)
            publish_edit(device_ids=[device], author="ann")
            raise Killed
        assert ConfigVersion.objects.count() == before

    @rule(value=values, death=deaths)
    def import_site(self, value: int, death: Death | None) -> None:
        site = Site.objects.get()
        file = json.loads(export_site(site, "json"))
        for camera in file["cameras"]:
            camera["name"] = f"Imported {value}"
        with dying(death):
            carry_out(
                site=site, upload=Upload("site.json", json.dumps(file).encode()), author="ann",
                publish=lambda ids: cast(None, publish_edit(device_ids=ids, author="ann")),
            )  # fmt: skip

    @rule(device=devices)
    def save_what_is_there(self, device: str) -> None:
        """Invariant 6. What others changed without a word is issued first."""
        publish_edit(device_ids=[device], author="bob")
        before = ConfigVersion.objects.count()
        for model in (Camera, ROI, Binding):
            for row in model._default_manager.all():
                row.save()
        publish_edit(device_ids=[device], author="ann")
        with contextlib.suppress(DocumentError):
            assert issue_version(device_id=device, author="eve") is None
        assert ConfigVersion.objects.count() == before

    @rule(device=devices, which=st.integers(0, 9), death=deaths)
    def roll_back_to_any(self, device: str, which: int, death: Death | None) -> None:
        row = Device.objects.get(pk=device)
        target = 1 + which % max(row.last_version, 1)
        with dying(death), contextlib.suppress(VersionError):
            issued = roll_back(device_id=device, version=target, author="ann")
            if issued.version != row.last_version:  # else the box has that content already and the rows were put back
                assert (issued.version, issued.rollback_of) == (row.last_version + 1, target)
            old = ConfigVersion.objects.get(device=device, epoch=row.epoch, version=target)
            then, now, rows = document_says(old.document), document_says(issued.document), rows_say(device)[0]
            assert now == rows == {**then, "site": now["site"]}  # the site is other devices' too and stays

    @rule(device=devices, behind=st.booleans(), death=deaths)
    def renew(self, device: str, behind: bool, death: Death | None) -> None:
        """behind: the hub's clock has been put back by a day."""
        with dying(death), contextlib.suppress(DocumentError), clock_a_day_behind(behind):
            begin_epoch(device_id=device, author="ann")

    @rule(how=HOWS, device=devices, value=values)
    def publisher_that_dawdles(self, how: str, device: str, value: int) -> None:
        with mock.patch.object(services, "publish_after_commit", self.held.append):
            edit_rows(how, device, value)
            publish_edit(device_ids=[device], author="bob")

    @precondition(lambda self: self.held)
    @rule(which=st.integers(0, 9))
    def dawdler_publishes(self, which: int) -> None:
        version = self.held.pop(which % len(self.held))
        with contextlib.suppress(RedisError):
            outcome = publish_version(version)
            newest = self.hub.document(version.device_id)
            assert (outcome is Outcome.AHEAD) is not remembered(newest, version.device_id)

    @rule(death=deaths)
    def reconcile(self, death: Death | None) -> None:
        with dying(death), contextlib.suppress(RedisError):
            self.hub.reconciler.step()
        if death is not None:
            self.hub.restart()

    # What happens to Redis and to the database

    @rule()
    def redis_goes_or_comes(self) -> None:
        if self.hub.redis_runs:
            self.hub.stop_redis()
        else:
            self.hub.start_redis()

    @precondition(lambda self: self.hub.redis_runs)
    @rule(what=st.sampled_from(["everything", "config", "version", "hints"]), device=devices)
    def redis_loses(self, what: str, device: str) -> None:
        keys = {"config": f"device:{device}:config", "version": f"device:{device}:version"}
        if what == "everything":
            self.hub.raw.flushall()
        else:
            self.hub.raw.delete(keys.get(what, "device_config_stream"))
        self.look_again()

    @precondition(lambda self: self.hub.redis_runs)
    @rule()
    def redis_is_dumped(self) -> None:
        self.dump = self.hub.dump()

    @precondition(lambda self: self.hub.redis_runs and self.dump is not None)
    @rule()
    def redis_is_restored(self) -> None:
        self.hub.load(self.dump or {})
        self.look_again()

    @rule()
    def database_is_backed_up(self) -> None:
        self.backup = self.hub.file.with_suffix(".backup")
        self.hub.save_database(self.backup)

    @precondition(lambda self: self.backup is not None)
    @rule(with_restart=st.booleans())
    def database_is_restored(self, with_restart: bool) -> None:
        assert self.backup
        self.hub.restore_database(self.backup)
        self.held.clear()
        self.rows.clear()
        if with_restart:
            self.hub.restart()

    def look_again(self) -> None:
        """Somebody else than the hub changed Redis."""
        self.shown = {device: self.hub.document(device) for device in DEVICES}
        self.last_hint = ([entry for entry, _, _ in self.hub.hints("0-0")] or ["0-0"])[-1]

    # What must hold after every step

    @invariant()
    def versions_have_no_gap_and_never_change(self) -> None:
        numbers: dict[tuple[str, str], list[int]] = {}
        rows = {}
        for version in ConfigVersion.objects.annotate(stored=Cast("document", TextField())).order_by("version"):
            numbers.setdefault((version.device_id, version.epoch), []).append(version.version)
            rows[version.pk] = (version.sha256, version.author, version.rollback_of, version.stored)  # type: ignore[attr-defined]
            if version.pk not in self.rows:
                document = parse_document(version.document, device_id=version.device_id, registry=registry)
                assert document.number == (version.epoch, version.version)
                assert document.header.sha256 == version.sha256
        assert all(found == list(range(1, len(found) + 1)) for found in numbers.values()), numbers
        for device in Device.objects.all():
            assert device.last_version == len(numbers.get((device.pk, device.epoch), []))
        assert rows.items() >= self.rows.items(), "an issued version changed or went away"
        self.rows = rows

    @invariant()
    def redis_only_goes_forward(self) -> None:
        if not self.hub.redis_runs:
            return
        hints = self.hub.hints(self.last_hint)
        for device in DEVICES:
            old, new = self.shown[device], self.hub.document(device)
            hinted = [version for _, hinted_device, version in hints if hinted_device == device]
            assert hinted == sorted(set(hinted)), "an older version was published over a newer one"
            if new != old:
                parse_document(new, device_id=device, registry=registry)
                assert remembered(new, device), "published before the commit"
                assert hinted, "changed without a hint"
                assert str(hinted[-1]) == self.hub.number(device) == str(json.loads(new)["version"])
            if old and new != old:
                self.goes_forward(device, old, new)
            self.shown[device] = new
        self.last_hint = hints[-1][0] if hints else self.last_hint

    def goes_forward(self, device: str, old: str, new: str) -> None:
        before, after = json.loads(old), json.loads(new)
        numbers = [(document["epoch"], document["version"]) for document in (before, after)]
        if before["sha256"] == after["sha256"]:  # issued again by a hub that was restored: another moment, nothing else
            assert numbers[0] <= numbers[1], "Redis went back"
        else:
            assert numbers[0] < numbers[1], "Redis went back"
        if before["epoch"] == after["epoch"]:
            assert remembered(old, device), "the hub replaced a document that it knows nothing of"

    @rule()
    def calm(self) -> None:
        """Invariants 2 and 7: a pass of `run_hub` with everything there leads to what the rows say, or says why not."""
        self.hub.start_redis()
        assert any(not self.hub.reconciler.step() for _ in range(3)), "always something to do"
        for device in Device.objects.all():
            text, newest = self.hub.document(device.pk), services.latest_version(device)
            content, valid = rows_say(device.pk)
            assert bool(device.publish_error) is not valid
            assert device.redis_ahead is (bool(text) and not remembered(text, device.pk))
            if newest is not None and not device.redis_ahead:
                assert (text, self.hub.number(device.pk)) == (newest.document, str(newest.version))
            if valid:
                assert newest is not None
                assert document_says(newest.document) == content

    def teardown(self) -> None:
        """Whatever happened, a person can put it right: mend the rows, begin a new epoch where Redis is ahead."""
        self.calm()
        self.redis_only_goes_forward()
        Binding.objects.update(algo_code="intrusion")
        for device in Device.objects.filter(redis_ahead=True):
            with clock_a_day_behind(True):
                begin_epoch(device_id=device.pk, author="ann")
        self.calm()
        self.redis_only_goes_forward()
        assert not Device.objects.filter(redis_ahead=True).exists()


@pytest.fixture
def hub(tmp_path: Path, redis_server: RedisServer, django_db_blocker: Any) -> Iterator[Hub]:
    with django_db_blocker.unblock(), own_hub(tmp_path, redis_server) as hub:
        yield hub


def test_whatever_happens_redis_ends_at_the_rows_and_never_goes_back(hub: Hub) -> None:
    Publishing.hub = hub
    run_state_machine_as_test(
        Publishing,
        settings=settings(
            max_examples=60, stateful_step_count=25, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
