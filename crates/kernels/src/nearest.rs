//! Distances from many points to a panel of centres, and the plain squared distance.

use pulp::{Arch, Simd, WithSimd};

use crate::vectorized;

/// Centres of a panel: scored together, stored coordinate by coordinate.
pub const PANEL: usize = 32;
/// Partial sums of a squared distance: four vectors of the widest instruction set.
const PARTIAL: usize = 64;

/// Affine scores of points against the centres of one panel, and each point's least:
///
/// `score[r][c] = base[c] + Σ_j points[rows[r]][j] · panel[j][c]`, `least[r] = min_c score[r][c]`.
///
/// With base = ‖c‖² and panel = −2 c, a score plus ‖x‖² is the squared distance of point and centre.
///
/// Shapes: `panel` coordinates × [`PANEL`], `points` row by row with as many coordinates, `scores`
/// and `least` one entry for each of `rows`.
///
/// # Panics
/// If the shapes do not fit together or a row lies outside of `points`.
pub fn panel_scores(
    panel: &[[f32; PANEL]],
    base: &[f32; PANEL],
    points: &[f32],
    rows: &[u32],
    scores: &mut [[f32; PANEL]],
    least: &mut [f32],
) {
    assert!(
        scores.len() == rows.len() && least.len() == rows.len(),
        "one entry per row"
    );
    Arch::new().dispatch(PanelScores {
        panel,
        base,
        points,
        rows,
        scores,
        least,
    });
}

/// Squared Euclidean distance Σ_j (a_j − b_j)², relative rounding error below (d/64 + 10)·2⁻²⁴ for d
/// coordinates. The same bits on every instruction set.
///
/// # Panics
/// If the lengths differ.
#[must_use]
pub fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "points of one space");
    vectorized(
        Arch::new(),
        #[inline(always)]
        || squared_distance_plain(a, b),
    )
}

/// Sums in [`PARTIAL`] interleaved parts, added pairwise at the end. Neither fused nor reordered, so
/// the compiler's vectors give what one number at a time gives.
#[inline(always)]
fn squared_distance_plain(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; PARTIAL];
    let (a_blocks, a_rest) = a.as_chunks::<PARTIAL>();
    let (b_blocks, b_rest) = b.as_chunks::<PARTIAL>();
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..PARTIAL {
            let difference = a[lane] - b[lane];
            sums[lane] += difference * difference;
        }
    }
    for ((a, b), sum) in a_rest.iter().zip(b_rest).zip(&mut sums) {
        let difference = a - b;
        *sum += difference * difference;
    }
    let mut half = PARTIAL / 2;
    while half > 0 {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
        half /= 2;
    }
    sums[0]
}

struct PanelScores<'a> {
    panel: &'a [[f32; PANEL]],
    base: &'a [f32; PANEL],
    points: &'a [f32],
    rows: &'a [u32],
    scores: &'a mut [[f32; PANEL]],
    least: &'a mut [f32],
}

impl WithSimd for PanelScores<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // As many sums as the registers hold, and at least as many as an addition takes steps.
        match S::F32_LANES {
            16 => self.run::<S, 2, 8>(simd),
            8 => self.run::<S, 4, 2>(simd),
            4 => self.run::<S, 8, 2>(simd),
            _ => self.plain(),
        }
    }
}

impl PanelScores<'_> {
    /// `VECTORS` vectors make a panel; `ROWS` points are scored together.
    #[inline(always)]
    fn run<S: Simd, const VECTORS: usize, const ROWS: usize>(self, simd: S) {
        let groups = self.rows.chunks(ROWS);
        let outs = self
            .scores
            .chunks_mut(ROWS)
            .zip(self.least.chunks_mut(ROWS));
        for (rows, (scores, least)) in groups.zip(outs) {
            // A short last group repeats its last row.
            let last = rows.len() - 1;
            let points: [&[f32]; ROWS] = std::array::from_fn(|r| {
                let start = rows[r.min(last)] as usize * self.panel.len();
                &self.points[start..start + self.panel.len()]
            });
            let sums = sums::<S, VECTORS, ROWS>(simd, self.panel, self.base, points);
            for ((sums, score), least) in sums.iter().zip(scores).zip(least) {
                let (out, _) = S::as_mut_simd_f32s(score);
                let mut smallest = sums[0];
                for (out, sum) in out.iter_mut().zip(sums) {
                    *out = *sum;
                    smallest = simd.min_f32s(smallest, *sum);
                }
                *least = simd.reduce_min_f32s(smallest);
            }
        }
    }

    /// One number at a time.
    fn plain(self) {
        let outs = self.scores.iter_mut().zip(self.least);
        for (row, (score, least)) in self.rows.iter().zip(outs) {
            let start = *row as usize * self.panel.len();
            let point = &self.points[start..start + self.panel.len()];
            *score = *self.base;
            for (x, centres) in point.iter().zip(self.panel) {
                for (score, c) in score.iter_mut().zip(centres) {
                    *score += x * c;
                }
            }
            *least = score.iter().copied().fold(f32::INFINITY, f32::min);
        }
    }
}

/// The sums of a group of points against a panel, kept in registers.
#[inline(always)]
fn sums<S: Simd, const VECTORS: usize, const ROWS: usize>(
    simd: S,
    panel: &[[f32; PANEL]],
    base: &[f32; PANEL],
    points: [&[f32]; ROWS],
) -> [[S::f32s; VECTORS]; ROWS] {
    let (base, _) = S::as_simd_f32s(base);
    let start: [S::f32s; VECTORS] = std::array::from_fn(|v| base[v]);
    let mut sums = [start; ROWS];
    let points = points.map(|point| &point[..panel.len()]);
    for (j, centres) in panel.iter().enumerate() {
        let (centres, _) = S::as_simd_f32s(centres);
        for r in 0..ROWS {
            let x = simd.splat_f32s(points[r][j]);
            for v in 0..VECTORS {
                sums[r][v] = simd.mul_add_e_f32s(x, centres[v], sums[r][v]);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Purpose, Stream};

    fn random(length: usize, index: u64) -> Vec<f32> {
        let mut rng = Stream::new(5, Purpose::Centroids, index).rng(0);
        (0..length).map(|_| rng.normal() as f32).collect()
    }

    proptest! {
        #[test]
        fn scores_are_those_of_the_plain_loop(coordinates in 1..200_usize, count in 0..40_usize) {
            let points = random(coordinates * 30, 1);
            let panel = random(coordinates * PANEL, 2);
            let (panel, _) = panel.as_chunks::<PANEL>();
            let base: [f32; PANEL] = random(PANEL, 3).try_into().expect("a panel");
            let rows: Vec<u32> = (0..count).map(|i| (i * 7 % 30) as u32).collect();
            let run = |plain: bool| {
                let mut scores = vec![[f32::NAN; PANEL]; count];
                let mut least = vec![f32::NAN; count];
                if plain {
                    let (scores, least) = (&mut scores[..], &mut least[..]);
                    PanelScores { panel, base: &base, points: &points, rows: &rows, scores, least }
                        .plain();
                } else {
                    panel_scores(panel, &base, &points, &rows, &mut scores, &mut least);
                }
                (scores, least)
            };
            let ((vector, vector_least), (plain, plain_least)) = (run(false), run(true));
            for (a, b) in vector.as_flattened().iter().zip(plain.as_flattened()) {
                prop_assert!((a - b).abs() < 1e-4);
            }
            for ((least, scores), plain) in vector_least.iter().zip(&vector).zip(&plain_least) {
                let smallest = scores.iter().copied().fold(f32::INFINITY, f32::min);
                prop_assert_eq!(least.to_bits(), smallest.to_bits());
                prop_assert!((least - plain).abs() < 1e-4);
            }
        }

        #[test]
        fn the_squared_distance_is_the_sum_of_squares(length in 0..900_usize) {
            let (a, b) = (random(length, 4), random(length, 5));
            let got = squared_distance(&a, &b);
            prop_assert_eq!(got.to_bits(), squared_distance_plain(&a, &b).to_bits());
            let squares = a.iter().zip(&b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
            let exact: f64 = squares.sum();
            prop_assert!((f64::from(got) - exact).abs() <= 2e-6 * exact);
        }
    }
}
