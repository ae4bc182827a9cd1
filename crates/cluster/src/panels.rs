//! Centroids packed for comparison, alike ones together.

use resrel_kernels::PANEL;

/// Marks a place that holds no centroid.
pub(crate) const NONE: u32 = u32::MAX;

/// Centroids in panels of [`PANEL`].
pub(crate) struct Panels {
    width: usize,
    /// Panels × width, scaled by −2.
    values: Vec<[f32; PANEL]>,
    /// Lower bounds of squared norms; infinite where there is no centroid.
    base: Vec<[f32; PANEL]>,
    /// The centroid at each place.
    pub(crate) members: Vec<u32>,
    /// The place of each centroid.
    pub(crate) places: Vec<u32>,
}

impl Panels {
    /// Panels for centroids of `width` coordinates in this order; their values come with
    /// [`Panels::set`]. `places` has room for centroids numbered below `count`.
    pub(crate) fn new(order: &[u32], count: usize, width: usize) -> Self {
        let panels = order.len().div_ceil(PANEL);
        let mut members = order.to_vec();
        members.resize(panels * PANEL, NONE);
        let mut places = vec![NONE; count];
        for (place, member) in order.iter().enumerate() {
            places[*member as usize] = place as u32;
        }
        Self {
            width,
            values: vec![[0.0; PANEL]; panels * width],
            base: vec![[f32::INFINITY; PANEL]; panels],
            members,
            places,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.base.len()
    }

    /// The panel to compare with: −2 c, lower bounds of ‖c‖².
    pub(crate) fn panel(&self, panel: usize) -> (&[[f32; PANEL]], &[f32; PANEL]) {
        let start = panel * self.width;
        (&self.values[start..start + self.width], &self.base[panel])
    }

    /// Gives a centroid its coordinates and the lower bound of its squared norm.
    pub(crate) fn set(&mut self, centroid: u32, values: &[f32], norm: f32) {
        let place = self.places[centroid as usize] as usize;
        let (panel, lane) = (place / PANEL, place % PANEL);
        let start = panel * self.width;
        for (out, x) in self.values[start..].iter_mut().zip(values) {
            out[lane] = -2.0 * x;
        }
        self.base[panel][lane] = norm;
    }
}

/// An order of the centroids in which those of one panel, and panels side by side, lie close
/// together: halved again and again along the coordinate that varies most.
///
/// `values` holds `width` coordinates of each centroid.
pub(crate) fn alike(values: &[f32], width: usize) -> Vec<u32> {
    let count = values.len() / width.max(1);
    let mut order: Vec<u32> = (0..count as u32).collect();
    halve(&mut order, values, width);
    order
}

fn halve(order: &mut [u32], values: &[f32], width: usize) {
    let panels = order.len().div_ceil(PANEL);
    if panels <= 1 {
        order.sort_unstable();
        return;
    }
    let row = |c: u32| &values[c as usize * width..(c as usize + 1) * width];
    let (mut sums, mut squares) = (vec![0.0_f64; width], vec![0.0_f64; width]);
    for c in &*order {
        for ((x, sum), square) in row(*c).iter().zip(&mut sums).zip(&mut squares) {
            *sum += f64::from(*x);
            *square += f64::from(*x) * f64::from(*x);
        }
    }
    let count = order.len() as f64;
    let spread = |j: &usize| squares[*j] - sums[*j] * sums[*j] / count;
    let widest = (0..width)
        .max_by(|a, b| spread(a).total_cmp(&spread(b)))
        .unwrap_or(0);
    let middle = panels / 2 * PANEL;
    let key = |c: &u32| row(*c)[widest];
    order.select_nth_unstable_by(middle, |a, b| key(a).total_cmp(&key(b)).then(a.cmp(b)));
    let (left, right) = order.split_at_mut(middle);
    halve(left, values, width);
    halve(right, values, width);
}
