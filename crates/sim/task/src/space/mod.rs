//! Tasks about places: where one is, and where something is.

pub mod arena;
mod head_centred;
mod path_integration;
pub mod place_code;
pub mod session;

pub use arena::Arena;
pub use head_centred::{HeadCentred, HeadCentredOutput};
pub use path_integration::{Decoder, Motion, PathIntegration};
pub use place_code::{Code, ReadOut};
