//! The command `microstamp`.

fn main() {}
