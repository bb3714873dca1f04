//! Names and identities of tasks: who they are in reports, in panic hooks and to themselves.
//!
//! ```
//! use waterwheel::task;
//!
//! waterwheel::block_on(async {
//!     let handle = task::Builder::new().name("pump").spawn(async { task::id() });
//!     let id = handle.id();
//!     assert_eq!(handle.await.unwrap(), id);
//! });
//! ```

mod builder;

pub use crate::task::id::{Id, id, try_id};
pub use builder::Builder;
