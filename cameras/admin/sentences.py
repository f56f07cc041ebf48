"""The sentences of `cameras.core.difference`, named here for translation: what is pure knows no gettext."""

from __future__ import annotations

from django.utils.translation import gettext_noop

SENTENCES = (
    gettext_noop("Site: %(key)s %(old)s → %(new)s"),
    gettext_noop("Camera %(name)s added"),
    gettext_noop("Camera %(name)s removed"),
    gettext_noop("Camera %(name)s enabled"),
    gettext_noop("Camera %(name)s disabled"),
    gettext_noop("Camera %(name)s: stream URL changed"),
    gettext_noop("Camera %(name)s: %(key)s %(old)s → %(new)s"),
    gettext_noop("ROI %(name)s added"),
    gettext_noop("ROI %(name)s removed"),
    gettext_noop("ROI %(name)s enabled"),
    gettext_noop("ROI %(name)s disabled"),
    gettext_noop("ROI %(name)s: %(key)s %(old)s → %(new)s"),
    gettext_noop("ROI %(name)s: reshaped, %(old)s → %(new)s points"),
    gettext_noop("ROI %(name)s: moved by %(right)+.1f %% of the width, %(down)+.1f %% of the height"),
    gettext_noop("ROI %(name)s: %(moved)s of %(count)s points moved"),
    gettext_noop("Binding %(name)s added"),
    gettext_noop("Binding %(name)s removed"),
    gettext_noop("Binding %(name)s enabled"),
    gettext_noop("Binding %(name)s disabled"),
    gettext_noop("Binding %(name)s: %(key)s %(old)s → %(new)s"),
    gettext_noop("Binding %(name)s: parameter %(key)s %(old)s → %(new)s"),
)
