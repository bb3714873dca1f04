//! Stand-ins for the tasks and the lists of them that a shared queue holds: a task is a number.

pub(crate) mod schedule {
    /// What would schedule them: nothing does.
    pub(crate) trait Schedule: 'static {}

    impl Schedule for () {}
}

#[expect(clippy::module_inception, reason = "as in the crate")]
pub(crate) mod task {
    /// A number, and a count of those that are still there.
    pub(crate) struct Task<S> {
        pub(crate) number: usize,
        #[expect(dead_code, reason = "held to be counted")]
        pub(crate) alive: std::sync::Arc<()>,
        pub(crate) scheduler: std::marker::PhantomData<S>,
    }
}

pub(crate) mod list {
    use super::task::Task;
    use std::collections::VecDeque;

    pub(crate) struct TaskQueue<S>(VecDeque<Task<S>>);

    impl<S> Default for TaskQueue<S> {
        fn default() -> Self {
            Self(VecDeque::new())
        }
    }

    impl<S> TaskQueue<S> {
        pub(crate) fn new() -> Self {
            Self::default()
        }

        pub(crate) fn push(&mut self, task: Task<S>) {
            self.0.push_back(task);
        }

        pub(crate) fn pop(&mut self) -> Option<Task<S>> {
            self.0.pop_front()
        }

        pub(crate) fn len(&self) -> usize {
            self.0.len()
        }

        /// Takes the first `most`, or all if there are fewer.
        pub(crate) fn split_front(&mut self, most: usize) -> Self {
            let most = most.min(self.len());
            Self(self.0.drain(..most).collect())
        }
    }
}
