"""Each mechanism that keeps alerts broken once, by the smallest edit, and what the tests must say then.

`python -m tests.faults.break_alerts` makes the edits in a copy and runs the tests; `test_alerts_breaks.py` keeps them fitting.
"""

from __future__ import annotations

from dataclasses import dataclass

DELIVERY = "edgesite/delivery.py"
OUTBOX = "edgesite/edge_store/outbox.py"
INGEST = "detection/hub/ingest.py"
STORE = "detection/hub/store.py"
UPLOADING = "recordings/evidence/uploading.py"
UPLOADS = "recordings/uploads/services.py"


@dataclass(frozen=True, slots=True)
class Edit:
    """before stands once in the file; after takes its place."""

    file: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Break:
    """edits: what breaks it. trouble: what shows it, of `Troubles`. says: what the fault test's failure has in it. quick:
    faster tests that fail, too."""

    edits: tuple[Edit, ...]
    trouble: str
    says: str
    quick: str


_SEND = (
    "            self.destination.send(picture.key, self.spool.path(picture.key),"
    " sha256=picture.sha256, size=picture.size)\n"
)
_ANSWER = '            return {"event_id": event_id, "status": "refused", "reason": str(error)}\n'
_LOOK_UP = Edit(STORE, "    if event.event_id in known.stored:\n        return None\n", "")
_ON_ARRIVAL = Edit(
    UPLOADS,
    "    if storage.sha256_of(file) != announced.sha256:\n        path.unlink(missing_ok=True)\n"
    '        raise UploadError(422, "The SHA-256 is not the announced one; begin again.", offset=0)\n',
    "",
)

BREAKS = {
    "acknowledged before the commit": Break(
        (
            Edit(
                INGEST,
                "                answers += [self._store(device_id, fields, changed, known) for fields in left]\n",
                "                answers += [self._store(device_id, fields, changed, known) for fields in left]\n"
                "                self._confirm(device_id, [entry_id for entry_id, _ in entries], answers)\n",
            ),
        ),
        trouble="hub killed as it confirms",
        says="lost: ",
        quick="tests/integration/test_delivery_kills.py",
    ),
    "deleted on send": Break(
        (
            Edit(
                DELIVERY,
                "            entries = pipe.execute()\n",
                "            entries = pipe.execute()\n        self.outbox.confirm([row.event_id for row in rows])\n",
            ),
        ),
        trouble="stream lost",
        says="lost: ",
        quick="tests/integration/test_delivery_redis.py",
    ),
    "never sent again": Break(
        (
            Edit(
                DELIVERY,
                "            del self._under_way[camera_id]\n            self.window.interrupted()\n            log.info(",
                "            log.info(",
            ),
        ),
        trouble="stream lost",
        says="end of what Redis lost",
        quick="tests/integration/test_delivery_redis.py",
    ),
    "order ignored": Break(
        (Edit(OUTBOX, "refused IS NULL ORDER BY seq LIMIT", "refused IS NULL ORDER BY seq DESC LIMIT"),),
        trouble="hub killed",
        says="out of order: ",
        quick="tests/edgesite/test_edge_store.py",
    ),
    "no deduplication on the hub": Break(
        (
            _LOOK_UP,
            Edit(
                "detection/migrations/0001_initial.py",
                "('event_id', models.CharField(max_length=64, unique=True,",
                "('event_id', models.CharField(max_length=64,",
            ),
        ),
        trouble="answers lost",
        says="doubled: ",
        quick="tests/detection/test_hub_store.py",
    ),
    "lease never expires": Break(
        (
            Edit(
                "edgesite/edge_store/claims.py",
                '" WHERE owner IN (excluded.owner, ?) OR until <= ? OR until > ?",\n'
                "                (camera_id, self.owner, now + self.lease_s, dead, now, now + self.lease_s),\n",
                '" WHERE owner = excluded.owner",\n                (camera_id, self.owner, now + self.lease_s),\n',
            ),
        ),
        trouble="detector killed",
        says="claimed: ",
        quick="tests/edgesite/test_claims.py",
    ),
    "evidence apart from its alert": Break(
        (
            Edit(
                OUTBOX,
                '                if alert.capture:\n                    severity = alert.body.get("severity", "")\n'
                "                    _promise(db, alert.event_id, alert.camera_id, alert.capture, now, self.owner, severity)\n"
                '            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", notes)\n',
                '            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", notes)\n'
                "        for alert in alerts:\n            if alert.capture:\n                self.promise(\n"
                "                    event_id=alert.event_id, camera_id=alert.camera_id, key=alert.capture,\n"
                '                    severity=alert.body.get("severity", ""), now=now,\n                )\n',
            ),
        ),
        trouble="detector killed as it writes",
        says="picture lost: ",
        quick="tests/edgesite/test_edge_store.py",
    ),
    "poison never refused": Break(
        (Edit(DELIVERY, "        self.outbox.refuse(event_id, reason)\n", ""),),
        trouble="poison",
        says="not refused",
        quick="tests/integration/test_delivery_redis.py",
    ),
    "poison taken for stored": Break(
        (Edit(INGEST, _ANSWER, '            return {"event_id": event_id, "status": "stored"}\n'),),
        trouble="poison",
        says="not refused",
        quick="tests/detection/test_hub_store.py",
    ),
    "poison stops its batch": Break(
        (Edit(INGEST, _ANSWER, "            raise\n"),),
        trouble="poison",
        says="still ",
        quick="tests/detection/test_hub_store.py",
    ),
    "dead letters on an outage": Break(
        (
            Edit(
                DELIVERY,
                "                batch.check_at = 0.0\n            raise\n",
                "                batch.check_at = 0.0\n                for event_id in batch.rows:\n"
                '                    self.outbox.refuse(event_id, "the hub cannot be reached")\n            raise\n',
            ),
        ),
        trouble="answers lost",
        says="refused: ",
        quick="tests/integration/test_delivery_redis.py",
    ),
    "told as stored before it is": Break(
        (
            Edit(
                UPLOADING,
                f"        try:\n{_SEND}",
                '        report_picture(\n            self.outbox, event_id=picture.event_id, key=picture.key, reason="",\n'
                "            content=picture.content, keep=True, now=self.clock(),\n        )\n"
                f"        try:\n{_SEND}",
            ),
        ),
        trouble="network cut",
        says="pictures wrong ",
        quick="tests/recordings/test_uploading.py",
    ),
    "file removed before it is verified": Break(
        (
            Edit(
                UPLOADING,
                _SEND,
                '            path = self.spool.path(picture.key)\n            sent = path.rename(path.with_name("sent.jpg"))\n'
                "            self.destination.send(picture.key, sent, sha256=picture.sha256, size=picture.size)\n",
            ),
        ),
        trouble="web server killed",
        says="picture lost: ",
        quick="tests/recordings/test_uploading.py",
    ),
    "hash of the picture not compared": Break(
        (
            _ON_ARRIVAL,
            Edit(
                "edgesite/storage.py",
                "            return sha256_of(file, stop) == sha256\n",
                "            return True\n",
            ),
        ),
        trouble="picture spoiled",
        says="not the one whose hash the box told",
        quick="tests/recordings/test_uploads.py",
    ),
    "chain not linked": Break(
        (
            Edit(
                "edgesite/core/chain.py",
                "    return Link(last.chain, number, last.value, value_of(last.chain, number, last.value, content))\n",
                '    return Link(last.chain, number, "", value_of(last.chain, number, "", content))\n',
            ),
        ),
        trouble="network cut",
        says="does not follow the one before it",
        quick="tests/edgesite/test_chain.py",
    ),
}
