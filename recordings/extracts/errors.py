from __future__ import annotations


class ExtractError(Exception):
    """What was asked for is not given, with a sentence in English (`edgesite.told`)."""
