//! Generator to training tiles for the learned reader.
