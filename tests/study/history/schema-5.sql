-- The schema of version 5 as released, one object after the other: never edited (tests build a version 5 file from it).
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);

CREATE TABLE study (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  study_id TEXT NOT NULL CHECK (length(study_id) = 36),
  name TEXT NOT NULL CHECK (length(trim(name)) > 0),
  created_at TEXT NOT NULL,
  events INTEGER NOT NULL DEFAULT 0 CHECK (events >= 0),
  head TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE readers (
  reader_id TEXT PRIMARY KEY CHECK (length(reader_id) = 36),
  pseudonym TEXT NOT NULL COLLATE NOCASE UNIQUE CHECK (length(trim(pseudonym)) > 0),
  role TEXT NOT NULL CHECK (role IN ('reader', 'curator', 'adjudicator', 'chair')),
  origin TEXT NOT NULL,
  added_at TEXT NOT NULL
) STRICT;

CREATE TABLE images (
  image_id TEXT PRIMARY KEY CHECK (length(image_id) > 0),
  modality TEXT NOT NULL,
  alias TEXT NOT NULL,
  path TEXT NOT NULL,
  frame INTEGER NOT NULL CHECK (frame >= 0),
  facts TEXT NOT NULL
) STRICT;

CREATE TABLE event_kinds (
  kind TEXT PRIMARY KEY,
  meaning TEXT NOT NULL
) STRICT;

CREATE TABLE events (
  seq INTEGER PRIMARY KEY,
  event_id TEXT NOT NULL UNIQUE CHECK (length(event_id) = 36),
  kind TEXT NOT NULL REFERENCES event_kinds (kind),
  reader_id TEXT REFERENCES readers (reader_id),
  at TEXT NOT NULL CHECK (length(at) = 27),
  reason TEXT NOT NULL DEFAULT '',
  image_id TEXT REFERENCES images (image_id),
  undoes TEXT UNIQUE REFERENCES events (event_id),
  payload TEXT NOT NULL,
  origin TEXT NOT NULL,
  previous_hash TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE CHECK (length(hash) = 64),
  type TEXT,
  modality TEXT,
  level TEXT,
  severity REAL,
  verdict TEXT, trial TEXT
  CHECK (kind <> 'trial_answered' OR (trial IS NOT NULL AND reader_id IS NOT NULL)),
  CHECK ((kind = 'undo') = (undoes IS NOT NULL)),
  CHECK (kind NOT IN ('clean', 'setting', 'undo', 'items_cleared', 'item_judged') OR reader_id IS NOT NULL),
  CHECK (kind <> 'setting' OR (type IS NOT NULL AND modality IS NOT NULL AND level IS NOT NULL AND severity IS NOT NULL)),
  CHECK (kind <> 'setting' OR (level IN ('L1', 'L2') AND severity BETWEEN 0 AND 1)),
  CHECK (kind <> 'clean' OR (image_id IS NOT NULL AND verdict IS NOT NULL AND verdict IN ('diagnostic', 'rejected'))),
  CHECK (kind <> 'clean' OR verdict <> 'rejected' OR length(trim(reason)) > 0)
) STRICT;

CREATE TABLE profiles (
  name TEXT NOT NULL CHECK (length(trim(name)) > 0),
  version TEXT NOT NULL CHECK (length(version) > 0),
  content_hash TEXT NOT NULL CHECK (length(content_hash) = 64),
  source TEXT NOT NULL,
  published_by TEXT NOT NULL,
  published_at TEXT NOT NULL,
  cells TEXT NOT NULL,
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  PRIMARY KEY (name, version)
) STRICT;

CREATE TABLE item_versions (
  item_id TEXT NOT NULL CHECK (length(item_id) > 0),
  version INTEGER NOT NULL CHECK (version >= 1),
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  source TEXT NOT NULL,
  modality TEXT NOT NULL,
  public INTEGER NOT NULL CHECK (public IN (0, 1)),
  body TEXT NOT NULL,
  added_at TEXT NOT NULL,
  PRIMARY KEY (item_id, version)
) STRICT;

CREATE TABLE items (
  item_id TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  FOREIGN KEY (item_id, version) REFERENCES item_versions (item_id, version)
) STRICT;

CREATE TABLE item_clearances (
  item_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  event_id TEXT NOT NULL REFERENCES events (event_id),
  PRIMARY KEY (item_id, version, event_id),
  FOREIGN KEY (item_id, version) REFERENCES item_versions (item_id, version)
) STRICT;

CREATE TABLE item_judgements (
  item_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  event_id TEXT NOT NULL REFERENCES events (event_id),
  verdict TEXT NOT NULL CHECK (verdict IN ('accepted', 'removed', 'imported')),
  PRIMARY KEY (item_id, version, event_id),
  FOREIGN KEY (item_id, version) REFERENCES item_versions (item_id, version)
) STRICT;

CREATE TABLE runs (
  run_key INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL UNIQUE CHECK (length(run_id) > 0),
  model TEXT NOT NULL,
  label TEXT NOT NULL,
  mode TEXT NOT NULL CHECK (length(mode) > 0),
  trials INTEGER NOT NULL CHECK (trials >= 1),
  dataset_sha256 TEXT NOT NULL,
  dataset_path TEXT NOT NULL,
  settings TEXT NOT NULL,
  random_weights INTEGER NOT NULL CHECK (random_weights IN (0, 1)),
  parser TEXT NOT NULL DEFAULT '',
  started_at TEXT NOT NULL,
  finished_at TEXT NOT NULL DEFAULT ''
, spec TEXT NOT NULL DEFAULT '', frozen_at TEXT NOT NULL DEFAULT '') STRICT;

CREATE TABLE answers (
  run_key INTEGER NOT NULL REFERENCES runs (run_key),
  file_name TEXT NOT NULL CHECK (length(file_name) > 0),
  trial INTEGER NOT NULL CHECK (trial >= 0),
  status TEXT NOT NULL CHECK (status IN ('ok', 'unparsed', 'refused', 'failed')),
  choice TEXT NOT NULL,
  confidence REAL CHECK (confidence BETWEEN 0 AND 1),
  probabilities TEXT,
  raw TEXT NOT NULL,
  error TEXT NOT NULL,
  detail TEXT NOT NULL,
  at TEXT NOT NULL,
  CHECK (status <> 'ok' OR choice <> '' OR probabilities IS NOT NULL)
) STRICT;

CREATE TABLE item_reviews (
  event_id TEXT PRIMARY KEY REFERENCES events (event_id),
  item_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  reader_id TEXT NOT NULL REFERENCES readers (reader_id),
  stage TEXT NOT NULL CHECK (stage IN ('blind', 'settled', 'gold')),
  FOREIGN KEY (item_id, version) REFERENCES item_versions (item_id, version)
) STRICT;

CREATE TABLE item_notes (
  event_id TEXT PRIMARY KEY REFERENCES events (event_id),
  item_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  FOREIGN KEY (item_id, version) REFERENCES item_versions (item_id, version)
) STRICT;

CREATE TABLE review_claims (
  item_id TEXT NOT NULL,
  reader_id TEXT NOT NULL REFERENCES readers (reader_id),
  holder TEXT NOT NULL CHECK (length(holder) > 0),
  until TEXT NOT NULL,
  PRIMARY KEY (item_id, reader_id)
) STRICT;

CREATE TABLE reader_roles (
  event_id TEXT PRIMARY KEY REFERENCES events (event_id),
  reader_id TEXT NOT NULL REFERENCES readers (reader_id),
  role TEXT NOT NULL CHECK (role IN ('reader', 'curator', 'adjudicator', 'chair'))
) STRICT;

CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");

CREATE INDEX events_by_kind ON events (kind, reader_id, at);

CREATE UNIQUE INDEX answers_by_key ON answers (run_key, file_name, trial);

CREATE INDEX answers_failed ON answers (run_key, file_name, trial) WHERE status = 'failed';

CREATE UNIQUE INDEX events_by_trial ON events (reader_id, trial) WHERE trial IS NOT NULL;

CREATE INDEX item_reviews_by_item ON item_reviews (item_id, version);

CREATE INDEX item_notes_by_item ON item_notes (item_id, version);

CREATE INDEX review_claims_by_holder ON review_claims (holder);

CREATE INDEX events_by_reader ON events (reader_id, at);

CREATE INDEX reader_roles_by_reader ON reader_roles (reader_id);

CREATE VIEW current_readers AS
SELECT r.reader_id, r.pseudonym, coalesce((
  SELECT g.role FROM reader_roles g JOIN events e ON e.event_id = g.event_id
  WHERE g.reader_id = r.reader_id ORDER BY e.seq DESC LIMIT 1
), r.role) AS role, r.added_at
FROM readers r;

CREATE VIEW current_settings AS
SELECT * FROM (
  SELECT e.*, row_number() OVER (
    PARTITION BY e.reader_id, coalesce(e.image_id, ''), e.type, e.modality, e.level ORDER BY e.at DESC, e.event_id DESC
  ) AS age
  FROM events e
  WHERE e.kind = 'setting' AND NOT EXISTS (SELECT 1 FROM events u WHERE u.undoes = e.event_id)
) WHERE age = 1;

CREATE VIEW current_clean_decisions AS
SELECT * FROM (
  SELECT e.*, row_number() OVER (PARTITION BY e.reader_id, e.image_id ORDER BY e.at DESC, e.event_id DESC) AS age
  FROM events e
  WHERE e.kind = 'clean' AND NOT EXISTS (SELECT 1 FROM events u WHERE u.undoes = e.event_id)
) WHERE age = 1;

CREATE VIEW current_reviews AS
SELECT event_id, item_id, version, reader_id, stage FROM (
  SELECT r.*, row_number() OVER (
    PARTITION BY r.item_id, r.version, r.stage, CASE r.stage WHEN 'blind' THEN r.reader_id ELSE '' END
    ORDER BY e.at DESC, e.event_id DESC
  ) AS age
  FROM item_reviews r
  JOIN items i ON i.item_id = r.item_id AND i.version = r.version
  JOIN events e ON e.event_id = r.event_id
  WHERE NOT EXISTS (SELECT 1 FROM events u WHERE u.undoes = r.event_id)
) WHERE age = 1;

CREATE VIEW current_items AS
SELECT i.item_id, i.version, v.source, v.modality, v.public, v.body,
  coalesce((
    SELECT r.pseudonym FROM item_clearances c
    JOIN events e ON e.event_id = c.event_id JOIN readers r ON r.reader_id = e.reader_id
    WHERE c.item_id = i.item_id AND c.version = i.version
      AND NOT EXISTS (SELECT 1 FROM events u WHERE u.undoes = e.event_id)
    ORDER BY e.at, e.event_id LIMIT 1
  ), '') AS cleared_by,
  coalesce((
    SELECT j.verdict FROM item_judgements j JOIN events e ON e.event_id = j.event_id
    WHERE j.item_id = i.item_id AND j.version = i.version
      AND NOT EXISTS (SELECT 1 FROM events u WHERE u.undoes = e.event_id)
    ORDER BY e.at DESC, e.event_id DESC LIMIT 1
  ), 'imported') AS state
FROM items i JOIN item_versions v ON v.item_id = i.item_id AND v.version = i.version;

CREATE TRIGGER events_no_update BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are never changed: record what is new instead'); END;

CREATE TRIGGER events_no_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are never changed: record what is new instead'); END;

CREATE TRIGGER readers_no_update BEFORE UPDATE ON readers
BEGIN SELECT RAISE(ABORT, 'readers are never changed: record what is new instead'); END;

CREATE TRIGGER readers_no_delete BEFORE DELETE ON readers
BEGIN SELECT RAISE(ABORT, 'readers are never changed: record what is new instead'); END;

CREATE TRIGGER profiles_no_update BEFORE UPDATE ON profiles
BEGIN SELECT RAISE(ABORT, 'profiles are never changed: record what is new instead'); END;

CREATE TRIGGER profiles_no_delete BEFORE DELETE ON profiles
BEGIN SELECT RAISE(ABORT, 'profiles are never changed: record what is new instead'); END;

CREATE TRIGGER item_versions_no_update BEFORE UPDATE ON item_versions
BEGIN SELECT RAISE(ABORT, 'item_versions are never changed: record what is new instead'); END;

CREATE TRIGGER item_versions_no_delete BEFORE DELETE ON item_versions
BEGIN SELECT RAISE(ABORT, 'item_versions are never changed: record what is new instead'); END;

CREATE TRIGGER item_clearances_no_update BEFORE UPDATE ON item_clearances
BEGIN SELECT RAISE(ABORT, 'item_clearances are never changed: record what is new instead'); END;

CREATE TRIGGER item_clearances_no_delete BEFORE DELETE ON item_clearances
BEGIN SELECT RAISE(ABORT, 'item_clearances are never changed: record what is new instead'); END;

CREATE TRIGGER item_judgements_no_update BEFORE UPDATE ON item_judgements
BEGIN SELECT RAISE(ABORT, 'item_judgements are never changed: record what is new instead'); END;

CREATE TRIGGER item_judgements_no_delete BEFORE DELETE ON item_judgements
BEGIN SELECT RAISE(ABORT, 'item_judgements are never changed: record what is new instead'); END;

CREATE TRIGGER item_reviews_no_update BEFORE UPDATE ON item_reviews
BEGIN SELECT RAISE(ABORT, 'item_reviews are never changed: record what is new instead'); END;

CREATE TRIGGER item_reviews_no_delete BEFORE DELETE ON item_reviews
BEGIN SELECT RAISE(ABORT, 'item_reviews are never changed: record what is new instead'); END;

CREATE TRIGGER item_notes_no_update BEFORE UPDATE ON item_notes
BEGIN SELECT RAISE(ABORT, 'item_notes are never changed: record what is new instead'); END;

CREATE TRIGGER item_notes_no_delete BEFORE DELETE ON item_notes
BEGIN SELECT RAISE(ABORT, 'item_notes are never changed: record what is new instead'); END;

CREATE TRIGGER reader_roles_no_update BEFORE UPDATE ON reader_roles
BEGIN SELECT RAISE(ABORT, 'reader_roles are never changed: record what is new instead'); END;

CREATE TRIGGER reader_roles_no_delete BEFORE DELETE ON reader_roles
BEGIN SELECT RAISE(ABORT, 'reader_roles are never changed: record what is new instead'); END;

CREATE TRIGGER events_follow_the_chain BEFORE INSERT ON events
WHEN NEW.previous_hash IS NOT (SELECT head FROM study)
BEGIN SELECT RAISE(ABORT, 'the event does not follow the newest one'); END;

CREATE TRIGGER events_move_the_head AFTER INSERT ON events
BEGIN UPDATE study SET head = NEW.hash, events = events + 1; END;

CREATE TRIGGER study_no_delete BEFORE DELETE ON study
BEGIN SELECT RAISE(ABORT, 'the study row is never deleted'); END;

CREATE TRIGGER answers_no_delete BEFORE DELETE ON answers
BEGIN SELECT RAISE(ABORT, 'answers are never deleted'); END;

CREATE TRIGGER answers_keep_replies BEFORE UPDATE ON answers
WHEN OLD.status <> 'failed' AND (NEW.raw IS NOT OLD.raw OR NEW.run_key IS NOT OLD.run_key
  OR NEW.file_name IS NOT OLD.file_name OR NEW.trial IS NOT OLD.trial OR NEW.detail IS NOT OLD.detail)
BEGIN SELECT RAISE(ABORT, 'a reply that arrived is never replaced'); END;

CREATE TRIGGER answers_end_with_freezing BEFORE INSERT ON answers
WHEN (SELECT frozen_at FROM runs WHERE run_key = NEW.run_key) <> ''
BEGIN SELECT RAISE(ABORT, 'the run is frozen: it takes no further answers'); END;

CREATE TRIGGER answers_of_frozen_runs_stay BEFORE UPDATE ON answers
WHEN (SELECT frozen_at FROM runs WHERE run_key = OLD.run_key) <> ''
BEGIN SELECT RAISE(ABORT, 'the run is frozen: its answers are final'); END;

CREATE TRIGGER runs_stay_frozen BEFORE UPDATE ON runs
WHEN OLD.frozen_at <> '' AND (NEW.frozen_at <> OLD.frozen_at OR NEW.run_id <> OLD.run_id OR NEW.model <> OLD.model
  OR NEW.label <> OLD.label OR NEW.mode <> OLD.mode OR NEW.trials <> OLD.trials OR NEW.parser <> OLD.parser
  OR NEW.dataset_sha256 <> OLD.dataset_sha256 OR NEW.settings <> OLD.settings OR NEW.random_weights <> OLD.random_weights
  OR NEW.started_at <> OLD.started_at OR NEW.finished_at <> OLD.finished_at)
BEGIN SELECT RAISE(ABORT, 'the run is frozen: it is never changed'); END;

CREATE TRIGGER runs_no_delete BEFORE DELETE ON runs
BEGIN SELECT RAISE(ABORT, 'runs are never deleted'); END;

INSERT INTO event_kinds VALUES
  ('reader_added', 'a person takes part under a pseudonym'),
  ('clean', 'L0: a clean picture is confirmed as diagnostic or rejected'),
  ('setting', 'a severity is set as L1 or L2'),
  ('undo', 'an earlier event no longer counts'),
  ('profile_published', 'a severity profile is fixed for good'),
  ('items_added', 'questions were imported'),
  ('items_cleared', 'a person allows questions and their images to leave the site'),
  ('item_judged', 'a person accepts, removes or reopens a question'),
  ('rescored', 'stored replies were parsed again'),
  ('bundle_imported', 'decisions of another study were taken in'),
  ('protocol_fixed', 'a reader protocol is fixed before its first session'),
  ('session_opened', 'a reader sits down for a session of a protocol'),
  ('trial_answered', 'a reader decides a trial of a protocol'),
  ('stage_locked', 'a reader closes their part of a stage: nothing of it changes, and colleagues'' values may be read'),
  ('proposal_fixed', 'levels are proposed for blind verification'),
  ('consensus_signed', 'a person signs the level of a cell, with the reason'),
  ('review_opened', 'the draw that is reviewed and the number of blind decisions are fixed'),
  ('item_reviewed', 'a person keeps or removes the degradations drawn for a question'),
  ('item_noted', 'a person flags a question or comments on it'),
  ('item_edited', 'a person changes the wording of a question: a new version'),
  ('doubles_judged', 'a person says whether questions that look alike are one: merged into one of them, or kept apart'),
  ('role_given', 'a person is given another role'),
  ('run_frozen', 'a person closes a run: its answers and what was read from them are final');
