//! The table: a row for each way to be always ready, several for some futures.
//!
//! | module | what is there |
//! |---|---|
//! | here | [`Row`], [`Kind`] |
//! | `timers` | of `timer` |
//! | `tasks` | of `executor` and `poll_context` |
//! | `descriptors` | of `reactor` |
//! | `sockets` | of `net`: sockets of all families |
//! | `streams` | of `net`: what is built on streams; `serve` |
//! | `traits` | of `net`: the traits of others |

mod descriptors;
mod sockets;
mod streams;
mod tasks;
mod timers;
mod traits;

use crate::busy::Rounds;
use std::future::Future;
use std::pin::Pin;

type Loop = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What becomes of a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its future is ready in each round.
    Ready,
    /// Its future is ready in each round, which takes long: it lets the others run after one or two, beside one that has waited.
    Once,
    /// It pends by itself, in most rounds at least.
    Waits,
    /// It needs a runtime whose time is paused.
    Paused,
}

pub(crate) struct Row {
    /// As [`scan`](crate::scan) names it.
    pub(crate) name: &'static str,
    /// In which way it is ready.
    case: &'static str,
    pub(crate) kind: Kind,
    /// Whether there is to be one such loop at a time.
    pub(crate) alone: bool,
    pub(crate) start: Box<dyn Fn(Rounds) -> Loop + Send + Sync>,
}

impl Row {
    fn of<F>(
        kind: Kind,
        name: &'static str,
        case: &'static str,
        start: impl Fn(Rounds) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self {
            name,
            case,
            kind,
            alone: false,
            start: Box::new(move |rounds| Box::pin(start(rounds))),
        }
    }

    fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    pub(crate) fn label(&self) -> String {
        format!("`{}` ({})", self.name, self.case)
    }
}

/// A row whose body is run again and again: `ready!(name, case, |state| body)`, where `state` is made once.
macro_rules! row {
    ($kind:ident, $name:literal, $case:literal, $body:block) => {
        row!($kind, $name, $case, {}, $body)
    };
    ($kind:ident, $name:literal, $case:literal, { $($before:tt)* }, $body:block) => {
        $crate::table::Row::of($crate::table::Kind::$kind, $name, $case, |rounds| async move {
            $($before)*
            loop {
                $body
                rounds.one();
            }
        })
    };
}
pub(crate) use row;

pub(crate) fn rows() -> Vec<Row> {
    [
        timers::rows(),
        tasks::rows(),
        descriptors::rows(),
        sockets::rows(),
        streams::rows(),
        traits::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A loop that spends all of the budget in each poll.
pub(crate) fn greedy(rounds: Rounds) -> Loop {
    Box::pin(async move {
        loop {
            waterwheel::poll_context::budget::consume().await;
            rounds.one();
        }
    })
}
