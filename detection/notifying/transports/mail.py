"""E-mail through Django: plain text and a little HTML."""

from __future__ import annotations

import hashlib
import re
import smtplib
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext_noop

from detection.notifying.messages import Message
from detection.notifying.models import Channel
from detection.notifying.services import Outcome

NO_SERVER = gettext_noop("No mail server is set; the operator's setting EMAIL_URL names it")
REFUSED = gettext_noop("The mail server refused the message")
NO_LOGIN = gettext_noop("The mail server refused user and password")
FAILED = gettext_noop("The mail server failed")
UNREACHABLE = gettext_noop("The mail server cannot be reached")

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def send_mail(channel: Channel, message: Message) -> Outcome:
    """One try. EMAIL_TIMEOUT bounds each step of the conversation."""
    if not settings.EMAIL_HOST:
        return Outcome("dead", NO_SERVER)
    try:
        compose(channel, message).send()
    except OSError as error:  # those of smtplib too
        return _failed(error)
    return Outcome("delivered")


def _failed(error: OSError) -> Outcome:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Outcome("retry", NO_LOGIN, error.smtp_code)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _refused(min((code for code, _ in error.recipients.values()), default=550))
    if isinstance(error, smtplib.SMTPResponseException):
        return _refused(error.smtp_code)
    if isinstance(error, smtplib.SMTPException):
        return Outcome("retry", f"{FAILED}: {type(error).__name__}")
    return Outcome("retry", f"{UNREACHABLE}: {error.strerror or type(error).__name__}")


def _refused(code: int) -> Outcome:
    """RFC 5321: 4yz may pass, 5yz never does."""
    return Outcome("dead", f"{REFUSED}: {code}", code) if code >= 500 else Outcome("retry", f"{FAILED}: {code}", code)


def compose(channel: Channel, message: Message) -> EmailMultiAlternatives:
    """The e-mail. Its Message-ID is that of the message, so that a repetition can be told from another alert."""
    with translation.override(channel.language):
        context = {"message": message, "language": channel.language}
        text = render_to_string("notifications/mail.txt", context)
        html = render_to_string("notifications/mail.html", context)
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    name = hashlib.sha256(message.key.encode()).hexdigest()[:40]
    mail = EmailMultiAlternatives(
        subject=_CONTROL.sub(" ", f"[edgesite] {message.subject}")[:200],
        body=text,
        to=channel.recipients.splitlines(),
        headers={"Message-ID": f"<{name}@{domain}>", "Auto-Submitted": "auto-generated"},
    )
    mail.attach_alternative(html, "text/html")
    return mail
