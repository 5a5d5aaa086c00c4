//! Pictures that another examiner can check.
