//! Pictures that an examiner can check.

pub mod stages;
