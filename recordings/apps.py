from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

LARGEST = 64 * 2**30  # bytes of a clip


class RecordingsConfig(AppConfig):
    name = "recordings"
    verbose_name = _("Recordings")

    def ready(self) -> None:
        from cameras import frames  # noqa: PLC0415
        from recordings import access  # noqa: PLC0415
        from recordings.alert_clips.selectors import FOLDER as CLIPS  # noqa: PLC0415
        from recordings.alert_clips.selectors import may_store_clip  # noqa: PLC0415
        from recordings.core.extracts import FOLDER as EXTRACTS  # noqa: PLC0415
        from recordings.core.films import FOLDER as FILMS  # noqa: PLC0415
        from recordings.extracts.logbook import note_viewed  # noqa: PLC0415
        from recordings.extracts.selectors import may_see_extract, may_store_extract  # noqa: PLC0415
        from recordings.selectors import (  # noqa: PLC0415
            SNAPSHOT_GRANT,
            SnapshotFrames,
            may_see_snapshot,
            note_snapshot_viewed,
        )
        from recordings.snapshots import FRAMES, SNAPSHOTS  # noqa: PLC0415
        from recordings.tasks.selectors import (  # noqa: PLC0415
            FOLDER,
            may_see_recording,
            may_store_recording,
            note_recording_viewed,
        )
        from recordings.timelapses.selectors import may_see_film, note_film_viewed  # noqa: PLC0415
        from recordings.uploads import grants  # noqa: PLC0415

        frames.register(SnapshotFrames())
        access.register(FRAMES, may_see_snapshot, note=note_snapshot_viewed)
        access.register(SNAPSHOTS, may_see_snapshot, note=note_snapshot_viewed)
        grants.register(FRAMES, SNAPSHOT_GRANT)
        grants.register(SNAPSHOTS, SNAPSHOT_GRANT)
        grants.register_elsewhere(SNAPSHOT_GRANT)  # where integrators want their pictures
        access.register(FOLDER, may_see_recording, note=note_recording_viewed)
        grants.register(FOLDER, grants.Grant(may_store_recording, most=LARGEST))
        grants.register(CLIPS, grants.Grant(may_store_clip, most=LARGEST))
        access.register(FILMS, may_see_film, note=note_film_viewed)
        access.register(EXTRACTS, may_see_extract, note=note_viewed)
        grants.register(EXTRACTS, grants.Grant(may_store_extract, most=LARGEST, replaces=True))
