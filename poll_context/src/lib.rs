//! The *poll context*: what a leaf future needs to know of the poll that it is in.
//!
//! A leaf future waits for something itself: for a descriptor, an instant, the end of a task. Its `poll` gets a waker, and
//! nothing else. The rest is here, in thread-locals: the executor sets them before it polls a task, and the leaf futures of
//! every crate read them. So this crate stands below all others of the project, and uses none.
//!
//! | module | what is there |
//! |---|---|
//! | [`budget`] | how much a task may do in one poll before it must let others run |

#![forbid(unsafe_code)]

pub mod budget;
#[doc(hidden)]
pub mod contain;
