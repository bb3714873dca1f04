//! [`Cell`]: a task in memory, one allocation for all of it.

use super::harness;
use super::header::{Header, Kind, TaskPtr, Vtable};
use super::join_error::JoinError;
use super::memory;
use super::schedule::Schedule;
use std::cell::UnsafeCell;
use std::future::Future;
use std::panic::Location;

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
pub(super) struct Cell<F: Future, S: 'static> {
    pub(super) header: Header<S>,
    pub(super) stage: UnsafeCell<Stage<F>>,
}

/// The table for tasks of one kind.
const fn vtable<F: Future, S: Schedule>(kind: Kind) -> Vtable<S> {
    Vtable {
        run: harness::run::<F, S>,
        cancel: harness::cancel::<F, S>,
        take_output: harness::take_output::<F, S>,
        drop_output: harness::drop_output::<F, S>,
        free: harness::free::<F, S>,
        kind,
    }
}

impl<F: Future, S: Schedule> Cell<F, S> {
    const PLAIN: Vtable<S> = vtable::<F, S>(Kind::Plain);
    const NAMED: Vtable<S> = vtable::<F, S>(Kind::Named);
    const JOB: Vtable<S> = vtable::<F, S>(Kind::Job);
    const NAMED_JOB: Vtable<S> = vtable::<F, S>(Kind::NamedJob);
}

/// Allocates a task, which has the three references of [`Snapshot::SPAWNED`](super::snapshot::Snapshot::SPAWNED): the
/// caller hands them to the list, a queue and a join handle.
#[inline(always)]
pub(crate) fn allocate<F: Future, S: Schedule>(
    future: F,
    scheduler: S,
    location: &'static Location<'static>,
    kind: Kind,
) -> TaskPtr<S> {
    let vtable = match kind {
        Kind::Plain => &Cell::<F, S>::PLAIN,
        Kind::Named => &Cell::<F, S>::NAMED,
        Kind::Job => &Cell::<F, S>::JOB,
        Kind::NamedJob => &Cell::<F, S>::NAMED_JOB,
    };
    let cell = memory::allocate::<_, S>(Cell {
        header: Header::new(scheduler, location, vtable),
        stage: UnsafeCell::new(Stage::Running(future)),
    });
    cell.cast()
}
