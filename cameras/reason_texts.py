"""What `cameras.core` finds wrong with a shape, a value or a document, named here for translation: it knows no gettext.

More such texts are in `cameras/transfer/texts.py` (import and export) and `cameras/regions.py` (the ROI editor).
"""

from __future__ import annotations

from django.utils.translation import gettext_noop

# Of `cameras.core.geometry`.
SHAPES = (
    gettext_noop("unknown kind of region %(given)s: it must be one of %(known)s"),
    gettext_noop("points must be a list of [x, y] pairs, not %(kind)s"),
    gettext_noop("there are no points"),
    gettext_noop("%(count)s points are too many: at most %(most)s are allowed"),
    gettext_noop("a polygon needs three or more distinct points, not %(count)s"),
    gettext_noop("a rectangle needs two corners or four distinct points, not %(count)s"),
    gettext_noop("a line needs exactly two distinct points, not %(count)s"),
    gettext_noop("a line encloses no area"),
    gettext_noop("point %(number)s must be a pair [x, y], not %(kind)s"),
    gettext_noop("point %(number)s must be a pair [x, y], not %(count)s values"),
    gettext_noop("%(axis)s of point %(number)s must be a number, not %(kind)s"),
    gettext_noop("%(axis)s of point %(number)s is not a finite number"),
    gettext_noop("%(axis)s of point %(number)s lies outside the picture: it must be 0 to 1"),
    gettext_noop("%(axis)s of point %(number)s lies outside the picture (%(value)s): it must be 0 to 1"),
    gettext_noop("the two ends of the line are nearly the same point"),
    gettext_noop("the two corners of the rectangle enclose no area"),
    gettext_noop("the %(shape)s touches itself: it comes to %(place)s twice"),
    gettext_noop("the %(shape)s touches itself near %(place)s"),
    gettext_noop("the %(shape)s crosses itself near %(place)s"),
    gettext_noop("the %(shape)s encloses no area"),
)
# Words in them; `polygon`, `rectangle` and `line` stand in `cameras/admin/sentences.py`.
WORDS = (
    gettext_noop("null"),
    gettext_noop("true or false"),
    gettext_noop("a text"),
    gettext_noop("a number"),
    gettext_noop("an object"),
    gettext_noop("a list"),
    gettext_noop("something else"),
)
# Of `cameras.core.reasons`, `values`, `schedule` and the algorithms' parameters.
VALUES = (
    gettext_noop("has too few entries: at least %(min_length)s"),
    gettext_noop("has too many entries: at most %(max_length)s"),
    gettext_noop("must be up to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit"),
    gettext_noop(
        "must be up to 100 letters, digits, dots, dashes and underscores, beginning with a letter, digit or underscore"
    ),
    gettext_noop("must be up to 40 small letters, digits and underscores, beginning with a letter"),
    gettext_noop("must not be empty or hold a slash or a control character"),
    gettext_noop("has characters that are not allowed here, or too many; allowed is %(pattern)s"),
    gettext_noop("must begin with rtsp://, rtsps://, file:/// or be webcam:N"),
    gettext_noop("must begin with rtsp:// or rtsps://"),
    gettext_noop("must be a path that begins with / or begin with rtsp:// or rtsps://"),
    gettext_noop("is no path, such as /Streaming/Channels/102"),
    gettext_noop("must name a webcam by its number, such as webcam:0"),
    gettext_noop("has a host or port that cannot be; write / and @ in a password as %2F and %40"),
    gettext_noop("names no file"),
    gettext_noop("names no host"),
    gettext_noop("is not a time zone of the IANA database, such as Europe/Vienna"),
    gettext_noop("is not a time of day such as 08:30"),
    gettext_noop("24:00 can only end an interval; write 00:00 of the next day"),
    gettext_noop("is not a date such as 2026-12-25"),
    gettext_noop("start and end are the same; a whole day is 00:00 to 24:00"),
    gettext_noop("“Needed” must be more than half of “Views”, and no more than that"),
    gettext_noop("give “Fewest” (min_persons), “Most” (max_persons) or both"),
    gettext_noop("“Fewest” (min_persons) is larger than “Most” (max_persons)"),
    gettext_noop("a region stands twice in the steps"),
    gettext_noop("give “Limit”, or choose another kind of “Alert”"),
    gettext_noop("“Limit” has a use only where “Alert” is at a limit; leave it empty"),
    gettext_noop("a time stands twice in “Reset at”"),
)
# Of `cameras.core.document` and `strict_json`.
DOCUMENT = (
    gettext_noop("has no canonical form: %(problem)s"),
    gettext_noop("%(code)s stands twice"),
    gettext_noop("no camera %(code)s in this document"),
    gettext_noop("no ROI %(code)s in this document"),
    gettext_noop("no schedule %(code)s in this document"),
    gettext_noop("unknown algorithm %(code)s; known: %(known)s"),
    gettext_noop("%(algo)s cannot watch a %(shape)s"),
    gettext_noop("is an unknown parameter"),
    gettext_noop("no ROI %(code)s in this document; binding %(bind)s names it"),
    gettext_noop("ROI %(code)s is of another camera; binding %(bind)s names it"),
    gettext_noop("a line is no area; binding %(bind)s names it"),
    gettext_noop("%(name)s is not a number that JSON knows"),
    gettext_noop("key %(key)s stands twice in one object"),
    gettext_noop("is larger than %(size)s MB"),
    gettext_noop("is not JSON: %(problem)s"),
    gettext_noop("is not a JSON object"),
    # What a box says of a document that it was given.
    gettext_noop("%(schema)s is not a schema that this box knows (%(known)s)"),
    gettext_noop("is for %(named)s, this box is %(own)s"),
    gettext_noop("does not match the content"),
)
