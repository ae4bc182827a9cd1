//! The pen: a round nib that leaves ink along a curve.

use std::f32::consts::TAU;

use resrel_kernels::StreamRng;

use super::SIZE;
use super::curve::{Curve, Point, normal, uniform};

/// A pen and how it is pressed.
pub(super) struct Pen {
    /// Largest half width of its line, in pixels.
    pub(super) radius: f32,
    /// Share by which the half width varies along the line, and where the variation starts.
    swing: f32,
    phase: f32,
    /// Width of the grey edge, in pixels.
    edge: f32,
}

impl Pen {
    pub(super) fn random(rng: &mut StreamRng) -> Self {
        Self {
            radius: (1.42 * (0.26 * normal(rng)).exp()).clamp(0.7, 2.4),
            swing: 0.3 * uniform(rng),
            phase: TAU * uniform(rng),
            edge: 1.0 + 0.5 * uniform(rng),
        }
    }

    /// Draws along `curve` (in pixels) into an empty image.
    pub(super) fn draw(&self, curve: &Curve, image: &mut [f32]) {
        for stroke in &curve.strokes {
            let mut length = 0.0;
            for pair in stroke.windows(2) {
                // Pressure changes about once over the height of a digit.
                let pressure = (self.phase + TAU * length / 20.0).sin();
                let radius = self.radius * (1.0 - self.swing * f32::midpoint(1.0, pressure));
                self.piece(pair[0], pair[1], radius, image);
                length += (pair[1][0] - pair[0][0]).hypot(pair[1][1] - pair[0][1]);
            }
        }
        for ink in image {
            *ink = (*ink * 255.0).round() / 255.0;
        }
    }

    /// Inks a straight piece: full within the radius, fading over the edge.
    fn piece(&self, from: Point, to: Point, radius: f32, image: &mut [f32]) {
        let reach = radius + self.edge / 2.0;
        let range = |axis: usize| {
            let low = from[axis].min(to[axis]) - reach - 0.5;
            let high = from[axis].max(to[axis]) + reach + 0.5;
            (low.max(0.0) as usize)..(high.max(0.0) as usize).min(SIZE)
        };
        let along = [to[0] - from[0], to[1] - from[1]];
        let square = (along[0] * along[0] + along[1] * along[1]).max(1e-6);
        for y in range(1) {
            for x in range(0) {
                let pixel = [x as f32 + 0.5 - from[0], y as f32 + 0.5 - from[1]];
                let share = (pixel[0] * along[0] + pixel[1] * along[1]) / square;
                let share = share.clamp(0.0, 1.0);
                let off = [pixel[0] - share * along[0], pixel[1] - share * along[1]];
                let distance = (off[0] * off[0] + off[1] * off[1]).sqrt();
                let ink = ((reach - distance) / self.edge).clamp(0.0, 1.0);
                let here = &mut image[y * SIZE + x];
                *here = here.max(ink);
            }
        }
    }
}
