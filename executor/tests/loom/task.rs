//! Stand-ins for tasks, for models of what holds them by their address.
//!
//! A task knows whether somebody has it, and a model fails as soon as it is taken twice. What is in it is a cell of loom's: who
//! takes the task without having synchronized with its maker cannot read it.

pub(crate) mod schedule {
    /// What would schedule them: nothing does.
    pub(crate) trait Schedule: 'static {}

    impl Schedule for () {}
}

pub(crate) mod header {
    use loom::cell::UnsafeCell;
    use std::marker::PhantomData;
    use std::ptr::NonNull;
    use std::sync::atomic::{AtomicBool, AtomicUsize};

    pub(crate) struct Header<S: 'static> {
        /// Written by the maker, and again by who runs the task.
        pub(super) content: UnsafeCell<Option<usize>>,
        // Not loom's, as they are the model's own books: to keep them adds nothing to what is explored.
        /// A `Task` is there, and not a mere address.
        pub(super) is_held: AtomicBool,
        /// How often it was dropped, be it after a run or without.
        pub(super) drops: AtomicUsize,
        pub(super) scheduler: PhantomData<S>,
    }

    pub(crate) struct TaskPtr<S: 'static>(NonNull<Header<S>>);

    impl<S> Clone for TaskPtr<S> {
        fn clone(&self) -> Self {
            *self
        }
    }

    impl<S> Copy for TaskPtr<S> {}

    impl<S> TaskPtr<S> {
        pub(crate) fn new(header: *mut Header<S>) -> Option<Self> {
            NonNull::new(header).map(Self)
        }

        #[allow(dead_code, reason = "a model uses a part of this")]
        pub(crate) unsafe fn new_unchecked(header: *mut Header<S>) -> Self {
            Self::new(header).expect("nothing was there")
        }

        pub(crate) fn as_ptr(self) -> *mut Header<S> {
            self.0.as_ptr()
        }
    }
}

#[expect(clippy::module_inception, reason = "as in the crate")]
pub(crate) mod task {
    use super::header::{Header, TaskPtr};
    use super::schedule::Schedule;
    use loom::cell::UnsafeCell;
    use std::marker::PhantomData;
    use std::mem::ManuallyDrop;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    pub(crate) struct Task<S: Schedule>(TaskPtr<S>);

    impl<S: Schedule> Task<S> {
        pub(crate) unsafe fn from_raw(task: TaskPtr<S>) -> Self {
            let task = Self(task);
            let was_held = task.header().is_held.swap(true, Ordering::Relaxed);
            if was_held {
                // It is another's to drop.
                std::mem::forget(task);
                panic!("taken twice");
            }
            task
        }

        pub(crate) fn into_raw(self) -> TaskPtr<S> {
            self.header().is_held.store(false, Ordering::Relaxed);
            ManuallyDrop::new(self).0
        }

        fn header(&self) -> &Header<S> {
            unsafe { &*self.0.as_ptr() }
        }

        /// Reads what the maker has written, and gives its number.
        pub(crate) fn run(self) -> usize {
            self.header()
                .content
                .with_mut(|content| unsafe { (*content).take() })
                .expect("it was run already")
        }
    }

    impl<S: Schedule> Drop for Task<S> {
        fn drop(&mut self) {
            self.header().drops.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Where the tasks of a model live, until it is over.
    pub(crate) struct Tasks(Vec<Header<()>>);

    // Shared to be checked.
    unsafe impl Send for Tasks {}
    unsafe impl Sync for Tasks {}

    impl Tasks {
        pub(crate) fn new(count: usize) -> Self {
            let header = || Header {
                content: UnsafeCell::new(None),
                is_held: AtomicBool::new(false),
                drops: AtomicUsize::new(0),
                scheduler: PhantomData,
            };
            Self((0..count).map(|_| header()).collect())
        }

        /// Makes a task. To be called once with a number.
        pub(crate) fn make(&self, number: usize) -> Task<()> {
            let header = &self.0[number];
            header
                .content
                .with_mut(|content| unsafe { *content = Some(number) });
            let header = std::ptr::from_ref(header).cast_mut();
            unsafe { Task::from_raw(TaskPtr::new(header).unwrap()) }
        }

        /// All tasks were made, and each was dropped once.
        pub(crate) fn all_dropped(&self) {
            for (number, header) in self.0.iter().enumerate() {
                let drops = header.drops.load(Ordering::Relaxed);
                assert_eq!(drops, 1, "drops of task {number}");
            }
        }

        /// All tasks were made, and those that were run are each of them once.
        pub(crate) fn all_run(&self, mut run: Vec<usize>) {
            self.all_dropped();
            run.sort_unstable();
            assert!(run.into_iter().eq(0..self.0.len()), "not each of them once");
        }
    }
}
