//! Queues: what holds tasks until a worker runs them. They know tasks, and nothing of workers.
//!
//! | file | what is there |
//! |---|---|
//! | `list` | [`TaskQueue`](list::TaskQueue): a linked list through the tasks, for one thread |
//! | `ring` | [`Ring`](ring::Ring): a worker's own queue of fixed size, from which others steal |
//! | `lifo` | [`LifoSlot`](lifo::LifoSlot): the one task that runs next |
//! | `shared` | [`SharedQueue`](shared::SharedQueue): a list behind a lock: injection queue, overflow, inbox |
//! | `pinned` | [`PinnedQueue`](pinned::PinnedQueue): the ready tasks that are pinned to a thread |

pub(crate) mod lifo;
pub(crate) mod list;
pub(crate) mod pinned;
pub(crate) mod ring;
pub(crate) mod shared;
