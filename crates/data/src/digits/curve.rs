//! Strokes as curves, and what a hand does to them.

use std::f32::consts::TAU;

use resrel_kernels::StreamRng;

use super::SIZE;
use super::styles::Mark;

/// x to the right, y downwards.
pub(super) type Point = [f32; 2];

/// Standard deviation of a stroke's points, in units of the digit's height.
const JITTER: f32 = 0.04;
/// Waves of the warp, and the standard deviation of each one's amplitude.
const WAVES: usize = 3;
const WARP: f32 = 0.025;
/// Straight pieces between two points of a stroke.
const PIECES: usize = 7;
/// Side of the box that the ink is fitted into (MNIST's).
const BOX: f32 = 20.0;
/// Pixels along the edge that stay empty.
const MARGIN: f32 = 1.5;

/// Strokes as chains of short straight pieces.
pub(super) struct Curve {
    pub(super) strokes: Vec<Vec<Point>>,
}

impl Curve {
    /// Smooth curves through the points of `strokes`, each displaced at random.
    pub(super) fn through(strokes: &[Vec<Mark>], rng: &mut StreamRng) -> Self {
        let mut known: Vec<(Mark, Point)> = Vec::with_capacity(24);
        let strokes = strokes.iter().map(|stroke| {
            let displaced: Vec<Point> = stroke
                .iter()
                .map(|mark| {
                    if let Some((_, place)) = known.iter().find(|(other, _)| other == mark) {
                        return *place;
                    }
                    let place = mark.map(|x| f32::from(x) / 100.0 + JITTER * normal(rng));
                    known.push((*mark, place));
                    place
                })
                .collect();
            smooth(&displaced, stroke.first() == stroke.last())
        });
        Self {
            strokes: strokes.collect(),
        }
    }

    /// Bends the plane by a few random waves.
    pub(super) fn warp(&mut self, rng: &mut StreamRng) {
        let waves: [_; WAVES] = std::array::from_fn(|_| {
            let angle = TAU * uniform(rng);
            let frequency = 2.5 + 4.5 * uniform(rng);
            let wave = [frequency * angle.cos(), frequency * angle.sin()];
            let phase = TAU * uniform(rng);
            (wave, phase, [WARP * normal(rng), WARP * normal(rng)])
        });
        self.map(|[x, y]| {
            waves.iter().fold([x, y], |[u, v], (wave, phase, shift)| {
                let swing = (wave[0] * x + wave[1] * y + phase).sin();
                [u + shift[0] * swing, v + shift[1] * swing]
            })
        });
    }

    /// Stretches, slants and turns the whole.
    pub(super) fn stretch(&mut self, rng: &mut StreamRng) {
        let width = (0.06 + 0.20 * normal(rng)).exp();
        let slant = 0.16 + 0.22 * normal(rng);
        let (sin, cos) = (0.10 * normal(rng)).sin_cos();
        self.map(|[x, y]| {
            let x = width * x - slant * y;
            [cos * x - sin * y, sin * x + cos * y]
        });
    }

    /// Scales the ink of a pen of this radius to the box and puts its centre of mass near the
    /// middle of the image, in pixels.
    pub(super) fn fit(&mut self, radius: f32, rng: &mut StreamRng) {
        let size = BOX * (1.0 - 0.06 * uniform(rng));
        let shift = [0.6 * normal(rng), 0.6 * normal(rng)];
        let (low, high) = self.bounds();
        let extent = (high[0] - low[0]).max(high[1] - low[1]);
        let scale = (size - 2.0 * radius) / extent;
        let mass = self.centre();
        let edge = MARGIN + radius;
        // The border stays empty even where that puts the centre of mass beside the middle.
        let origin: Point = std::array::from_fn(|axis| {
            let wanted = SIZE as f32 / 2.0 + shift[axis] - scale * mass[axis];
            let least = edge - scale * low[axis];
            let most = SIZE as f32 - edge - scale * high[axis];
            wanted.min(most).max(least)
        });
        self.map(|[x, y]| [origin[0] + scale * x, origin[1] + scale * y]);
    }

    fn map(&mut self, place: impl Fn(Point) -> Point) {
        for point in self.strokes.as_mut_slice().iter_mut().flatten() {
            *point = place(*point);
        }
    }

    /// Corners of the smallest upright box around the strokes.
    fn bounds(&self) -> (Point, Point) {
        let start = ([f32::MAX; 2], [f32::MIN; 2]);
        self.strokes
            .iter()
            .flatten()
            .fold(start, |(low, high), point| {
                (
                    [low[0].min(point[0]), low[1].min(point[1])],
                    [high[0].max(point[0]), high[1].max(point[1])],
                )
            })
    }

    /// Mean position along the strokes: where the ink's mass is centred.
    fn centre(&self) -> Point {
        let mut length = f32::MIN_POSITIVE;
        let mut sum = [0.0; 2];
        for stroke in &self.strokes {
            for pair in stroke.windows(2) {
                let [[ax, ay], [bx, by]] = [pair[0], pair[1]];
                let piece = (bx - ax).hypot(by - ay);
                length += piece;
                sum[0] += piece * f32::midpoint(ax, bx);
                sum[1] += piece * f32::midpoint(ay, by);
            }
        }
        sum.map(|x| x / length)
    }
}

/// A centripetal Catmull–Rom curve through `points` (P. J. Barry, R. N. Goldman, SIGGRAPH 1988; C.
/// Yuksel, S. Schaefer, J. Keyser, Computer-Aided Design 43, 2011: no cusps, no loops of its own).
///
/// `points` are two or more; a `closed` curve ends where it begins.
fn smooth(points: &[Point], closed: bool) -> Vec<Point> {
    let (first, last) = (points[0], points[points.len() - 1]);
    // Beyond its ends an open curve goes on as the mirror image of its outer pieces; a closed one
    // goes round.
    let (before, after) = if closed {
        (points[points.len() - 2], points[1])
    } else {
        (
            reflect(first, points[1]),
            reflect(last, points[points.len() - 2]),
        )
    };
    let padded = [&[before], points, &[after]].concat();
    let mut curve = vec![first];
    for four in padded.array_windows::<4>() {
        let mut knots = [0.0; 4];
        for i in 1..4 {
            let [dx, dy] = [four[i][0] - four[i - 1][0], four[i][1] - four[i - 1][1]];
            knots[i] = knots[i - 1] + dx.hypot(dy).sqrt().max(1e-3);
        }
        for piece in 1..=PIECES {
            let t = knots[1] + (knots[2] - knots[1]) * piece as f32 / PIECES as f32;
            let mut level = *four;
            for order in 1..4 {
                for i in 0..4 - order {
                    // The third level runs between the inner knots alone.
                    let (from, to) = if order == 3 { (1, 2) } else { (i, i + order) };
                    let weight = (t - knots[from]) / (knots[to] - knots[from]);
                    level[i] = mix(level[i], level[i + 1], weight);
                }
            }
            curve.push(level[0]);
        }
    }
    curve
}

fn mix(a: Point, b: Point, weight: f32) -> Point {
    [a[0] + weight * (b[0] - a[0]), a[1] + weight * (b[1] - a[1])]
}

fn reflect(centre: Point, point: Point) -> Point {
    mix(point, centre, 2.0)
}

pub(super) fn uniform(rng: &mut StreamRng) -> f32 {
    rng.uniform() as f32
}

pub(super) fn normal(rng: &mut StreamRng) -> f32 {
    rng.normal() as f32
}
