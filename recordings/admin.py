"""The admin pages of this app, each in the folder of its model."""

from recordings.evidence import admin as evidence  # noqa: F401  registers itself
from recordings.extracts import admin as extracts  # noqa: F401  registers itself
from recordings.tasks import admin as tasks  # noqa: F401  registers itself
