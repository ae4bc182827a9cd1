//! Decoders of other people's that panic on some damaged files.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    /// Whether this thread decodes: what panics then is no more than an error of the file.
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// What `decode` gives; `None` if it panicked. What it used is not to be used again then.
pub fn guarded<T>(decode: impl FnOnce() -> T) -> Option<T> {
    DECODING.set(true);
    let decoded = catch_unwind(AssertUnwindSafe(decode));
    DECODING.set(false);
    decoded.ok()
}

/// From now on a damaged file whose decoder panics is told by its error alone; otherwise the
/// program's panic hook tells it, too. For programs, not for libraries: the hook is the process'.
pub fn hush_decoders() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !DECODING.get() {
            hook(panic);
        }
    }));
}
