//! [`abandoned`]: the end of a child that `fork` has made on a thread of a runtime.

use std::process;

/// A thread of the runtime's goes on in a child, where nobody waits for it. Its end would be that of the process, as if all were well.
#[cold]
pub(crate) fn abandoned() -> ! {
    eprintln!(
        "a child that `fork` has made inside a task or a blocking job of a Waterwheel runtime has come to the end of it, and there is no \
         runtime here to go back to; end such a child by `exec` or `_exit`, or fork on a thread of your own"
    );
    process::abort()
}
