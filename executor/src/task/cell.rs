//! [`Cell`]: a task in memory, one allocation for all of it.

use super::harness;
use super::header::{Header, Kind, TaskPtr, Vtable};
use super::memory;
use crate::task::join_error::JoinError;
use crate::scheduler::local::Local;
use crate::scheduler::shared::Shared;
use std::cell::UnsafeCell;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

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

/// The table for tasks of one kind.
const fn vtable<F: Future>(kind: Kind) -> Vtable {
    Vtable {
        run: harness::run::<F>,
        cancel: harness::cancel::<F>,
        take_output: harness::take_output::<F>,
        drop_output: harness::drop_output::<F>,
        free: harness::free::<F>,
        kind,
    }
}

impl<F: Future> Cell<F> {
    const PLAIN: Vtable = vtable::<F>(Kind::Plain);
    const NAMED: Vtable = vtable::<F>(Kind::Named);
    const JOB: Vtable = vtable::<F>(Kind::Job);
    const NAMED_JOB: Vtable = vtable::<F>(Kind::NamedJob);
}

/// Allocates a task, which has the three references of [`Snapshot::SPAWNED`](super::snapshot::Snapshot::SPAWNED): the
/// caller hands them to the list, a queue and a join handle.
#[inline(always)]
pub(crate) fn allocate<F: Future>(
    future: F,
    shared: Arc<Shared>,
    home: Option<Arc<Local>>,
    location: &'static Location<'static>,
    kind: Kind,
) -> TaskPtr {
    let vtable = match kind {
        Kind::Plain => &Cell::<F>::PLAIN,
        Kind::Named => &Cell::<F>::NAMED,
        Kind::Job => &Cell::<F>::JOB,
        Kind::NamedJob => &Cell::<F>::NAMED_JOB,
    };
    let cell = memory::allocate(Cell {
        header: Header::new(shared, home, location, vtable),
        stage: UnsafeCell::new(Stage::Running(future)),
    });
    cell.cast()
}
