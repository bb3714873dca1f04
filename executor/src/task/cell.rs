//! [`Cell`]: a task in memory, one allocation for all of it.

use super::harness;
use super::header::{Birth, Header, TaskPtr, Vtable};
use crate::join_error::JoinError;
use std::cell::UnsafeCell;
use std::future::Future;
use std::ptr::NonNull;

/// How far a task has come. Who may touch it: rules T1 and T4.
pub(super) enum Stage<F: Future> {
    /// The future, pinned: it is dropped in place, never moved.
    Running(F),
    /// What it came to.
    Finished(Result<F::Output, JoinError>),
    /// Nothing is left.
    Consumed,
}

/// `repr(C)`: the header stands first, so that a pointer to the cell is a pointer to its header.
#[repr(C)]
pub(super) struct Cell<F: Future> {
    pub(super) header: Header,
    pub(super) stage: UnsafeCell<Stage<F>>,
}

impl<F: Future> Cell<F> {
    const VTABLE: Vtable = Vtable {
        run: harness::run::<F>,
        cancel: harness::cancel::<F>,
        take_output: harness::take_output::<F>,
        drop_output: harness::drop_output::<F>,
        free: harness::free::<F>,
    };
}

/// Allocates a task, which has the three references of [`Snapshot::SPAWNED`](super::snapshot::Snapshot::SPAWNED): the
/// caller hands them to the list, a queue and a join handle.
#[inline(always)]
pub(crate) fn allocate<F: Future>(future: F, birth: Birth) -> TaskPtr {
    let cell = Box::new(Cell {
        header: Header::new(birth, &Cell::<F>::VTABLE),
        stage: UnsafeCell::new(Stage::Running(future)),
    });
    NonNull::from(Box::leak(cell)).cast()
}
