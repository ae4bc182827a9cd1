//! Matrix products behind one interface.
//!
//! Matrix tiles do the work where the processor has them and the left matrix is one of states or probabilities, else sums
//! that pass over zeros where there are many, else, in training, vectors of bytes, else `gemm`. That is called on blocks
//! whose borders depend on the shapes alone and on stretches of the inner dimension short enough that it never cuts them
//! itself, so that every element is summed in one order whatever the number of threads or the size of the caches.

use gemm::Parallelism;
use ndarray::{ArrayView2, ArrayViewMut2, Axis};

use crate::bytes;
use crate::parts::{self, InParts, MOST_ROWS};
use crate::zeros::MostlyZero;
use crate::{Precision, Workers, plain};

/// Longest stretch of the inner dimension that `gemm` sums in one go on every machine (its own
/// blocks are at least this long).
const DEPTH: usize = 512;
/// Products below this many multiplications are not worth waking a second thread for.
const PARALLEL_FROM: usize = 1 << 21;
/// Columns of a block, about.
const BLOCK: usize = 128;
/// Columns that are never parted: a cache line, and the widest vector.
const VECTOR: usize = 16;

/// `out ← keep · out + scale · left · right`.
///
/// Shapes: `left` rows × inner, `right` inner × columns, `out` rows × columns, any strides. With
/// `keep` = 0 the old contents of `out` are not read, so they may be anything. What is infinite or not a number may
/// come out as not a number, and beside zeros as nothing at all.
///
/// Rounding is that of single precision, in proportion to the terms ([`dense_product`]); but where the left matrix's
/// numbers lie between 0 and 1, or −1 and 0, and one of them is at least 1/16 in size, it is in proportion to the largest
/// number of a column of the right matrix, as [`Precision`] says, if the processor has matrix tiles; and in training, unless
/// most numbers are 0, if it has vectors of bytes.
///
/// # Panics
/// If the shapes do not fit together.
pub fn product(
    workers: &Workers,
    precision: Precision,
    keep: f32,
    scale: f32,
    left: ArrayView2<f32>,
    right: ArrayView2<f32>,
    mut out: ArrayViewMut2<f32>,
) {
    assert_shapes(left, right, &out);
    if out.strides()[1] == 1 && !plain() {
        // Vectors of bytes are faster only where few numbers are 0, tiles anywhere.
        let few = || mostly_zero(workers, left, right);
        let first = bytes::vectors().then(few).flatten();
        if first.is_none() && parts::possible(precision, left, right) {
            if left.nrows() > MOST_ROWS {
                let rows = left.axis_chunks_iter(Axis(0), MOST_ROWS);
                for (left, out) in rows.zip(out.axis_chunks_iter_mut(Axis(0), MOST_ROWS)) {
                    product(workers, precision, keep, scale, left, right, out);
                }
                return;
            }
            if let Some(parts) = InParts::of(workers, precision, left) {
                let blocks = Blocks::whole(workers, left.dim(), right.ncols());
                by_columns(workers, &blocks, right, out, |right, out| {
                    parts.product(keep, scale, right, out);
                });
                return;
            }
        }
        let few = if bytes::vectors() { first } else { few() };
        if let Some(left) = few {
            let blocks = blocks(left.shape(), right.ncols());
            by_columns(workers, &blocks, right, out, |right, out| {
                left.product(keep, scale, right, out);
            });
            return;
        }
    }
    dense_product(workers, keep, scale, left, right, out);
}

/// The left matrix, if passing over what is 0 in it is faster than single precision.
pub(crate) fn mostly_zero<'a>(
    workers: &Workers,
    left: ArrayView2<'a, f32>,
    right: ArrayView2<f32>,
) -> Option<MostlyZero<'a>> {
    let possible = right.strides()[1] == 1 && !plain();
    let of = || MostlyZero::of(workers, left, right.ncols());
    possible.then(of).flatten()
}

/// [`product`] without products of bytes and without a look at what is 0: the plain twin, and the measure of what is gained.
///
/// # Panics
/// If the shapes do not fit together.
pub fn dense_product(
    workers: &Workers,
    keep: f32,
    scale: f32,
    left: ArrayView2<f32>,
    right: ArrayView2<f32>,
    mut out: ArrayViewMut2<f32>,
) {
    assert_shapes(left, right, &out);
    // Cut along the longer side of the result, so that both operands are read as seldom as can be.
    let wide = out.ncols() >= out.nrows();
    if !wide {
        out = out.reversed_axes();
    }
    let (left, right) = if wide {
        (left, right)
    } else {
        (right.reversed_axes(), left.reversed_axes())
    };
    let blocks = blocks(left.dim(), right.ncols());
    by_columns(workers, &blocks, right, out, |right, out| {
        block_product(keep, scale, left, right, out);
    });
}

/// Runs `product` with a block of columns at a time of `right` and of `out`.
fn by_columns(
    workers: &Workers,
    blocks: &Blocks,
    right: ArrayView2<f32>,
    mut out: ArrayViewMut2<f32>,
    product: impl Fn(ArrayView2<f32>, ArrayViewMut2<f32>) + Send + Sync,
) {
    let target = Target::new(&mut out);
    workers.for_each(blocks.len(), |block| {
        let columns = blocks.range(block);
        // SAFETY: the ranges of different blocks are disjoint and `for_each` visits each once, so no
        // two threads hold the same columns; `out` is borrowed mutably until `for_each` returns.
        let out = unsafe { target.columns(columns.clone()) };
        product(right.slice(ndarray::s![.., columns]), out);
    });
}

/// One block's product, on the calling thread.
pub(crate) fn block_product(
    keep: f32,
    scale: f32,
    left: ArrayView2<f32>,
    right: ArrayView2<f32>,
    mut out: ArrayViewMut2<f32>,
) {
    let (rows, inner, columns) = (left.nrows(), left.ncols(), right.ncols());
    if inner == 0 {
        out.mapv_inplace(|x| if keep == 0.0 { 0.0 } else { keep * x });
        return;
    }
    let stretches = inner.div_ceil(DEPTH);
    let length = inner.div_ceil(stretches);
    for start in (0..inner).step_by(length) {
        let end = (start + length).min(inner);
        let left = left.slice(ndarray::s![.., start..end]);
        let right = right.slice(ndarray::s![start..end, ..]);
        let keep = if start == 0 { keep } else { 1.0 };
        let (ls, rs, os) = (left.strides(), right.strides(), out.strides());
        let (out_rs, out_cs) = (os[0], os[1]);
        // SAFETY: pointers, extents and strides come from live ndarray views of exactly these shapes
        // (checked by `assert_shapes`), `out` is borrowed mutably and so overlaps neither operand.
        unsafe {
            gemm::gemm(
                rows,
                columns,
                end - start,
                out.as_mut_ptr(),
                out_cs,
                out_rs,
                keep != 0.0,
                left.as_ptr(),
                ls[1],
                ls[0],
                right.as_ptr(),
                rs[1],
                rs[0],
                keep,
                scale,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }
}

pub(crate) fn assert_shapes(
    left: ArrayView2<f32>,
    right: ArrayView2<f32>,
    out: &ArrayViewMut2<f32>,
) {
    assert!(
        left.ncols() == right.nrows() && out.dim() == (left.nrows(), right.ncols()),
        "a {:?} times {:?} product does not fit into {:?}",
        left.dim(),
        right.dim(),
        out.dim()
    );
}

/// How the columns of a result are cut into tasks.
pub(crate) struct Blocks {
    columns: usize,
    count: usize,
}

/// The cut for a product with a left matrix of `rows` × `inner`: decided by shape alone.
pub(crate) fn blocks((rows, inner): (usize, usize), columns: usize) -> Blocks {
    let count = if rows * inner * columns < PARALLEL_FROM {
        1
    } else {
        // An even number keeps two threads equally busy.
        let even = ((columns + BLOCK) / (2 * BLOCK)).max(1) * 2;
        even.min(columns.div_ceil(VECTOR)).max(1)
    };
    Blocks { columns, count }
}

impl Blocks {
    /// As few as keep all threads busy: for sums that are the same however columns are cut.
    pub(crate) fn whole(workers: &Workers, (rows, inner): (usize, usize), columns: usize) -> Self {
        let threads = workers.threads();
        let count = if threads == 1 || rows * inner * columns < PARALLEL_FROM {
            1
        } else {
            // Two each, so that one that is held up is helped.
            (2 * threads).min(columns.div_ceil(VECTOR)).max(1)
        };
        Self { columns, count }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The columns of one block: whole vectors of them, dealt out evenly.
    pub(crate) fn range(&self, block: usize) -> std::ops::Range<usize> {
        let vectors = self.columns.div_ceil(VECTOR);
        let edge = |block: usize| (block * vectors / self.count * VECTOR).min(self.columns);
        edge(block)..edge(block + 1)
    }
}

/// A matrix to be written by several threads, each its own columns.
pub(crate) struct Target {
    start: *mut f32,
    shape: (usize, usize),
    strides: (isize, isize),
}

// SAFETY: a `Target` is only a description; whoever turns it into views (`columns`) vouches that they
// are disjoint.
unsafe impl Send for Target {}
// SAFETY: as above: shared use hands out disjoint columns only.
unsafe impl Sync for Target {}

impl Target {
    pub(crate) fn new(out: &mut ArrayViewMut2<f32>) -> Self {
        let strides = (out.strides()[0], out.strides()[1]);
        Self {
            start: out.as_mut_ptr(),
            shape: out.dim(),
            strides,
        }
    }

    /// The columns in `range`, to be written.
    ///
    /// # Safety
    /// The matrix given to [`Target::new`] must still be borrowed, and no other live view may hold
    /// any of these columns.
    pub(crate) unsafe fn columns<'a>(
        &self,
        range: std::ops::Range<usize>,
    ) -> ArrayViewMut2<'a, f32> {
        use ndarray::ShapeBuilder;
        assert!(range.end <= self.shape.1, "columns outside the matrix");
        let shape = (self.shape.0, range.len());
        let strides = (self.strides.0 as usize, self.strides.1 as usize);
        // SAFETY: `range` lies inside the matrix, so the offset stays inside its allocation; the
        // strides are those of a live view, never negative here because callers make plain arrays;
        // uniqueness is the caller's promise.
        unsafe {
            let start = self
                .start
                .offset(range.start.cast_signed() * self.strides.1);
            ArrayViewMut2::from_shape_ptr(shape.strides(strides), start)
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use ndarray::{Array2, ShapeBuilder};
    use proptest::prelude::*;

    use super::*;
    use crate::{Purpose, Stream};

    fn random(rows: usize, columns: usize, index: u64) -> Array2<f32> {
        let mut rng = Stream::new(1, Purpose::Weights, index).rng(0);
        Array2::from_shape_simple_fn((rows, columns), || rng.normal() as f32)
    }

    fn plain(
        keep: f32,
        scale: f32,
        left: &Array2<f32>,
        right: &Array2<f32>,
        out: &Array2<f32>,
    ) -> Array2<f64> {
        Array2::from_shape_fn(out.dim(), |(i, j)| {
            let sum: f64 = (0..left.ncols())
                .map(|k| f64::from(left[[i, k]]) * f64::from(right[[k, j]]))
                .sum();
            f64::from(keep) * f64::from(out[[i, j]]) + f64::from(scale) * sum
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn agrees_with_three_plain_loops(
            rows in 0..70_usize, inner in 0..600_usize, columns in 0..90_usize,
            keep in prop::sample::select(vec![0.0_f32, 1.0, 0.5]),
            transposed: bool,
        ) {
            let (left, right) = (random(rows, inner, 1), random(inner, columns, 2));
            let start = random(rows, columns, 3);
            let mut out = start.clone();
            // The same numbers in the other storage order must give the same product.
            let mut stored = Array2::zeros((inner, columns).set_f(transposed));
            stored.assign(&right);
            product(&Workers::single(), Precision::Single, keep, -1.5, left.view(), stored.view(), out.view_mut());
            for (got, want) in out.iter().zip(&plain(keep, -1.5, &left, &right, &start)) {
                prop_assert!((f64::from(*got) - want).abs() < 1e-5 * (inner as f64 + 1.0));
            }
        }
    }

    /// Two products, one overwriting and one adding, are the same bits on any number of threads.
    pub(crate) fn check_threads(left: &Array2<f32>, right: &Array2<f32>) {
        let results = [1, 2, 3, 5].map(|threads| {
            let workers = Workers::new(threads).expect("threads");
            let (left, right, precision) = (left.view(), right.view(), Precision::Single);
            let mut wide = Array2::from_elem((left.nrows(), right.ncols()), f32::NAN);
            product(&workers, precision, 0.0, 1.0, left, right, wide.view_mut());
            let mut tall = right.to_owned();
            let (left, right) = (left.reversed_axes(), wide.view());
            product(&workers, precision, 0.9, 0.1, left, right, tall.view_mut());
            (wide, tall)
        });
        assert!(results.iter().all(|result| *result == results[0]));
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        check_threads(&random(100, 784, 1), &random(784, 500, 2));
    }
}
