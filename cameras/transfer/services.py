"""What the admin and the commands do with a site's file."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError, RestrictedError
from django.utils.crypto import constant_time_compare, salted_hmac

from cameras.audit import acting
from cameras.core.algorithms import registry
from cameras.core.transfer import Plan, SiteState, plan_import
from cameras.core.transfer_file import Problem, Problems, TransferError, read_site
from cameras.models import Camera, Device, Site
from cameras.transfer.building import refusal
from cameras.transfer.reading import read_tree
from cameras.transfer.rows import elsewhere, site_state, write_plan
from cameras.transfer.writing import write_site
from edgesite.fields import DecryptionError, decrypt, encrypt

log = structlog.get_logger(__name__)

Judge = Callable[[Plan, Problems], None]


class OutdatedError(Exception):
    """The rows are no longer those that the plan was shown for. `plan` and `state` are what holds now."""

    def __init__(self, plan: Plan, state: str) -> None:
        self.plan, self.state = plan, state
        super().__init__("The site has changed since the difference was shown.")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that somebody gave and how it is to be taken. The end of `name` says its format."""

    name: str
    data: bytes
    delete: bool = False

    def sealed(self, purpose: str) -> str:
        """Encrypted, to be carried by a page: the file may hold passwords. purpose: what it may be opened for."""
        head = json.dumps([purpose, self.name, self.delete]).encode() + b"\n"
        return encrypt(base64.b64encode(zlib.compress(head + self.data)).decode("ascii"))

    @classmethod
    def opened(cls, sealed: str, purpose: str) -> Upload:
        """The inverse of `sealed`. Raises TransferError for anything else."""
        try:
            head, _, data = zlib.decompress(base64.b64decode(decrypt(sealed), validate=True)).partition(b"\n")
            sealed_for, name, delete = json.loads(head)
        except (DecryptionError, ValueError, zlib.error):
            raise _not_of_this_page() from None
        if sealed_for != purpose:
            raise _not_of_this_page()
        return cls(name, data, delete)


def _not_of_this_page() -> TransferError:
    return refusal(0, "The confirmation does not belong to this page. Choose the file again.")


def export_site(site: Site, kind: str, *, secrets: bool = False) -> str:
    """The site as `yaml`, `json` or `csv` text, stream URLs masked unless `secrets`. Raises DecryptionError."""
    return write_site(site_state(site), kind, secrets=secrets)


def prepare(*, site: Site, upload: Upload, judge: Judge | None = None) -> tuple[Plan, str]:
    """The plan and a code for the rows and the file that it was made from. Raises TransferError.

    judge: may add problems to a plan, such as a missing permission.
    """
    file = read_site(read_tree(upload.name, upload.data))
    try:
        stored = site_state(site)
    except DecryptionError as error:
        raise refusal(0, "%(problem)s", problem=error) from None
    plan = plan_import(file, stored=stored, elsewhere=elsewhere(site, file), delete=upload.delete, registry=registry)
    if judge is not None:
        judge(plan, file.problems)
        file.problems.raise_any()
    return plan, _state(stored, upload)


def _state(stored: SiteState, upload: Upload) -> str:
    """Keyed, so that it tells nothing of the passwords that it covers."""
    rows = json.dumps([stored.site, stored.rows, upload.name, upload.delete], sort_keys=True).encode()
    return salted_hmac("cameras.transfer", rows + b"\n" + upload.data, algorithm="sha256").hexdigest()


def carry_out(
    *,
    site: Site,
    upload: Upload,
    author: str,
    publish: Callable[[set[str]], None],
    expected: str | None = None,
    judge: Judge | None = None,
) -> Plan:
    """Imports the file, all of it or nothing, and publishes the devices concerned in the same transaction.

    expected: the code that `prepare` gave. Raises TransferError, and OutdatedError when the rows are others by now.
    """
    try:
        with transaction.atomic():
            _lock(site)
            plan, state = prepare(site=site, upload=upload, judge=judge)
            if expected is not None and not constant_time_compare(expected, state):
                raise OutdatedError(plan, state)
            with acting(author=author, reason=f"import of {upload.name}"):
                write_plan(site, plan)
            publish(set(plan.devices))
    except (ProtectedError, RestrictedError):
        raise TransferError([Problem(0, "", "Something that the import would delete is still in use.")]) from None
    except IntegrityError:
        raise TransferError(
            [Problem(0, "", "Somebody else changed the same rows at the same time. Nothing was imported; try again.")]
        ) from None
    log.info("site imported", site=site.name, author=author, changes=len(plan.changes))
    return plan


def _lock(site: Site) -> None:
    """Rows that others edit at this moment are waited for, as far as the database knows row locks."""
    if site.pk is not None:
        list(Site.objects.select_for_update().filter(pk=site.pk))
        list(Device.objects.select_for_update().filter(site=site))
        list(Camera.objects.select_for_update().filter(device__site=site).defer("rtsp_url", "sub_url"))
        site.refresh_from_db(fields=["name", "time_zone"])
