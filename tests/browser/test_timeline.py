"""A camera's timeline in Chromium: what a real recorder keeps plays from any moment, goes on by itself, is exported."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import av
import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from recordings.core.segments import segment_path
from tests.browser.conftest import Visitor
from tests.browser.fit import expect_to_fit
from tests.integration.recordings import begins_with_its_index, stamps
from tests.servers.redis import RedisServer
from tests.servers.stack import Stack, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

TIMELINE = "/admin/recordings/timeline/vid1/"
BEGAN = (int(time.time()) - 5400) // 60 * 60  # a full minute, one and a half hours ago
if BEGAN // 3600 != (BEGAN + 240) // 3600:
    BEGAN -= 600  # all of it in one hour
GAP = (BEGAN + 148, BEGAN + 172)


def lay_down(folder: Path, clip: Path) -> None:
    """Three minutes and more of segments of 4 s, as a recorder leaves them; some of the third minute are missing."""
    parts = folder / "parts"
    parts.mkdir(parents=True)
    call = [
        "ffmpeg", "-loglevel", "error", "-stream_loop", "2", "-i", str(clip), "-t", "200", "-map", "0:v:0", "-c", "copy",
        "-f", "segment", "-segment_time", "4", "-reset_timestamps", "1", "-segment_list", str(parts / "list.csv"),
        str(parts / "%06d.mp4"),
    ]  # fmt: skip
    subprocess.run(call, check=True)
    for line in (parts / "list.csv").read_text().splitlines():
        name, start, end = line.split(",")
        at = BEGAN + float(start)
        if at + float(end) - float(start) <= GAP[0] or at >= GAP[1]:
            path = segment_path(camera_id="vid1", run="r1", name=f"r_{name.removesuffix('.mp4')}", start=at)
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (parts / name).rename(folder / path)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, stack_redis: RedisServer, street_clip: Path) -> Iterator[Stack]:
    """An installation with a real recorder that finds what an earlier one recorded of the camera."""
    folder = tmp_path_factory.mktemp("recorded")
    lay_down(folder / "recordings" / "segments", street_clip)
    with Stack(folder, stack_redis.url) as stack:
        stack.prepare(street_clip.as_uri())
        stack.start("recorder", "hub", "web")
        with stack.api() as api:
            known = lambda: api.get("cameras/vid1").json()["state"] != "offline"  # noqa: E731
            wait_until(known, seconds=30, what="report of the box")
        yield stack


@pytest.fixture
def page(browser: Browser, recorded: Stack) -> Iterator[Page]:
    one = Visitor(browser, recorded)
    yield one.log_in(recorded.access["user"], recorded.access["password"], to=TIMELINE)
    one.context.close()
    assert one.complaints == []


def clock(page: Page) -> int:
    """What the page's clock shows, seconds since midnight."""
    hours, minutes, seconds = (page.locator("#tl-clock").inner_text().split()[1]).split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)


def plays(page: Page) -> None:
    video = page.locator("#tl-video")
    expect(video).to_be_visible(timeout=10_000)
    page.wait_for_function(
        "() => { const v = document.getElementById('tl-video'); return !v.paused && v.currentTime > 0 }"
    )


def test_from_a_moment_over_a_minute_and_a_gap_to_an_export(page: Page, recorded: Stack) -> None:
    wait_until(lambda: page.request.get(f"{TIMELINE}day").json()["ever"], seconds=15, what="recorded hours")
    page.goto(f"{TIMELINE}?at={BEGAN + 50}")
    expect(page.locator("#tl-line .tl-recorded")).to_have_count(2)
    plays(page)
    source = page.locator("#tl-video").get_attribute("src")
    began = clock(page)
    assert began % 60 in (50, 51, 52, 53)
    page.evaluate("document.getElementById('tl-video').playbackRate = 8")
    expect(page.locator("#tl-video")).not_to_have_attribute(
        "src", str(source), timeout=10_000
    )  # the next minute, by itself
    plays(page)
    assert 60 <= clock(page) - (began - began % 60) < 120

    line = page.locator("#tl-line")
    line.focus()
    page.evaluate("document.getElementById('tl-video').pause()")
    before = clock(page)
    page.keyboard.press("Shift+ArrowRight")
    assert clock(page) - before == 60
    page.keyboard.press("0")
    page.keyboard.press("PageDown")
    page.keyboard.press("PageUp")
    expect(page.locator("#tl-date")).not_to_have_value("")

    page.goto(f"{TIMELINE}?at={GAP[0] + 8}")  # of which nothing is recorded
    plays(page)
    expect(page.locator("#tl-said")).to_contain_text("Nothing is recorded at")
    assert clock(page) % 60 >= 52

    page.click("#tl-to-here")
    shown = page.input_value("#tl-to")
    page.fill("#tl-from", re.sub(r"\d\d:\d\d$", f"{int(shown[3:5]) - 1:02d}:30", shown))
    page.click("#tl-export button[type=submit]")
    expect(page.locator("#export-chip")).to_contain_text("Ready", timeout=15_000)
    expect(page.locator("#content")).to_contain_text("Not recorded")
    with page.expect_download() as download:
        page.click("text=Download")
    assert re.fullmatch(r"vid1_\d{4}-\d\d-\d\d_\d\d-\d\d-30_\d\d-\d\d-\d\d\.mp4", download.value.suggested_filename)
    film = download.value.path().read_bytes()
    assert begins_with_its_index(film)
    assert 50 < stamps(film)[-1] < 70
    expect_to_fit(page, (1440, 844), (390, 844))
    assert httpx.get(f"{recorded.url}{TIMELINE}day").status_code == 401


def test_a_recorder_that_is_killed_cuts_it_after_its_start(recorded: Stack) -> None:
    recorded.end("recorder", signal.SIGKILL)
    with closing(recorded.person()) as person:
        token = {"X-CSRFToken": person.cookies["csrftoken"], "Referer": recorded.url}
        wish = {"begin": BEGAN + 5, "end": BEGAN + 15, "purpose": "play"}
        told = person.post(f"{TIMELINE}extracts", json=wish, headers=token).raise_for_status().json()
        assert told["state"] == "waiting"
        recorded.start("recorder")

        def ready() -> str:
            told_now = person.get(f"{TIMELINE}extracts/{told['id']}").raise_for_status().json()
            assert told_now["state"] != "failed", told_now
            return str(told_now["url"])

        url = wait_until(ready, seconds=40, what="extract")
        assert 9 < stamps(person.get(url).content)[-1] < 17


REGIONS = "/admin/cameras/camera/vid1/regions/data"
DOOR = {"name": "Door", "roi_type": "rectangle", "coordinates": [[0.25, 0.25], [0.75, 0.75]]}
DESK = {"name": "Desk", "roi_type": "rectangle", "coordinates": [[0.5, 0.25], [0.75, 0.75]], "mask": True}


def test_an_export_hides_the_masks_and_everything_outside_a_region(page: Page, recorded: Stack) -> None:
    with closing(recorded.person()) as person:
        token = {"X-CSRFToken": person.cookies["csrftoken"], "Referer": recorded.url}
        told = person.get(REGIONS).raise_for_status().json()
        rois = [*({"roi_id": roi["roi_id"]} for roi in told["rois"]), DOOR, DESK]
        person.put(REGIONS, json={"revision": told["revision"], "rois": rois}, headers=token).raise_for_status()
    page.goto(f"{TIMELINE}?at={BEGAN + 60}")
    plays(page)
    page.click("#tl-from-here")
    shown = page.input_value("#tl-from")
    page.fill("#tl-from", f"{shown[:6]}05")
    page.fill("#tl-to", f"{shown[:6]}11")
    expect(page.locator("#tl-hide")).to_have_value("masks")
    page.select_option("#tl-hide", "outside")
    page.click("#tl-export button[type=submit]")
    expect(page.locator("#tl-export-said")).to_have_text("Choose at least one region that stays visible.")
    expect_to_fit(page, (1440, 844), (390, 844))
    page.get_by_label("Door", exact=True).check()
    page.click("#tl-export button[type=submit]")
    expect(page.locator("#export-chip")).to_contain_text("Ready", timeout=30_000)
    expect(page.locator("#content")).to_contain_text("Everything outside chosen regions hidden: Door")
    with page.expect_download() as download:
        page.click("text=Download")
    with av.open(str(download.value.path())) as film:
        pictures = [picture.to_ndarray(format="gray") for picture in film.decode(video=0)]
    assert 55 <= len(pictures) <= 110
    for picture in pictures:
        detail = np.abs(np.diff(picture.astype(int), axis=1))
        outside, door, desk = detail[:130], detail[160:400, 210:370], detail[160:400, 400:560]
        assert max(outside.mean(), desk.mean()) < 1
        assert door.mean() > 2


def test_times_of_a_film_and_of_the_wall(page: Page) -> None:
    """The film begins two seconds before what was wanted, and leaves ten out."""
    told = page.evaluate(
        """async () => {
          const { mediaOf, nextRecorded, wallOf } = await import('/static/edgesite/timeline/spans.js');
          const film = { started_at: 98, gaps: [[120, 130]] };
          const late = { started_at: 105, gaps: [[100, 105]] };
          const spans = [[10, 20], [30, 40]];
          const walls = [0, 21, 25].map((media) => wallOf(film, media));
          const media = [121, 133, 90].map((wall) => mediaOf(film, wall));
          const next = [5, 25, 40].map((at) => nextRecorded(spans, at));
          return [...walls, ...media, wallOf(late, 1), mediaOf(late, 106), ...next];
        }"""
    )
    assert told == [98, 119, 133, 22, 25, 0, 106, 1, 10, 30, None]
