//! Reading through a buffer.
//!
//! | file | what is there |
//! |---|---|
//! | `buf_reader` | [`BufReader`]: reads by lines, or up to any delimiter |
//! | `chunk` | [`read_chunk`]: reads into a buffer that all connections of a worker share |

mod buf_reader;
mod chunk;

pub use buf_reader::{BufReader, FillBuf, Lines, ReadLine, ReadUntil};
pub use chunk::{ReadChunk, read_chunk};
