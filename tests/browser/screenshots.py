"""Makes the pictures of docs/screenshots anew, from a real installation that watches the street clip:

    .venv/bin/python -m tests.browser.screenshots [PAGE …]

Each page in light, dark and on a phone. A picture is stored as WebP, without loss where that is the smaller file.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from playwright.sync_api import Browser, Page, expect, sync_playwright

from edgesite.samples import street_clip
from tests.browser.conftest import ARGUMENTS, CHROMIUM, Visitor
from tests.browser.test_accessibility import SETTLED
from tests.servers.redis import RedisServer
from tests.servers.stack import ROOT, Stack, wait_until

FOLDER = ROOT / "docs" / "screenshots"
CACHE = ROOT / "var" / "test-cache"
QUALITY, LOSSLESS = 88, 101  # cv2: above 100 nothing is lost
DESKTOP, PHONE = (1440, 900), (390, 844)
SHOTS = {"light": (DESKTOP, "light", 1.0), "dark": (DESKTOP, "dark", 1.0), "phone": (PHONE, "light", 2.0)}

ROWS = """
import sys
from cameras.models import ROI, Binding, Camera, Device, Site
from cameras.schedules import Schedule
from cameras.services import publish_edit
site = Site.objects.get()
site.name, site.time_zone = "Main street", "Europe/Vienna"
site.save()
box = Device.objects.get()
box.name = "Street box"
box.save()
Camera.objects.create(camera_id="gate", name="Back gate", device=box, location="Yard", rtsp_url="rtsp://127.0.0.1:9/main")
workdays = ("mon", "tue", "wed", "thu", "fri")
hours = [{"day": day, "start": "08:00", "end": "12:30"} for day in workdays]
hours += [{"day": day, "start": "13:15", "end": "18:00"} for day in workdays]
hours += [{"day": "fri", "start": "22:00", "end": "06:00"}, {"day": "sat", "start": "09:00", "end": "13:00"}]
Schedule.objects.create(
    schedule_id="opening", name="Opening hours", site=site, weekly=hours,
    holidays=[{"date": "2026-12-25", "name": "Christmas Day"}, {"date": "2026-12-31", "name": "New Year's Eve", "like": "sat"}],
)
warehouse = Site.objects.create(name="Warehouse", time_zone="Europe/Vienna")
Device.objects.create(device_id="box-2", name="Warehouse box", site=warehouse)
publish_edit(device_ids=["box-1"], author="admin", reason="back gate added")
"""
EDIT = """
from cameras.models import ROI, Binding
from cameras.services import publish_edit
{change}
publish_edit(device_ids=["box-1"], author="admin", reason={reason!r})
"""
ROLL_BACK = """
from cameras.models import Device
from cameras.versions import roll_back
newest = Device.objects.get(pk="box-1").last_version
roll_back(device_id="box-1", version=newest - 1, author="admin", reason="too many alerts at the bus stop")
"""
CROSSING = 'Binding.objects.filter(bind_id="street-crossing-intrusion").update(params={{"dwell_s": {dwell}}})'
EDITS = (
    (CROSSING.format(dwell=5.0), "people wait at the crossing for the lights"),
    (CROSSING.format(dwell=2.0), "five seconds missed those who run"),
    (
        (
            'Binding.objects.create(bind_id="street-pavement-loitering", algo_code="loitering", severity="info", '
            'roi=ROI.objects.get(roi_id="street-pavement"), params={"dwell_s": 20.0})'
        ),
        "who stays on the pavement",
    ),
)


def regions(page: Page) -> None:
    page.wait_for_selector("#editor[data-ready]")
    expect(page.locator("#editor-frame-state")).to_have_attribute("data-tone", "good", timeout=30_000)
    page.locator("#editor-list .ed-choose", has_text="Crossing").click()


def rules(page: Page) -> None:
    """The form of a binding, while the camera is watched."""
    regions(page)
    page.click("#editor-live")
    expect(page.locator("#editor-live-picture")).to_be_visible(timeout=30_000)
    page.click("#editor-bind-0")
    page.wait_for_timeout(4000)  # for objects with a trail
    page.locator("#bindings").scroll_into_view_if_needed()
    page.evaluate("document.getElementById('bindings').scrollIntoView({block: innerWidth < 600 ? 'start' : 'nearest'})")


def schedule(page: Page) -> None:
    expect(page.locator("#schedule[data-ready]")).to_be_visible()
    expect(page.locator("#sk-grid:not([aria-busy])")).to_be_visible()


def live(page: Page) -> None:
    expect(page.locator("#connection")).to_have_attribute("data-tone", "good", timeout=15_000)
    expect(page.locator(".tile[data-camera=vid1] .is-stale")).to_have_count(0, timeout=15_000)
    page.wait_for_function(
        "() => innerWidth < 600 || "
        "[...document.querySelectorAll('#feed img:not([hidden])')].slice(0, 3).every((image) => image.naturalWidth)"
    )


PAGES: dict[str, tuple[str, Callable[[Page], None]]] = {
    "live": ("/live/", live),
    "index": ("/admin/", lambda page: None),
    "regions": ("/admin/cameras/camera/vid1/regions/", regions),
    "rules": ("/admin/cameras/camera/vid1/regions/", rules),
    "schedule": ("/admin/cameras/schedule/1/change/", schedule),
    "history": ("/admin/cameras/device/box-1/configuration/", lambda page: None),
}


def stored(png: bytes, target: Path) -> int:
    """Its size in bytes."""
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    data = min(
        (bytes(cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, q])[1]) for q in (QUALITY, LOSSLESS)), key=len
    )
    target.write_bytes(data)
    return len(data)


def set_up(stack: Stack) -> None:
    clip = Path(shutil.copy(street_clip(CACHE), stack.folder / "street.mp4"))  # no path of this machine in a picture
    stack.prepare(clip.as_uri())
    stack.start("web", "hub", "detector", "recorder")
    stack.manage("shell", "-v0", "-c", ROWS)
    in_sync(stack)
    for change, reason in EDITS:
        stack.manage("shell", "-v0", "-c", EDIT.format(change=change, reason=reason))
        in_sync(stack)
    stack.manage("shell", "-v0", "-c", ROLL_BACK)
    in_sync(stack)

    def pictures() -> bool:
        return sum(alert["capture_url"] is not None for alert in stack.alerts()) >= 5

    wait_until(pictures, seconds=120, what="five alerts with their pictures", every=1)


def in_sync(stack: Stack) -> None:
    def state() -> str:
        with stack.api() as api:
            devices = cast(list[dict[str, Any]], api.get("devices").raise_for_status().json()["items"])
        return str(next(one["in_sync"] for one in devices if one["device_id"] == stack.device_id))

    wait_until(lambda: state() == "in_sync", seconds=60, what="box in sync", every=0.5)


def take(browser: Browser, stack: Stack, names: list[str]) -> None:
    visitor = Visitor(browser, stack)
    visitor.log_in(stack.access["user"], stack.access["password"])
    cookies = visitor.context.storage_state()
    for name in names:
        path, prepare = PAGES[name]
        for kind, ((width, height), scheme, scale) in SHOTS.items():
            context = browser.new_context(
                base_url=stack.url, locale="en", storage_state=cookies, color_scheme=cast(Any, scheme),
                viewport={"width": width, "height": height}, device_scale_factor=scale, reduced_motion="reduce",
            )  # fmt: skip
            page = context.new_page()
            page.goto(path)
            prepare(page)
            page.evaluate(SETTLED)
            size = stored(page.screenshot(), FOLDER / f"{name}-{kind}.webp")
            print(f"{name}-{kind}.webp {size / 1000:.0f} kB")
            context.close()
    visitor.context.close()


def main(names: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, RedisServer() as server, Stack(Path(folder), server.url) as stack:
        set_up(stack)
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS.split())
            take(chromium, stack, names or list(PAGES))
            chromium.close()


if __name__ == "__main__":
    main(sys.argv[1:])
