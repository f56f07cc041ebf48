"""Secrets are encrypted at rest, whatever way they are written."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from cameras.models import Camera
from edgesite.fields import DecryptionError, EncryptedTextField, decrypt, encrypt
from tests.rows import PASSWORD, SOURCE, make_camera


def stored() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rtsp_url FROM cameras_camera")
        return str(cursor.fetchone()[0])


@given(st.text())
def test_what_is_encrypted_comes_back(text: str) -> None:
    token = encrypt(text)
    assert decrypt(token) == text
    assert token != text


def test_the_same_text_never_looks_the_same() -> None:
    assert encrypt("a") != encrypt("a")


def test_a_row_is_encrypted_by_every_way_of_writing(db: None) -> None:
    make_camera()
    assert PASSWORD not in stored()
    assert decrypt(stored()) == SOURCE
    changed = SOURCE.replace("stream1", "stream2")
    Camera.objects.update(rtsp_url=changed)
    assert PASSWORD not in stored()
    assert Camera.objects.get().rtsp_url == changed
    camera = Camera.objects.get()
    camera.rtsp_url = SOURCE
    Camera.objects.bulk_update([camera], ["rtsp_url"])
    assert PASSWORD not in stored()
    assert Camera.objects.values_list("rtsp_url", flat=True).get() == SOURCE
    Camera.objects.all().delete()
    Camera.objects.bulk_create([Camera(camera_id="v2", device=camera.device, rtsp_url=SOURCE)])
    assert PASSWORD not in stored()


def test_an_old_key_behind_the_new_one_still_reads(settings: Any) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEYS = [old]
    token = encrypt("secret")
    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    assert decrypt(token) == "secret"
    settings.FIELD_ENCRYPTION_KEYS = [new]
    with pytest.raises(DecryptionError, match="FIELD_ENCRYPTION_KEY") as caught:
        decrypt(token)
    assert token not in str(caught.value)


@pytest.mark.parametrize("token", ["", "plain", "gAAAA", "é"])
def test_what_is_no_token_is_a_decryption_error(token: str) -> None:
    with pytest.raises(DecryptionError):
        decrypt(token)


def test_an_index_on_an_encrypted_column_is_an_error() -> None:
    assert [e.id for e in EncryptedTextField(name="x", db_index=True).check() if e.id] == ["edgesite.E010"]
    assert "edgesite.E010" in [e.id for e in EncryptedTextField(name="x", unique=True).check()]
