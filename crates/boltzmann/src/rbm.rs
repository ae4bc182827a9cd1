//! The restricted Boltzmann machine: parameters, energies, conditionals, propagation.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2, s};
use resrel_kernels::{
    BitRows, Draw, Precision, Purpose, Stream, Workers, conditional, given_fields, product,
    softplus_sum,
};

use crate::config::InitialVisibleBias;
use crate::{Inputs, NextInput, TrainingConfig};

/// Observations that are propagated together: bounds the memory, and cuts the work into tasks.
const CHUNK: usize = 1_000;
/// Rows of which one thread makes a number each before it asks for more.
const TOGETHER: usize = 50;

/// A restricted Boltzmann machine with binary units.
///
/// E(v, h) = −vᵀ W h − a · v − b · h, with visible units v (V of them), hidden units h (H of them),
/// `weights` W (V × H), `visible_bias` a and `hidden_bias` b.
/// P(v, h) = e^(−E(v, h)) / Z; P(h_j = 1 | v) = σ(b_j + vᵀ W_j); P(v_i = 1 | h) = σ(a_i + W_i h).
///
/// Source: P. Smolensky 1986; G. E. Hinton, "Training products of experts by minimizing contrastive
/// divergence", Neural Computation 14 (2002).
#[derive(Debug, Clone, PartialEq)]
pub struct Rbm {
    /// W, visible × hidden.
    pub weights: Array2<f32>,
    /// a, one per visible unit.
    pub visible_bias: Array1<f32>,
    /// b, one per hidden unit.
    pub hidden_bias: Array1<f32>,
}

impl Rbm {
    /// A machine with weights N(0, `initial_weights`²) where there are connections, hidden biases 0 and
    /// visible biases as configured; `layer` (from 1) and `seed` decide the random numbers.
    #[must_use]
    pub fn initial(
        inputs: &Inputs,
        hidden: usize,
        config: &TrainingConfig,
        seed: u64,
        layer: usize,
    ) -> Self {
        let visible = inputs.features();
        let mut rng = Stream::new(seed, Purpose::Weights, layer as u64).rng(0);
        let scale = config.initial_weights;
        let mut weights =
            Array2::from_shape_simple_fn((visible, hidden), || (scale * rng.normal()) as f32);
        if config.connectivity < 1.0 {
            let connected = connections(config, seed, layer);
            for ((i, j), weight) in weights.indexed_iter_mut() {
                if !connected(i, j) {
                    *weight = 0.0;
                }
            }
        }
        let visible_bias = match config.initial_visible_bias {
            InitialVisibleBias::Zero => Array1::zeros(visible),
            InitialVisibleBias::DataMean => {
                let least = 1.0 / inputs.rows().max(2) as f64;
                inputs.means().mapv(|mean| {
                    let p = mean.clamp(least, 1.0 - least);
                    (p / (1.0 - p)).ln() as f32
                })
            }
        };
        Self {
            weights,
            visible_bias,
            hidden_bias: Array1::zeros(hidden),
        }
    }

    /// Number of visible units.
    #[must_use]
    pub fn visible(&self) -> usize {
        self.weights.nrows()
    }

    /// Number of hidden units.
    #[must_use]
    pub fn hidden(&self) -> usize {
        self.weights.ncols()
    }

    /// P(h = 1 | v) for each row of `visible` (rows × V), written to `out` (rows × H); a sample too
    /// where `draw` is given.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn hidden_given_visible(
        &self,
        workers: &Workers,
        visible: ArrayView2<f32>,
        out: ArrayViewMut2<f32>,
        draw: Option<Draw>,
    ) {
        conditional(
            workers,
            Precision::Single,
            1.0,
            visible,
            self.weights.view(),
            self.hidden_bias.view(),
            out,
            draw,
        );
    }

    /// P(v = 1 | h) for each row of `hidden` (rows × H), written to `out` (rows × V); a sample too
    /// where `draw` is given.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn visible_given_hidden(
        &self,
        workers: &Workers,
        hidden: ArrayView2<f32>,
        out: ArrayViewMut2<f32>,
        draw: Option<Draw>,
    ) {
        conditional(
            workers,
            Precision::Single,
            1.0,
            hidden,
            self.weights.t(),
            self.visible_bias.view(),
            out,
            draw,
        );
    }

    /// Energy E(v, h) of one joint state.
    ///
    /// # Panics
    /// If the lengths do not fit.
    #[must_use]
    pub fn energy(&self, visible: &[f32], hidden: &[f32]) -> f64 {
        assert!(visible.len() == self.visible() && hidden.len() == self.hidden());
        let mut energy = 0.0;
        for (i, v) in visible.iter().enumerate() {
            energy -= f64::from(*v) * f64::from(self.visible_bias[i]);
            for (j, h) in hidden.iter().enumerate() {
                energy -= f64::from(*v) * f64::from(self.weights[[i, j]]) * f64::from(*h);
            }
        }
        for (j, h) in hidden.iter().enumerate() {
            energy -= f64::from(*h) * f64::from(self.hidden_bias[j]);
        }
        energy
    }

    /// Free energy F(v) = −a · v − Σ_j ln(1 + e^(b_j + vᵀ W_j)) of each row, so that
    /// P(v) = e^(−F(v)) / Z. In nats.
    ///
    /// # Panics
    /// If the rows have not V elements.
    #[must_use]
    pub fn free_energy(&self, workers: &Workers, visible: ArrayView2<f32>) -> Array1<f64> {
        self.free_energy_of(
            workers,
            visible,
            self.hidden_fields(workers, visible).view(),
        )
    }

    /// vᵀ W of each row: the fields of hidden units without their bias.
    pub(crate) fn hidden_fields(&self, workers: &Workers, visible: ArrayView2<f32>) -> Array2<f32> {
        let mut fields = Array2::zeros((visible.nrows(), self.hidden()));
        product(
            workers,
            Precision::Single,
            0.0,
            1.0,
            visible,
            self.weights.view(),
            fields.view_mut(),
        );
        fields
    }

    /// [`Rbm::hidden_given_visible`] from the [fields](Rbm::hidden_fields) that visible units give.
    pub(crate) fn hidden_given_fields(
        &self,
        workers: &Workers,
        fields: ArrayView2<f32>,
        out: ArrayViewMut2<f32>,
        draw: Option<Draw>,
    ) {
        given_fields(workers, fields, self.hidden_bias.view(), out, draw);
    }

    /// [`Rbm::free_energy`] with the [fields](Rbm::hidden_fields) that the rows give.
    pub(crate) fn free_energy_of(
        &self,
        workers: &Workers,
        visible: ArrayView2<f32>,
        fields: ArrayView2<f32>,
    ) -> Array1<f64> {
        rows_to_numbers(workers, visible.nrows(), |row| {
            let linear = |(v, a): (&f32, &f32)| f64::from(*v) * f64::from(*a);
            let units = visible.row(row).into_iter().zip(&self.visible_bias);
            -units.map(linear).sum::<f64>() - softplus_sum(&self.with_bias(fields.row(row)))
        })
    }

    /// How much the free energy of each row grows when `change(row)` is added to one of its visible units, from the
    /// [fields](Rbm::hidden_fields) before: without another product.
    pub(crate) fn free_energy_growth(
        &self,
        workers: &Workers,
        fields: ArrayView2<f32>,
        change: impl Fn(usize) -> (usize, f32) + Send + Sync,
    ) -> Array1<f64> {
        rows_to_numbers(workers, fields.nrows(), |row| {
            let (unit, change) = change(row);
            let mut fields = self.with_bias(fields.row(row));
            let before = softplus_sum(&fields);
            for (x, w) in fields.iter_mut().zip(self.weights.row(unit)) {
                *x += f64::from(change) * f64::from(*w);
            }
            let linear = f64::from(change) * f64::from(self.visible_bias[unit]);
            before - linear - softplus_sum(&fields)
        })
    }

    fn with_bias(&self, fields: ArrayView1<f32>) -> Vec<f64> {
        let both = |(x, b): (&f32, &f32)| f64::from(*x) + f64::from(*b);
        fields.iter().zip(&self.hidden_bias).map(both).collect()
    }

    /// The most probable hidden state of each observation: bit j is 1 where P(h_j = 1 | v) > 0.5,
    /// which is where b_j + vᵀ W_j > 0.
    ///
    /// # Panics
    /// If the observations have not V features.
    #[must_use]
    pub fn binarise(&self, workers: &Workers, inputs: &Inputs) -> BitRows {
        let single = Workers::single();
        self.pack(workers, inputs, |_, batch, mut field| {
            product(
                &single,
                Precision::Single,
                0.0,
                1.0,
                batch,
                self.weights.view(),
                field.view_mut(),
            );
            field += &self
                .hidden_bias
                .broadcast(field.dim())
                .expect("one bias per column");
            BitRows::from_threshold(field.view(), 0.0)
        })
    }

    /// One binary sample of each observation's hidden state.
    ///
    /// # Panics
    /// If the observations have not V features.
    #[must_use]
    pub fn sample_hidden(&self, workers: &Workers, inputs: &Inputs, stream: Stream) -> BitRows {
        let single = Workers::single();
        self.pack(workers, inputs, |first_row, batch, mut field| {
            let mut samples = Array2::zeros(field.dim());
            let draw = Draw {
                stream,
                number: 0,
                first_row: first_row as u32,
                samples: samples.view_mut(),
            };
            self.hidden_given_visible(&single, batch, field.view_mut(), Some(draw));
            BitRows::from_threshold(samples.view(), 0.5)
        })
    }

    /// What this machine hands to the next layer for each observation.
    ///
    /// # Panics
    /// If the observations have not V features.
    #[must_use]
    pub fn propagate(
        &self,
        workers: &Workers,
        inputs: &Inputs,
        kind: NextInput,
        stream: Stream,
    ) -> Inputs<'static> {
        match kind {
            NextInput::Binarised => Inputs::Bits(self.binarise(workers, inputs)),
            NextInput::Sampled => Inputs::Bits(self.sample_hidden(workers, inputs, stream)),
            NextInput::Mean => Inputs::Real(self.hidden_means(workers, inputs)),
        }
    }

    /// Largest magnitude of a parameter; NaN if one is NaN.
    #[must_use]
    pub fn largest_parameter(&self) -> f32 {
        largest(
            self.weights
                .iter()
                .chain(&self.visible_bias)
                .chain(&self.hidden_bias),
        )
    }

    fn hidden_means(&self, workers: &Workers, inputs: &Inputs) -> Array2<f32> {
        let single = Workers::single();
        let mut means = Array2::zeros((inputs.rows(), self.hidden()));
        let width = self.hidden();
        let values = means.as_slice_mut().expect("a new array is contiguous");
        workers.for_each_chunk(values, CHUNK * width, |chunk, values| {
            let rows = values.len() / width;
            let out = ArrayViewMut2::from_shape((rows, width), values).expect("whole rows");
            let batch = chunk_of(inputs, chunk * CHUNK, rows);
            self.hidden_given_visible(&single, batch.view(), out, None);
        });
        means
    }

    /// Packs what `state(first row, batch, scratch)` makes of each chunk of observations.
    fn pack(
        &self,
        workers: &Workers,
        inputs: &Inputs,
        state: impl Fn(usize, ArrayView2<f32>, Array2<f32>) -> BitRows + Sync,
    ) -> BitRows {
        let mut packed = BitRows::zeros(inputs.rows(), self.hidden());
        let width = packed.words_per_row();
        workers.for_each_chunk(packed.words_mut(), CHUNK * width, |chunk, words| {
            let (first, rows) = (chunk * CHUNK, words.len() / width);
            let batch = chunk_of(inputs, first, rows);
            let scratch = Array2::zeros((rows, self.hidden()));
            words.copy_from_slice(state(first, batch.view(), scratch).words());
        });
        packed
    }
}

/// `number` of each row.
pub(crate) fn rows_to_numbers(
    workers: &Workers,
    rows: usize,
    number: impl Fn(usize) -> f64 + Send + Sync,
) -> Array1<f64> {
    let mut numbers = Array1::zeros(rows);
    let all = numbers.as_slice_mut().expect("one vector");
    workers.for_each_chunk(all, TOGETHER, |chunk, numbers| {
        for (row, out) in (chunk * TOGETHER..).zip(numbers) {
            *out = number(row);
        }
    });
    numbers
}

/// Largest magnitude among these; NaN if one is NaN.
pub(crate) fn largest<'a>(mut parameters: impl Iterator<Item = &'a f32>) -> f32 {
    parameters
        .try_fold(0.0, |largest: f32, x| {
            (!x.is_nan()).then(|| largest.max(x.abs()))
        })
        .unwrap_or(f32::NAN)
}

/// `rows` observations from `first` on, as numbers.
pub(crate) fn chunk_of(inputs: &Inputs, first: usize, rows: usize) -> Array2<f32> {
    match inputs {
        Inputs::Borrowed(values) => values.slice(s![first..first + rows, ..]).to_owned(),
        Inputs::Real(values) => values.slice(s![first..first + rows, ..]).to_owned(),
        Inputs::Bits(_) => {
            let mut batch = Array2::zeros((rows, inputs.features()));
            inputs.gather(first..first + rows, batch.view_mut());
            batch
        }
    }
}

/// Which of a machine's weights are there, told by visible and hidden unit.
pub(crate) fn connections(
    config: &TrainingConfig,
    seed: u64,
    layer: usize,
) -> impl Fn(usize, usize) -> bool + use<> {
    let stream = Stream::new(seed, Purpose::Connections, layer as u64);
    let connectivity = config.connectivity;
    move |visible, hidden| {
        let number = stream.bits(0, visible as u32, hidden as u32);
        f64::from(number) * 2.0_f64.powi(-32) < connectivity
    }
}
