//! From codes to leads: which registered firearm a code leads to, and which readings stem from one pin.
//!
//! | module | what |
//! |---|---|
//! | [`entry`] | one registered code and its firearm |
//! | [`store`] | where a registry is kept: SQLite or PostgreSQL behind one trait |
//! | [`source`], [`import`] | files of entries into it, the good rows of each at once |
//! | [`log`] | who asked what, when and why, chained by hashes |
//! | [`purchaser`] | purchaser data, behind a key and a log of their own |
//! | [`results`], [`question`] | what a reading, or a typed code, says about a code |
//! | [`search`] | the registered codes that it leaves possible |
//! | [`population`] | how many codes are registered, and their symbols' shares |
//! | [`trace`] | these records with their probabilities, and that of none of them |
//! | [`answers`] | the files that say so |
//! | [`link`], [`leads`] | readings that bear one code, and the files that say so |
//!
//! Nothing that reads photographs calls any of this: a reading is written down before it is looked up.

pub mod answers;
pub mod entry;
pub mod import;
pub mod leads;
pub mod link;
pub mod log;
pub mod population;
pub mod purchaser;
pub mod question;
pub mod results;
pub mod search;
pub mod source;
pub mod store;
pub mod trace;
