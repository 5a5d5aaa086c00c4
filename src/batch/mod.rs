//! Folder in, results.jsonl out.
