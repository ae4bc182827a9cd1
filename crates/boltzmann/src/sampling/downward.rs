//! From the chains' states down to images.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use resrel_kernels::{BitRows, Draw, Stream, Workers};

use crate::sampling::{Chains, Downward};
use crate::{Dbn, Rbm};

/// Chains that go down together: bounds the memory, and cuts the work into tasks.
const CHUNK: usize = 1_000;

impl Chains {
    /// The images of the given `chains`: P(v = 1 | h_1) of each, chains × V. The same whether asked for at
    /// once or in parts.
    ///
    /// With [`Downward::Sampled`] the states of H_(l−1) (for layer 1: of H1) go down, every layer sampled,
    /// the visible units as means; with [`Downward::MeanField`] the states of H_l, every layer as means.
    /// Held units show the values at which they are held.
    ///
    /// # Panics
    /// If `dbn` is not the network that the chains were made for, or there are no such chains.
    #[must_use]
    pub fn images(&self, dbn: &Dbn, workers: &Workers, chains: Range<usize>) -> Array2<f32> {
        let layer = self.config.layer;
        let sampled = self.config.downward == Downward::Sampled;
        let (states, machines) = if sampled && layer > 1 {
            (&self.below, &dbn.machines[..layer - 1])
        } else {
            (&self.layer, &dbn.machines[..layer])
        };
        // Draws of the chains' own steps are below this number.
        let stream = self.stream().substream(1);
        let visible = dbn.machines[0].visible();
        let mut images = Array2::zeros((chains.len(), visible));
        let values = images.as_slice_mut().expect("a new array is contiguous");
        workers.for_each_chunk(values, CHUNK * visible, |chunk, values| {
            let first = chains.start + chunk * CHUNK;
            let out = ArrayViewMut2::from_shape((values.len() / visible, visible), values);
            let mut out = out.expect("whole rows");
            let draws = sampled.then_some((stream, self.step, first));
            let rows = out.nrows();
            out.assign(&downward(machines, states, first, rows, draws));
            if let Some(clamped) = &self.clamped {
                for (row, mut image) in (first..).zip(out.outer_iter_mut()) {
                    for (unit, pixel) in image.iter_mut().enumerate() {
                        if clamped.units.get(0, unit) {
                            *pixel = f32::from(u8::from(clamped.values.get(row, unit)));
                        }
                    }
                }
            }
        });
        images
    }
}

/// The means of the visible units from `rows` states of the topmost of `machines`, sampled on the way
/// where `draws` has a stream, a number and the first row of it.
fn downward(
    machines: &[Rbm],
    states: &BitRows,
    first: usize,
    rows: usize,
    draws: Option<(Stream, u64, usize)>,
) -> Array2<f32> {
    let mut above = Array2::zeros((rows, states.bits()));
    for (row, out) in (first..).zip(above.outer_iter_mut()) {
        states.expand(row, out);
    }
    for (index, machine) in machines.iter().enumerate().rev() {
        let mut means = Array2::zeros((rows, machine.visible()));
        let mut samples = Array2::zeros((rows, machine.visible()));
        let draw = draws
            .filter(|_| index > 0)
            .map(|(stream, number, first)| Draw {
                stream: stream.substream(index as u64),
                number,
                first_row: first as u32,
                samples: samples.view_mut(),
            });
        let is_sampled = draw.is_some();
        let view: ArrayView2<f32> = above.view();
        machine.visible_given_hidden(&Workers::single(), view, means.view_mut(), draw);
        above = if is_sampled { samples } else { means };
    }
    above
}
