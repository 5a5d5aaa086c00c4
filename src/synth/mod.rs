//! Seed in, simulated photographs with truth out. No reader module depends on this one.
