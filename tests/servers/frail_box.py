"""An old box (it refuses a dwell above a minute) whose rules also have a defect: an ROI with "frail" in its name breaks them,
but only on frames, long after the document was applied.
"""

from __future__ import annotations

import os
from typing import Any

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "edgesite.settings")
    django.setup()
    from detection.pipeline import CameraPipeline
    from tests.servers import old_box

    sound = CameraPipeline.step

    def step(self: CameraPipeline, *arguments: Any, **options: Any) -> Any:
        if self.plan is not None and any("frail" in name for _, name in self.plan.roi_names):
            raise RuntimeError("the rule has a defect")
        return sound(self, *arguments, **options)

    CameraPipeline.step = step  # type: ignore[method-assign]
    old_box.main()


if __name__ == "__main__":
    main()
