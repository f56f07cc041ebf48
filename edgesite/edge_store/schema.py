"""The tables of a box's own SQLite file, and how a file of an older release comes to them."""

from __future__ import annotations

SCHEMA_VERSION = 10
RECORDINGS = """
CREATE TABLE segments (
    path TEXT PRIMARY KEY,           -- below OUTPUT_DIR/segments
    camera_id TEXT NOT NULL,
    run TEXT NOT NULL,
    start REAL NOT NULL,
    stop REAL NOT NULL,
    size INTEGER NOT NULL,
    doomed INTEGER NOT NULL DEFAULT 0 -- its file is being deleted
) WITHOUT ROWID;
CREATE INDEX segments_time ON segments (camera_id, start);
CREATE INDEX segments_age ON segments (start);
CREATE TABLE tasks (
    task_id TEXT PRIMARY KEY,
    camera_id TEXT NOT NULL,
    task_name TEXT NOT NULL,
    state TEXT NOT NULL,
    revision INTEGER NOT NULL,
    asked_at REAL NOT NULL,
    seconds REAL NOT NULL,           -- the longest that it may record
    started_at REAL,
    stopped_at REAL,
    key TEXT NOT NULL DEFAULT '',    -- of the stored clip
    told TEXT NOT NULL
);
CREATE INDEX tasks_state ON tasks (state);
"""
REASONS = """
ALTER TABLE segments ADD COLUMN ring INTEGER NOT NULL DEFAULT 0; -- recorded for an alert that may come
ALTER TABLE tasks ADD COLUMN alert_id TEXT NOT NULL DEFAULT '';
CREATE INDEX segments_ring ON segments (start) WHERE ring;
CREATE TABLE alert_marks (            -- of alerts, for the recorder
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    alert_id TEXT NOT NULL,           -- of the alert that began
    camera_id TEXT NOT NULL,
    phase TEXT NOT NULL,
    at REAL NOT NULL,
    lasts INTEGER NOT NULL            -- its end will be told
);
CREATE TABLE recorded_hours (
    camera_id TEXT NOT NULL,
    hour INTEGER NOT NULL,            -- since 1970
    dirty INTEGER NOT NULL DEFAULT 1, -- changed since it was told
    revision INTEGER NOT NULL DEFAULT 0,
    told_at REAL NOT NULL DEFAULT 0,
    event_id TEXT NOT NULL DEFAULT '', -- of the last report
    PRIMARY KEY (camera_id, hour)
) WITHOUT ROWID;
CREATE INDEX recorded_hours_dirty ON recorded_hours (camera_id, hour) WHERE dirty;
INSERT INTO recorded_hours (camera_id, hour) -- what was recorded before is told, too
    SELECT camera_id, CAST(start / 3600 AS INTEGER) FROM segments
    UNION SELECT camera_id, CAST(stop / 3600 AS INTEGER) FROM segments;
"""
COVERAGE = """
CREATE TABLE coverage (              -- for reports: what a binding could see in an hour
    bind_id TEXT NOT NULL,
    hour INTEGER NOT NULL,           -- when it began, Unix seconds
    wanted_s REAL NOT NULL,
    seen_s REAL NOT NULL,
    coarse_s REAL NOT NULL,
    person_s REAL NOT NULL,
    alerts INTEGER NOT NULL,
    revision INTEGER NOT NULL,       -- rises with every change
    told INTEGER NOT NULL DEFAULT 0, -- the one that went to the hub
    PRIMARY KEY (bind_id, hour)
) WITHOUT ROWID;
CREATE INDEX coverage_untold ON coverage (hour) WHERE revision > told;
CREATE INDEX coverage_age ON coverage (hour);
"""
# Every look asks for them; without an index it read a million rows to find none.
DOOMED = "CREATE INDEX segments_doomed ON segments (path) WHERE doomed;"
# Of which moment a picture is, where that is not its alert's.
TAKEN = "ALTER TABLE evidence ADD COLUMN taken_at REAL;"
SCHEMA = f"""
CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    epoch TEXT NOT NULL,
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    body TEXT NOT NULL,              -- encrypted: it holds camera credentials
    state TEXT NOT NULL CHECK (state IN ('trying', 'applied', 'confirmed', 'refused', 'reverted')),
    reason TEXT NOT NULL DEFAULT '',
    at REAL NOT NULL
);
CREATE UNIQUE INDEX documents_number ON documents (epoch, version, sha256);
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    camera_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at REAL NOT NULL,
    refused TEXT,
    alert_id TEXT NOT NULL DEFAULT '',  -- the alert that it is, continues or shows, else empty
    severity TEXT NOT NULL DEFAULT ''
);
CREATE INDEX outbox_waiting ON outbox (camera_id, seq) WHERE refused IS NULL;
CREATE INDEX outbox_dead ON outbox (seq) WHERE refused IS NOT NULL;
CREATE INDEX outbox_alert ON outbox (alert_id) WHERE alert_id != '';
CREATE TABLE journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    epoch TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    changes TEXT NOT NULL,           -- sentences, one a line, never a secret
    author TEXT NOT NULL DEFAULT ''  -- who issued the document, empty for a bare one
);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE evidence (
    event_id TEXT PRIMARY KEY,
    camera_id TEXT NOT NULL,
    key TEXT NOT NULL,
    created_at REAL NOT NULL,
    owner TEXT NOT NULL DEFAULT '',  -- the process that keeps it while it lives (owners.py)
    severity TEXT NOT NULL DEFAULT '',
    sha256 TEXT NOT NULL DEFAULT '', -- empty: promised, the picture is not there yet
    bytes INTEGER NOT NULL DEFAULT 0,
    link TEXT NOT NULL DEFAULT '',   -- its place in the chain of evidence, JSON
    settled_at REAL                  -- when it was reported, what stays here then is a copy
);
CREATE INDEX evidence_open ON evidence (created_at) WHERE settled_at IS NULL;
CREATE TABLE claims (camera_id TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL);
CREATE TABLE commands (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    request_id TEXT NOT NULL UNIQUE,
    at REAL NOT NULL
);
{RECORDINGS}{REASONS}{COVERAGE}{DOOMED}{TAKEN}PRAGMA user_version = 10;
"""
# What brings a file of that schema to the next one; SCHEMA says the same for a new file.
UPGRADES = {
    1: "ALTER TABLE journal ADD COLUMN author TEXT NOT NULL DEFAULT ''; PRAGMA user_version = 2",
    2: "ALTER TABLE evidence ADD COLUMN owner TEXT NOT NULL DEFAULT ''; PRAGMA user_version = 3",
    3: "CREATE TABLE commands (seq INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL UNIQUE, at REAL NOT NULL);"
    " PRAGMA user_version = 4",
    4: "ALTER TABLE outbox ADD COLUMN alert_id TEXT NOT NULL DEFAULT '';"
    " ALTER TABLE outbox ADD COLUMN severity TEXT NOT NULL DEFAULT '';"
    " UPDATE outbox SET alert_id = event_id WHERE kind = 'alert';"
    # The bodies say the rest: without it the quota took a critical alert that waits for an unimportant one.
    " UPDATE outbox SET severity = coalesce(json_extract(body, '$.severity'), ''),"
    " alert_id = coalesce(nullif(json_extract(body, '$.data.started_event_id'), ''), event_id)"
    " WHERE kind = 'alert' AND json_valid(body);"
    " UPDATE outbox SET alert_id = coalesce(json_extract(body, '$.alert_id'), '')"
    " WHERE kind = 'evidence' AND json_valid(body);"
    " UPDATE outbox SET severity = coalesce((SELECT a.severity FROM outbox a WHERE a.event_id = outbox.alert_id), '')"
    " WHERE kind = 'evidence';"
    " ALTER TABLE evidence ADD COLUMN severity TEXT NOT NULL DEFAULT '';"
    " UPDATE evidence SET severity = coalesce((SELECT a.severity FROM outbox a WHERE a.event_id = evidence.event_id), '');"
    " ALTER TABLE evidence ADD COLUMN sha256 TEXT NOT NULL DEFAULT '';"
    " ALTER TABLE evidence ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;"
    " ALTER TABLE evidence ADD COLUMN link TEXT NOT NULL DEFAULT '';"
    " ALTER TABLE evidence ADD COLUMN settled_at REAL;"
    " CREATE INDEX evidence_open ON evidence (created_at) WHERE settled_at IS NULL;"
    " CREATE INDEX outbox_dead ON outbox (seq) WHERE refused IS NOT NULL;"
    " CREATE INDEX outbox_alert ON outbox (alert_id) WHERE alert_id != '';"
    " CREATE TABLE claims (camera_id TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL);"
    " PRAGMA user_version = 5",
    5: RECORDINGS + "PRAGMA user_version = 6",
    6: REASONS + "PRAGMA user_version = 7",
    7: COVERAGE + "PRAGMA user_version = 8",
    8: DOOMED + "PRAGMA user_version = 9",
    9: TAKEN + "PRAGMA user_version = 10",
}
