//! The fast parts of `resrel`: matrix products behind one interface, fused sigmoid and Bernoulli
//! sampling, counter-based random numbers and packed bits.
//!
//! Everything that draws random numbers draws them from a [`Stream`], addressed by what they are for,
//! so results are the same on any number of threads ([`Workers`]). The vector instructions are chosen
//! at run time ([`instruction_set`]); all `unsafe` code of the project lives here.

#![allow(unsafe_code)]
// Inlining is what lets a vector version be compiled for each instruction set.
#![allow(clippy::inline_always)]
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]

use pulp::{Arch, Simd, WithSimd};

mod aligned;
mod amx;
mod bits;
mod bytes;
#[cfg(feature = "cuda")]
pub mod cuda;
mod fixed;
mod gather;
mod gibbs;
mod nearest;
mod parts;
mod philox;
mod pixels;
mod precision;
mod product;
mod sampling;
mod softplus;
mod sparse;
mod sums;
mod tiled;
mod workers;
mod zeros;

pub use bits::BitRows;
pub use fixed::add_fixed;
pub use gather::gather;
pub use gibbs::{Clamped, Gibbs, TILE};
pub use nearest::{PANEL, panel_scores, squared_distance};
pub use philox::{Purpose, Stream, StreamRng, philox};
pub use pixels::Pixels;
pub use precision::{FAINT, Precision};
pub use product::{dense_product, product};
pub use sampling::{Draw, conditional, given_fields, instruction_set, sigmoid};
pub use softplus::{softplus, softplus_sum};
pub use sparse::{SparseWeights, Way};
pub use sums::column_sums;
pub use tiled::{Batch, Phase, Step, Tiled};
pub use workers::{Workers, WorkersError};

/// Runs `work` as code for the widest vectors of this machine.
///
/// [`Arch::dispatch`] itself calls a closure that only borrows through a function in between, which may not be inlined
/// and is then code for the narrowest ones.
#[inline(always)]
fn vectorized<R>(arch: Arch, work: impl FnMut() -> R) -> R {
    struct Work<F>(F);
    impl<R, F: FnMut() -> R> WithSimd for Work<F> {
        type Output = R;

        #[inline(always)]
        fn with_simd<S: Simd>(mut self, _: S) -> R {
            (self.0)()
        }
    }
    arch.dispatch(Work(work))
}

/// Whether the environment asks, by `RESREL_PLAIN=1`, to do without products of bytes and without passing over zeros: what
/// is left is slower and runs anywhere.
fn plain() -> bool {
    static PLAIN: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| {
        std::env::var_os("RESREL_PLAIN").is_some_and(|value| !value.is_empty() && value != "0")
    });
    *PLAIN
}
