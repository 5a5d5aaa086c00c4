//! Pictures that an examiner can check: of each stage, and as a folder of pages for a browser.
//!
//! | module | from | to |
//! |---|---|---|
//! | [`stages`] | a photograph while it is read | a numbered picture a stage |
//! | [`batch`] | OUT and the photographs | what a report is made of, every photograph checked by its hash |
//! | [`picture`] | one photograph | its copies for the screen, the straightened impression, the ink map |
//! | [`overlay`] | one line of results | outlines in the photograph's pixels and in the straightened frame |
//! | [`facts`] | one line of results | what it states, in words |
//! | [`view`] | the same, and the pictures | all that its page shows |
//! | [`casework`] | `leads.jsonl`, `traces.jsonl` | their tables, and scenes as a graph |
//! | [`together`] | `groups.jsonl` | what each photograph of a group says for every character |
//! | [`pages`] | all of these | the folder of pages |
//! | [`blind`] | the same | a folder in which an examiner reads before seeing the machine's reading |
//!
//! A report never reads a code: all that it shows was written down by `decode`, or is a picture.

pub mod batch;
pub mod blind;
pub mod casework;
pub mod facts;
pub mod overlay;
pub mod pages;
pub mod picture;
pub mod site;
pub mod stages;
pub mod together;
pub mod view;
