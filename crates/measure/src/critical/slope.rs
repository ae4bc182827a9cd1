//! The slope dH[k]/dH[s] along a sequence of representations, and where it is −1.

use serde::{Deserialize, Serialize};

use super::{Candidate, Estimate};

/// Where the slope dH\[k\]/dH\[s\] passes −1, on a smooth curve through the layers.
///
/// The curve is Schumaker's quadratic spline through the points (H\[s\], H\[k\]), sorted by H\[s\]; its
/// slope at each layer is that of the parabola through the layer and its two neighbours (at the ends:
/// through the last three). It is chosen because it keeps the shape that matters: where the layers lie
/// on a concave line the curve is concave too, its slope falls and passes −1 once; an ordinary cubic
/// spline would swing. Layers on a parabola give the parabola itself. Of several places with slope −1
/// it is the one of the largest H\[s\] + H\[k\], and there is none where an end of the sequence has
/// a larger one. Of layers with the same H\[s\] the one with the largest H\[k\] counts.
///
/// The standard error is the first-order one: each H\[s\] and H\[k\] is moved by its standard error up
/// and down, and half the changes of the place are added in quadrature, as if they were independent.
///
/// Source: L. L. Schumaker, "On shape preserving quadratic spline interpolation", SIAM J. Numer. Anal.
/// 20 (1983) 854–864.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlopePoint {
    /// H\[s\] there, a fraction of ln M.
    pub resolution: f64,
    /// Standard error of `resolution`; `None` where a layer around has none.
    pub resolution_stderr: Option<f64>,
    /// H\[k\] of the curve there, a fraction of ln M.
    pub relevance: f64,
    /// The layer with the next larger H\[s\].
    pub from: String,
    /// The layer with the next smaller H\[s\].
    pub to: String,
    /// Share of the step in H\[s\] from `from` to `to`, 0 to 1.
    pub share: f64,
}

/// The slope exponent between two layers that follow each other in H\[s\].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// The layer with the larger H\[s\].
    pub from: String,
    /// The layer with the smaller H\[s\].
    pub to: String,
    /// −ΔH\[k\]/ΔH\[s\]: β where the layers lie on the curve of largest H\[k\]. `None` where both have
    /// the same H\[s\].
    pub exponent: Option<f64>,
    /// Its first-order standard error.
    pub exponent_stderr: Option<f64>,
}

/// A layer in the plane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    name: &'a str,
    x: Estimate,
    y: Estimate,
}

impl<'a> Place<'a> {
    pub(super) fn of(candidate: &'a Candidate) -> Option<Self> {
        Some(Self {
            name: &candidate.name,
            x: candidate.resolution?,
            y: candidate.relevance?,
        })
    }
}

/// The slope exponents, from the largest H\[s\] on.
pub(super) fn segments(places: &[Place]) -> Vec<Segment> {
    let mut places = places.to_vec();
    places.sort_by(|a, b| b.x.value.total_cmp(&a.x.value));
    let segment = |pair: &[Place]| {
        let [from, to] = [pair[0], pair[1]];
        let run = to.x.value - from.x.value;
        let exponent = Some(-(to.y.value - from.y.value) / run).filter(|e| e.is_finite());
        let errors = |a: Estimate, b: Estimate| Some(a.stderr?.hypot(b.stderr?));
        let exponent_stderr = || {
            let (across, along) = (errors(from.y, to.y)?, errors(from.x, to.x)?);
            let stderr = across.hypot(exponent? * along) / run.abs();
            Some(stderr).filter(|stderr| stderr.is_finite())
        };
        Segment {
            from: from.name.to_owned(),
            to: to.name.to_owned(),
            exponent,
            exponent_stderr: exponent_stderr(),
        }
    };
    places.windows(2).map(segment).collect()
}

/// The place of slope −1; why there is none.
pub(super) fn parity(places: &[Place]) -> Result<SlopePoint, String> {
    let nodes = nodes(places);
    if nodes.len() < 3 {
        return Err("a slope needs three layers of different H[s]".to_owned());
    }
    let (interval, resolution, sum) = Curve::new(&nodes).parity()?;
    let (left, right) = (nodes[interval], nodes[interval + 1]);
    let width = right.x.value - left.x.value;
    Ok(SlopePoint {
        resolution,
        resolution_stderr: stderr(&nodes, interval),
        relevance: sum - resolution,
        from: right.name.to_owned(),
        to: left.name.to_owned(),
        share: ((right.x.value - resolution) / width).clamp(0.0, 1.0),
    })
}

/// Sorted by H\[s\]; of layers with the same the one with the largest H\[k\].
fn nodes<'a>(places: &[Place<'a>]) -> Vec<Place<'a>> {
    let mut nodes = places.to_vec();
    nodes.sort_by(|a, b| {
        let larger_first = b.y.value.total_cmp(&a.y.value);
        a.x.value.total_cmp(&b.x.value).then(larger_first)
    });
    nodes.dedup_by(|later, kept| later.x.value <= kept.x.value);
    nodes
}

/// The standard error of the place in the interval: it depends on the interval's ends and the next
/// nodes around.
fn stderr(nodes: &[Place], interval: usize) -> Option<f64> {
    let place = |moved: usize, across: f64, up: f64| {
        let mut nodes = nodes.to_vec();
        nodes[moved].x.value += across;
        nodes[moved].y.value += up;
        // It may have been moved beyond a neighbour.
        let nodes = self::nodes(&nodes);
        let curve = (nodes.len() > 2).then(|| Curve::new(&nodes))?;
        Some(curve.parity().ok()?.1)
    };
    let mut variance = 0.0;
    let around = nodes.iter().enumerate().take(interval + 3);
    for (moved, Place { x, y, .. }) in around.skip(interval.saturating_sub(1)) {
        for (across, up) in [(x.stderr?, 0.0), (0.0, y.stderr?)] {
            let change = place(moved, across, up)? - place(moved, -across, -up)?;
            variance += (change / 2.0).powi(2);
        }
    }
    Some(variance.sqrt())
}

/// A curve whose slope is linear between knots.
pub(super) struct Curve {
    /// H\[s\], H\[k\] and slope at each knot, H\[s\] ascending.
    knots: Vec<[f64; 3]>,
    /// The interval between nodes that begins at or before each knot.
    intervals: Vec<usize>,
    ends: [String; 2],
}

impl Curve {
    /// Through three nodes or more of different, ascending H\[s\].
    pub(super) fn new(nodes: &[Place]) -> Self {
        let slopes = slopes(nodes);
        let (mut knots, mut intervals) = (Vec::new(), Vec::new());
        for (i, pair) in nodes.windows(2).enumerate() {
            let [(x0, y0), (x1, y1)] = [pair[0], pair[1]].map(|n| (n.x.value, n.y.value));
            let [left, right] = [slopes[i], slopes[i + 1]];
            let width = x1 - x0;
            let mean = (y1 - y0) / width;
            knots.push([x0, y0, left]);
            intervals.push(i);
            // One more knot, so that the slopes at both ends and their mean can be met. Where the
            // mean lies between them it is placed such that the slope there does too.
            let (above, below) = (left - mean, mean - right);
            let share = if above * below <= 0.0 {
                0.5
            } else if below.abs() < above.abs() {
                below / (above + below)
            } else {
                1.0 - above / (above + below)
            };
            let slope = 2.0 * mean - share * left - (1.0 - share) * right;
            let x = x0 + share * width;
            if x0 < x && x < x1 {
                knots.push([x, y0 + (x - x0) * (left + slope) / 2.0, slope]);
                intervals.push(i);
            }
        }
        let last = nodes[nodes.len() - 1];
        knots.push([last.x.value, last.y.value, slopes[nodes.len() - 1]]);
        Self {
            knots,
            intervals,
            ends: [nodes[0].name.to_owned(), last.name.to_owned()],
        }
    }

    #[cfg(test)]
    pub(super) fn knots(&self) -> &[[f64; 3]] {
        &self.knots
    }

    /// Interval, H\[s\] and H\[s\] + H\[k\] of the place of slope −1 with the largest sum; why there is
    /// none.
    fn parity(&self) -> Result<(usize, f64, f64), String> {
        let mut best: Option<(usize, f64, f64)> = None;
        for (pair, interval) in self.knots.windows(2).zip(&self.intervals) {
            let [[x0, y0, left], [x1, _, right]] = [pair[0], pair[1]];
            // Slopes of the sum: it is largest where they pass from above 0 to below.
            let (left, right) = (left + 1.0, right + 1.0);
            if !(left >= 0.0 && right <= 0.0 && left > right) {
                continue;
            }
            let step = (x1 - x0) * left / (left - right);
            let sum = x0 + y0 + step * left / 2.0;
            if best.is_none_or(|(.., largest)| sum > largest) {
                best = Some((*interval, x0 + step, sum));
            }
        }
        let sum = |knot: &[f64; 3]| knot[0] + knot[1];
        let ends = [&self.knots[0], &self.knots[self.knots.len() - 1]];
        let end = usize::from(sum(ends[1]) > sum(ends[0]));
        match best {
            Some(best) if best.2 >= sum(ends[end]) => Ok(best),
            _ => Err(format!(
                "H[s]+H[k] is largest at an end of the sequence, {}: the slope does not pass −1",
                self.ends[end]
            )),
        }
    }
}

/// At each node the slope of the parabola through it and its neighbours, at the ends through the last
/// three: never beyond the slopes of the lines to the neighbours where these fall.
fn slopes(nodes: &[Place]) -> Vec<f64> {
    let lines: Vec<(f64, f64)> = nodes
        .windows(2)
        .map(|pair| {
            let width = pair[1].x.value - pair[0].x.value;
            (width, (pair[1].y.value - pair[0].y.value) / width)
        })
        .collect();
    let inner = lines.windows(2).map(|pair| {
        let [(before, left), (after, right)] = [pair[0], pair[1]];
        (after * left + before * right) / (before + after)
    });
    let end = |(width, slope): (f64, f64), (other_width, other): (f64, f64)| {
        slope + (slope - other) * width / (width + other_width)
    };
    let last = lines.len() - 1;
    let mut slopes = vec![end(lines[0], lines[1])];
    slopes.extend(inner);
    slopes.push(end(lines[last], lines[last - 1]));
    slopes
}
