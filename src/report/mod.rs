//! What people read: the wording of every layer's findings. Decides nothing.

pub mod dockerfile;
