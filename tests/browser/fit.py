"""No page is wider than its window."""

from __future__ import annotations

from playwright.sync_api import Page

FITS = "document.documentElement.scrollWidth <= innerWidth"


def expect_to_fit(page: Page, *sizes: tuple[int, int]) -> None:
    """Waits until the page, at each size (width, height in CSS pixels; none: as it is), needs no scrolling sideways.

    A page that is still loading, or was just given another size, may be too wide for a moment.
    Raises playwright's TimeoutError when it stays too wide for five seconds.
    """
    page.wait_for_load_state()
    for width, height in sizes:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(f"innerWidth === {width} && {FITS}", timeout=5000)
    if not sizes:
        page.wait_for_function(FITS, timeout=5000)
