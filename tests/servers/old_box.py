"""`run_detector` as an older edgesite would run it: it knows no dwell above a minute, so it refuses what its hub allows."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import django
from pydantic import Field


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "edgesite.settings")
    django.setup()
    from dataclasses import replace

    from django.core.management import call_command

    from cameras.core.algorithms import RegionParameters, registry

    class OldParameters(RegionParameters):
        dwell_s: Annotated[float, Field(ge=0, le=60)] = 1.0

    known = registry.get("intrusion")
    assert known is not None
    registry._by_code["intrusion"] = replace(known, parameters=OldParameters)
    call_command("run_detector", *sys.argv[1:])


if __name__ == "__main__":
    main()
