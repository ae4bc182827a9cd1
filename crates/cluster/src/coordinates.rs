//! The few coordinates in which points and centroids are compared first.
//!
//! For orthonormal directions P and a point x, shifted by the mean, write y = Px and r = ‖x − PᵀPx‖.
//! By Cauchy and Schwarz ⟨x, c⟩ ≤ ⟨y_x, y_c⟩ + r_x r_c, so the distance of (y, r) is never above that
//! of the points themselves, at a fraction of its cost. Everything here is a lower bound, rounding
//! included.

use std::borrow::Cow;

use ndarray::{Array2, ArrayView2};
use resrel_kernels::{
    Precision, Purpose, Stream, Workers, dense_product, product, squared_distance,
};

/// Points that the directions are found from.
const SAMPLE: usize = 2048;
/// Rounds of orthogonal iteration; more hardly change what the directions hold.
const ROUNDS: usize = 3;
/// Directions to keep.
const DIRECTIONS: usize = 96;
/// Directions that hold less of the variance leave too much open (measured: noise added to images).
const SHARE: f64 = 0.75;
/// Below this many coordinates, or centroids, finding directions costs more than it saves.
const MANY_COORDINATES: usize = 2 * DIRECTIONS;
const MANY_CENTROIDS: usize = 64;
/// Rows that one task projects.
const ROWS: usize = 512;

/// A map to fewer coordinates that never lengthens a distance.
pub(crate) struct Projection {
    shift: Vec<f32>,
    /// Dimension × directions; `None` leaves the coordinates as they are.
    directions: Option<Array2<f32>>,
    /// Bound of the relative rounding error of a score.
    margin: f32,
}

/// Points in those coordinates.
pub(crate) struct Coordinates<'a> {
    /// Coordinates per point.
    pub(crate) width: usize,
    /// Points × width.
    pub(crate) values: Cow<'a, [f32]>,
    /// Lower bounds of the squared norms.
    pub(crate) norms: Vec<f32>,
}

impl Projection {
    /// The projection for these points, fit for `k` centroids, and the points projected.
    pub(crate) fn of<'a>(
        workers: &Workers,
        data: &'a [f32],
        dimension: usize,
        k: usize,
        seed: u64,
    ) -> (Self, Coordinates<'a>) {
        let points = data.len() / dimension;
        let step = points.div_ceil(SAMPLE);
        let sample: Vec<&[f32]> = data.chunks(dimension).step_by(step).collect();
        let mut shift = vec![0.0_f32; dimension];
        for (j, shift) in shift.iter_mut().enumerate() {
            let sum: f64 = sample.iter().map(|row| f64::from(row[j])).sum();
            *shift = (sum / sample.len() as f64) as f32;
        }
        let shifted =
            Array2::from_shape_fn((sample.len(), dimension), |(i, j)| sample[i][j] - shift[j]);
        let reduce = dimension >= MANY_COORDINATES && k >= MANY_CENTROIDS && points > SAMPLE;
        let directions = reduce.then(|| principal(workers, shifted.view(), seed));
        let directions = directions.filter(|directions| {
            let mut held = Array2::zeros((shifted.nrows(), directions.ncols()));
            product(
                workers,
                Precision::Single,
                0.0,
                1.0,
                shifted.view(),
                directions.view(),
                held.view_mut(),
            );
            let share = sum_of_squares(&held) / sum_of_squares(&shifted);
            share > SHARE
        });
        let width = directions.as_ref().map_or(dimension, |d| d.ncols() + 1);
        // Each of a score's sums has at most this many terms, each rounded by 2⁻²⁴ of the norms.
        let margin = (dimension + width + 64) as f32 * 2.0_f32.powi(-22);
        let mut projection = Self {
            shift,
            directions,
            margin,
        };
        if projection.directions.is_none() {
            // The points as they are, unless they lie far from the origin, where products cancel.
            let offset = sum_of_squares(&projection.shift) * sample.len() as f64;
            if offset <= 16.0 * sum_of_squares(&shifted) {
                projection.shift.fill(0.0);
                let norms = projection.lowered(&projection.norms(workers, data));
                let values = Cow::Borrowed(data);
                return (
                    projection,
                    Coordinates {
                        width,
                        values,
                        norms,
                    },
                );
            }
        }
        let coordinates = projection.apply(workers, data);
        (projection, coordinates)
    }

    /// The coordinates of some rows (points or centroids).
    pub(crate) fn apply(&self, workers: &Workers, rows: &[f32]) -> Coordinates<'static> {
        let dimension = self.shift.len();
        let width = self
            .directions
            .as_ref()
            .map_or(dimension, |d| d.ncols() + 1);
        let count = rows.len() / dimension;
        let mut values = vec![0.0_f32; count * width];
        let norms = self.norms(workers, rows);
        workers.for_each_chunk(&mut values, ROWS * width, |task, values| {
            let first = task * ROWS;
            let length = values.len() / width;
            let rows = &rows[first * dimension..(first + length) * dimension];
            let Some(directions) = &self.directions else {
                self.shifted(rows, values);
                return;
            };
            let mut shifted = Array2::zeros((length, dimension));
            self.shifted(rows, shifted.as_slice_mut().expect("a standard layout"));
            let mut out = Array2::zeros((length, width - 1));
            let single = Workers::single();
            // Its errors are in proportion to the numbers, on which the bound relies.
            dense_product(
                &single,
                0.0,
                1.0,
                shifted.view(),
                directions.view(),
                out.view_mut(),
            );
            for (i, (out, values)) in out.outer_iter().zip(values.chunks_mut(width)).enumerate() {
                let mut held = 0.0_f64;
                for (value, x) in values.iter_mut().zip(out) {
                    *value = *x;
                    held += f64::from(*x) * f64::from(*x);
                }
                // Rounded up by more than its error, so that r_x r_c is never too small.
                let norm = f64::from(norms[first + i]);
                let margin = 4.0 * f64::from(self.margin) * norm;
                values[width - 1] = ((norm - held).max(0.0) + margin).sqrt() as f32;
            }
        });
        Coordinates {
            width,
            values: Cow::Owned(values),
            norms: self.lowered(&norms),
        }
    }

    /// Squared norms of shifted rows.
    fn norms(&self, workers: &Workers, rows: &[f32]) -> Vec<f32> {
        let dimension = self.shift.len();
        let mut norms = vec![0.0; rows.len() / dimension];
        workers.for_each_chunk(&mut norms, ROWS, |task, norms| {
            let rows = &rows[task * ROWS * dimension..];
            for (norm, row) in norms.iter_mut().zip(rows.chunks(dimension)) {
                *norm = squared_distance(row, &self.shift);
            }
        });
        norms
    }

    /// What remains of squared norms when the rounding of every score is taken off.
    fn lowered(&self, norms: &[f32]) -> Vec<f32> {
        let keep = 1.0 - 2.0 * self.margin;
        norms.iter().map(|norm| norm * keep).collect()
    }

    fn shifted(&self, rows: &[f32], out: &mut [f32]) {
        let dimension = self.shift.len();
        for (row, out) in rows.chunks(dimension).zip(out.chunks_mut(dimension)) {
            for ((out, x), shift) in out.iter_mut().zip(row).zip(&self.shift) {
                *out = x - shift;
            }
        }
    }
}

/// The directions of largest variance of some centred points, by orthogonal iteration. How good they
/// are decides how fast the search is, never what it finds.
fn principal(workers: &Workers, sample: ArrayView2<f32>, seed: u64) -> Array2<f32> {
    let dimension = sample.ncols();
    // The stream of the start has index 0.
    let mut rng = Stream::new(seed, Purpose::Centroids, 1).rng(0);
    let mut directions =
        Array2::from_shape_simple_fn((DIRECTIONS, dimension), || rng.normal() as f32);
    let mut held = Array2::zeros((sample.nrows(), DIRECTIONS));
    for _ in 0..ROUNDS {
        product(
            workers,
            Precision::Single,
            0.0,
            1.0,
            sample,
            directions.t(),
            held.view_mut(),
        );
        product(
            workers,
            Precision::Single,
            0.0,
            1.0,
            held.t(),
            sample,
            directions.view_mut(),
        );
        directions = orthonormal(&directions);
    }
    directions.t().as_standard_layout().into_owned()
}

fn sum_of_squares<'a>(values: impl IntoIterator<Item = &'a f32>) -> f64 {
    let squares = values.into_iter().map(|x| f64::from(*x) * f64::from(*x));
    squares.sum()
}

/// Gram and Schmidt, modified, twice over, in double precision. A row that lies in the span of those
/// before it becomes zero, which is no direction but does no harm.
fn orthonormal(rows: &Array2<f32>) -> Array2<f32> {
    let mut rows = rows.mapv(f64::from);
    for i in 0..rows.nrows() {
        let (before, mut rest) = rows.view_mut().split_at(ndarray::Axis(0), i);
        let mut row = rest.row_mut(0);
        let length = row.dot(&row).sqrt();
        for _ in 0..2 {
            for other in before.outer_iter() {
                let along = row.dot(&other);
                row.scaled_add(-along, &other);
            }
        }
        let left = row.dot(&row).sqrt();
        let scale = if left > 1e-9 * length {
            1.0 / left
        } else {
            0.0
        };
        row *= scale;
    }
    rows.mapv(|x| x as f32)
}
