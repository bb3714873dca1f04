//! A buffer that everything on one thread shares.
//!
//! A user of the buffer takes it out and puts it back. So nested code, such as a closure that polls another read, makes a
//! buffer of its own instead of finding this one lent.

use std::cell::Cell;

/// How large the buffer is, in bytes.
pub(crate) const CHUNK: usize = 64 << 10;

thread_local! {
    static BUFFER: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// Runs `f` with this thread's buffer, in which there may be anything.
pub(crate) fn with_buffer<R>(f: impl FnOnce(&mut [u8]) -> R) -> R {
    // While the thread ends there is none, and one is made for this once.
    let buffer = BUFFER.try_with(Cell::take).ok().flatten();
    let mut buffer = buffer.unwrap_or_else(|| vec![0; CHUNK].into_boxed_slice());
    let result = f(&mut buffer);
    // If `f` panics, the buffer goes with it.
    let _ = BUFFER.try_with(|place| place.set(Some(buffer)));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_is_shared_and_never_lent_twice() {
        let first = with_buffer(|outer| {
            outer[0] = 7;
            with_buffer(|inner| inner[0] = 8);
            assert_eq!(outer[0], 7);
            outer.as_ptr() as usize
        });
        let again = with_buffer(|buffer| buffer.as_ptr() as usize);
        assert_eq!(first, again);
    }
}
