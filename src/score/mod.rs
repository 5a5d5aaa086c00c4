//! results.jsonl and truth in, accuracy with intervals out.
