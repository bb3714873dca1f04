//! [`Blocks`]: memory of tasks that have ended, for those that come.
//!
//! A worker keeps what it frees, and takes from there what it spawns: the block that was freed last, which is in the cache. To the
//! allocator it goes back when there is too much of it, all but a little before the worker sleeps, and the rest when the thread leaves
//! its worker.
//!
//! A block is an allocation of its own, of a layout that depends on the size of the task alone. So it may be freed by a thread that keeps
//! none, and kept by another than the one that has allocated it.

use super::schedule::Schedule;
use std::alloc::{self, Layout};
use std::cell::Cell;
use std::ptr::{self, NonNull};

/// The alignment of blocks, which is that of headers. Few futures want more.
const ALIGN: usize = size_of::<usize>();
/// Sizes of blocks are `STEP` apart, and as the system's allocator has them: multiples of this, less a word of its own.
const STEP: usize = 16;
/// How many sizes are kept. Of larger tasks the allocator is a small part of the cost.
const SIZES: usize = 32;
/// How much a worker keeps, in bytes.
const MOST: usize = 16 << 20;
/// How much it keeps in its sleep.
const MOST_ASLEEP: usize = 256 << 10;
/// How many blocks it gives back at a time, before it looks whether there is something to do: some tens of microseconds' worth.
const GIVEN_BACK: usize = 1024;

/// Whether blocks are kept. Not where mistakes are looked for: memory that is kept hides from AddressSanitizer that it was freed.
const KEPT: bool = !cfg!(debug_assertions);

/// What is in a block that is kept.
struct Free {
    next: Option<NonNull<Free>>,
}

pub(crate) struct Blocks {
    /// The first of each size.
    first: [Cell<Option<NonNull<Free>>>; SIZES],
    bytes: Cell<usize>,
}

/// The number of the size that a task is kept as, if it is.
const fn size_number(task: Layout) -> Option<usize> {
    let number = (task.size() + size_of::<usize>()).div_ceil(STEP);
    if KEPT && task.align() <= ALIGN && number < SIZES {
        Some(number)
    } else {
        None
    }
}

/// The layout of the blocks of a size.
#[inline(always)]
const fn layout_of(number: usize) -> Layout {
    // It cannot fail: the alignment is a power of two, and the size is small.
    match Layout::from_size_align(number * STEP - size_of::<usize>(), ALIGN) {
        Ok(layout) => layout,
        Err(_) => unreachable!(),
    }
}

impl Blocks {
    pub(crate) fn new() -> Self {
        Self {
            first: [const { Cell::new(None) }; SIZES],
            bytes: Cell::new(0),
        }
    }

    #[inline]
    fn take(&self, number: usize) -> Option<NonNull<u8>> {
        let block = self.first[number].get()?;
        // SAFETY: it is kept here, so it has been written in `keep`, and is nobody else's.
        self.first[number].set(unsafe { block.as_ref() }.next);
        self.bytes.set(self.bytes.get() - layout_of(number).size());
        Some(block.cast())
    }

    /// Keeps a block, if there is room.
    ///
    /// # Safety
    ///
    /// It is of that size, and the caller gives it up if it is kept.
    #[inline]
    #[must_use]
    unsafe fn keep(&self, block: NonNull<u8>, number: usize) -> bool {
        let bytes = self.bytes.get() + layout_of(number).size();
        if bytes > MOST {
            return false;
        }
        let block = block.cast::<Free>();
        let next = self.first[number].get();
        // SAFETY: it is large enough for a pointer, and aligned for one.
        unsafe { block.write(Free { next }) };
        self.first[number].set(Some(block));
        self.bytes.set(bytes);
        true
    }

    /// Before sleep: gives some of it back, and says so, if there is too much to keep.
    #[inline]
    pub(crate) fn give_back_some(&self) -> bool {
        let much = self.bytes.get() > MOST_ASLEEP;
        if much {
            self.give_back(GIVEN_BACK);
        }
        much
    }

    #[cold]
    fn give_back(&self, mut most: usize) {
        for number in 0..SIZES {
            while most > 0
                && let Some(block) = self.take(number)
            {
                // SAFETY: it was allocated with this layout, and is ours.
                unsafe { alloc::dealloc(block.as_ptr(), layout_of(number)) };
                most -= 1;
            }
        }
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        self.give_back(usize::MAX);
    }
}

/// Allocates a task.
#[inline(always)]
pub(super) fn allocate<T, S: Schedule>(task: T) -> NonNull<T> {
    let kept_as = const { size_number(Layout::new::<T>()) };
    let Some(number) = kept_as else {
        return NonNull::from(Box::leak(Box::new(task)));
    };
    // SAFETY: it is used in this call, which runs no code of others.
    let kept = unsafe { S::blocks() }.and_then(|blocks| blocks.take(number));
    let block = kept.unwrap_or_else(|| allocate_block(number)).cast::<T>();
    // SAFETY: the block is ours, as large as a task, and aligned for it.
    unsafe { block.write(task) };
    block
}

fn allocate_block(number: usize) -> NonNull<u8> {
    let layout = layout_of(number);
    // SAFETY: its size is not zero.
    let block = unsafe { alloc::alloc(layout) };
    NonNull::new(block).unwrap_or_else(|| alloc::handle_alloc_error(layout))
}

/// Drops a task in place, and frees it.
///
/// # Safety
///
/// It was allocated by [`allocate`], and this is its last use.
#[inline]
pub(super) unsafe fn free<T, S: Schedule>(task: NonNull<T>) {
    let kept_as = const { size_number(Layout::new::<T>()) };
    let Some(number) = kept_as else {
        // SAFETY: such a task was boxed.
        return drop(unsafe { Box::from_raw(task.as_ptr()) });
    };
    // SAFETY: by the caller's promise.
    unsafe { ptr::drop_in_place(task.as_ptr()) };
    // SAFETY: it is used in this call, which runs no code of others.
    if let Some(blocks) = unsafe { S::blocks() }
        // SAFETY: the block is of that size, and ours.
        && unsafe { blocks.keep(task.cast(), number) }
    {
        return;
    }
    // SAFETY: as allocated.
    unsafe { alloc::dealloc(task.as_ptr().cast(), layout_of(number)) };
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const NUMBER: usize = 8;

    fn keep(blocks: &Blocks) -> bool {
        let block = allocate_block(NUMBER);
        // SAFETY: it was allocated with that size, and is ours.
        let kept = unsafe { blocks.keep(block, NUMBER) };
        if !kept {
            // SAFETY: as above.
            unsafe { alloc::dealloc(block.as_ptr(), layout_of(NUMBER)) };
        }
        kept
    }

    fn take(blocks: &Blocks) -> Option<NonNull<u8>> {
        let block = blocks.take(NUMBER)?;
        // SAFETY: it was allocated with that size, and is ours now.
        unsafe { alloc::dealloc(block.as_ptr(), layout_of(NUMBER)) };
        Some(block)
    }

    #[test]
    fn what_was_kept_last_is_taken_first_and_by_its_size_alone() {
        let blocks = Blocks::new();
        let [first, second] = [allocate_block(NUMBER), allocate_block(NUMBER)];
        for block in [first, second] {
            // SAFETY: it was allocated with that size, and is ours.
            assert!(unsafe { blocks.keep(block, NUMBER) });
        }
        assert_eq!(blocks.take(NUMBER - 1), None);
        assert_eq!(take(&blocks), Some(second));
        assert_eq!(take(&blocks), Some(first));
        assert_eq!(take(&blocks), None);
        assert_eq!(blocks.bytes.get(), 0);
    }

    #[test]
    fn no_more_is_kept_than_the_most_and_all_but_a_little_goes_back_before_sleep() {
        let blocks = Blocks::new();
        let most = MOST / layout_of(NUMBER).size();
        let kept = (0..most + 10).filter(|_| keep(&blocks)).count();
        assert_eq!(kept, most);
        let times = (most - MOST_ASLEEP / layout_of(NUMBER).size()).div_ceil(GIVEN_BACK);
        for _ in 0..times {
            assert!(blocks.give_back_some());
        }
        let left = blocks.bytes.get();
        assert!(0 < left && left <= MOST_ASLEEP);
        assert!(!blocks.give_back_some());
        assert_eq!(blocks.bytes.get(), left, "a little is kept");
    }

    #[test]
    fn a_block_has_room_for_every_task_of_its_size() {
        for size in size_of::<Free>()..STEP * SIZES {
            let task = Layout::from_size_align(size, ALIGN).unwrap();
            let Some(number) = size_number(task) else {
                assert!(!KEPT || size > layout_of(SIZES - 1).size());
                continue;
            };
            assert!(layout_of(number).size() >= size);
            assert!(layout_of(number).size() < size + STEP);
        }
        let aligned = Layout::from_size_align(64, 2 * ALIGN).unwrap();
        assert_eq!(size_number(aligned), None);
    }
}
