//! The watch session: what runs saw, the file events that touch it, and when to run again. Knows nothing of how a target is made.
//!
//! A session makes nothing itself: it starts this program again for the goals whose inputs changed. Such a run says over a
//! socket what it reads ([`report`], sent by [`inputs`]); the session watches just that ([`interest`]), gathers events until it is
//! quiet ([`debounce`]) and decides ([`session`]). All triggers (files, keys, signals, the end of a run) meet in [`drive`].

pub mod report;

pub mod recipe;

pub mod inputs;

pub mod paths;

pub mod gitignore;

pub mod context;

pub mod source;

pub mod unsure;

pub mod interest;

pub mod known;

pub mod debounce;

pub mod session;

pub mod status;

pub mod terminal;

pub mod process;

pub mod drive;
