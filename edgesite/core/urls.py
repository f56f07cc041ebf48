"""What of a URL may be shown: nothing that lets somebody in."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

MASK = "***"

_SECRET_KEY = re.compile(
    r"pass|pwd|passphrase|token|secret|auth|sign|^sig$|cred|key|session|jwt|^pw$|^sid$|^code$|^access", re.IGNORECASE
)
# A pair anywhere after the host: some cameras carry `user=…&password=…` in the path, not in the query.
_PAIR = re.compile(r"(?P<before>[?&;/#])(?P<key>[^=&;/?#]*)=(?P<value>[^&;#\s]*)")
# Cheap recorders join pairs by underscores: `/user=admin_password=…_channel=1_stream=0.sdp`.
_JOINED = re.compile(
    r"(?P<key>_[a-z]*(?:pass|pwd|token|secret)[a-z]*)=(?P<value>.*?)(?=_[a-z]+=|[&;#\s]|$)", re.IGNORECASE
)
_AUTHORITY_END = re.compile(r"[/?#]")


def mask_url(url: str) -> str:
    """The URL with its password and every value of a secret-looking key (`token`, `X-Amz-Signature`, …) as ``***``.

    Total: takes any text, also half a URL or none at all, and never raises. When it is unclear where a password ends
    (one that holds an unescaped ``/`` or ``@``), more is hidden rather than less. The user's name stays readable.
    """
    scheme, slashes, rest = url.partition("//")
    if not slashes:
        scheme, rest = "", url
    return scheme + slashes + _mask_pairs(_mask_password(rest))


def _mask_password(rest: str) -> str:
    end = _AUTHORITY_END.search(rest)
    authority_length = end.start() if end else len(rest)
    host_at = rest.rfind("@", 0, authority_length)
    if host_at < 0 and not _is_host_and_port(rest[:authority_length]):
        host_at = rest.rfind("@")  # a password with an unescaped slash: the first slash does not end the authority
    colon = rest.find(":", 0, host_at) if host_at > 0 else -1
    if colon < 0:
        return rest
    return f"{rest[:colon]}:{MASK}{rest[host_at:]}"


def _is_host_and_port(authority: str) -> bool:
    """Whether the text before the first slash can be complete: no colon, an IPv6 literal, or a numeric port."""
    host, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        return True
    # A host without a dot may as well be a user, and its port the beginning of a password.
    return port.isdigit() and (host.endswith("]") or ("." in host and ":" not in host))


def _mask_pairs(rest: str) -> str:
    def mask(match: re.Match[str]) -> str:
        if not match["value"] or not _SECRET_KEY.search(unquote_plus(match["key"])):
            return match[0]
        return f"{match['before']}{match['key']}={MASK}"

    return _JOINED.sub(rf"\g<key>={MASK}", _PAIR.sub(mask, rest))
