CREATE TABLE about (schema INTEGER NOT NULL, purchaser_check BLOB);
CREATE TABLE record (
    id INTEGER PRIMARY KEY,
    code TEXT NOT NULL,
    reversed TEXT NOT NULL,
    format TEXT NOT NULL,
    make TEXT NOT NULL,
    model TEXT NOT NULL,
    calibre TEXT NOT NULL,
    serial TEXT NOT NULL,
    importer TEXT NOT NULL,
    dealer TEXT NOT NULL,
    sale_date TEXT NOT NULL,
    country TEXT NOT NULL,
    state TEXT NOT NULL,
    status TEXT NOT NULL,
    from_date TEXT NOT NULL,
    to_date TEXT NOT NULL
);
CREATE TABLE tally (
    format TEXT NOT NULL,
    make TEXT NOT NULL,
    calibre TEXT NOT NULL,
    records INTEGER NOT NULL,
    PRIMARY KEY (format, make, calibre)
);
CREATE TABLE log (
    id INTEGER PRIMARY KEY,
    time TEXT NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    verb TEXT NOT NULL,
    asked TEXT NOT NULL,
    came_back INTEGER NOT NULL,
    hash TEXT NOT NULL
);
CREATE TABLE purchaser (
    make TEXT NOT NULL,
    serial TEXT NOT NULL,
    sale_date TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (make, serial, sale_date)
);
CREATE TABLE purchaser_log (
    id INTEGER PRIMARY KEY,
    time TEXT NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    verb TEXT NOT NULL,
    asked TEXT NOT NULL,
    came_back INTEGER NOT NULL,
    hash TEXT NOT NULL
);
CREATE TRIGGER log_keeps BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER log_stays BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER purchaser_log_keeps BEFORE UPDATE ON purchaser_log
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER purchaser_log_stays BEFORE DELETE ON purchaser_log
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
