//! Vocabulary shared by every layer: source text and spans, interned names, diagnostics. Knows nothing of make or images.

pub mod diagnostic;
pub mod events;
pub mod intern;
pub mod json;
pub mod log;
pub mod mask;
pub mod nearest;
pub mod printable;
pub mod secret;
pub mod sorting;
pub mod source;
pub mod system_error;
pub mod table_order;
pub mod tables;

pub use intern::{Name, Names};
pub use nearest::nearest;
pub use source::Span;
