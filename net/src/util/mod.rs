//! Small helpers, which know nothing of sockets.
//!
//! | file | what is there |
//! |---|---|
//! | `waiting` | the wakers of all tasks that wait for the same thing |
//! | `contain` | runs code that may panic, and wakes wakers, without letting a panic out |
//! | `thread_buffer` | a buffer that everything on one thread shares |
//! | `shrink` | how a list gives memory back that it no longer needs |

pub(crate) mod contain;
pub(crate) mod shrink;
pub(crate) mod thread_buffer;
pub(crate) mod waiting;
