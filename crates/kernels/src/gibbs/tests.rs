use ndarray::{Array1, Array2};
use proptest::prelude::*;

use super::*;
use crate::{Draw, Precision, Purpose, conditional};

struct Machine {
    weights: Array2<f32>,
    visible_bias: Array1<f32>,
    hidden_bias: Array1<f32>,
}

impl Machine {
    fn random(visible: usize, hidden: usize, scale: f64, seed: u64) -> Self {
        let mut rng = Stream::new(seed, Purpose::Weights, 0).rng(0);
        let mut normal = || (scale * rng.normal()) as f32;
        Self {
            weights: Array2::from_shape_simple_fn((visible, hidden), &mut normal),
            visible_bias: Array1::from_shape_simple_fn(visible, &mut normal),
            hidden_bias: Array1::from_shape_simple_fn(hidden, &mut normal),
        }
    }

    fn gibbs(&self) -> Gibbs {
        Gibbs::new(
            self.weights.view(),
            self.visible_bias.view(),
            self.hidden_bias.view(),
        )
    }
}

fn random_bits(rows: usize, bits: usize, seed: u64) -> BitRows {
    let mut rng = Stream::new(seed, Purpose::Chains, 1).rng(0);
    let values = Array2::from_shape_simple_fn((rows, bits), || rng.below(2) as f32);
    BitRows::from_threshold(values.view(), 0.5)
}

/// Bytes of a tile's step, block after block, by the published algorithm, lane by lane.
struct PlainBytes(Vec<[u32; 4]>);

impl PlainBytes {
    fn new(stream: Stream, step: u64, tile: usize) -> Self {
        let word = |lane: u32, of: u32| stream.bits(4 * step, tile as u32, 16 * of + lane);
        Self(
            (0..16)
                .map(|lane| [0, 1, 2, 3].map(|of| word(lane, of)))
                .collect(),
        )
    }

    fn block(&mut self) -> Vec<u8> {
        let next = |s: &mut [u32; 4]| {
            let result = s[0].wrapping_add(s[3]).rotate_left(7).wrapping_add(s[0]);
            let t = s[1] << 9;
            s[2] ^= s[0];
            s[3] ^= s[1];
            s[1] ^= s[2];
            s[0] ^= s[3];
            s[2] ^= t;
            s[3] = s[3].rotate_left(11);
            result.to_le_bytes()
        };
        self.0.iter_mut().flat_map(next).collect()
    }
}

/// The definition, unit by unit: fixed-point parameters, one 48-bit number a unit, the exact σ.
fn plain_half(
    weights: ArrayView2<f32>,
    bias: ArrayView1<f32>,
    stream: Stream,
    draw: u64,
    bytes: &mut [PlainBytes],
    inputs: &BitRows,
) -> BitRows {
    let half = Half::new(weights, bias);
    let whole = |x: f32| (f64::from(x) / half.unit()).round_ties_even();
    let units = bias.len();
    let mut out = BitRows::zeros(inputs.rows(), units);
    for (tile, bytes) in bytes.iter_mut().enumerate() {
        let chains = tile * TILE..((tile + 1) * TILE).min(inputs.rows());
        let blocks = (chains.len() * half.stride()).div_ceil(64);
        let blocks: Vec<[Vec<u8>; 2]> = (0..blocks)
            .map(|_| [bytes.block(), bytes.block()])
            .collect();
        for chain in chains {
            for unit in 0..units {
                let on = (0..inputs.bits()).filter(|input| inputs.get(chain, *input));
                let field =
                    on.map(|input| whole(weights[[input, unit]])).sum::<f64>() + whole(bias[unit]);
                let position = chain % TILE * half.stride() + unit;
                let within = position % 64;
                let block = &blocks[position / 64][within / 32];
                let bytes = [block[within % 32 * 2], block[within % 32 * 2 + 1]];
                let number = f64::from(u16::from_le_bytes(bytes));
                let extra = stream.bits(draw + 2, tile as u32, position as u32);
                let u = (number + f64::from(extra) * 2.0_f64.powi(-32)) / 65_536.0;
                if u < 1.0 / (1.0 + libm::exp(-field * half.unit())) {
                    out.row_mut(chain)[unit / 64] |= 1 << (unit % 64);
                }
            }
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_run_is_its_definition(
        visible in 1..150_usize, hidden in 1..150_usize, chains in 1..140_usize, held: bool, seed: u64,
    ) {
        let machine = Machine::random(visible, hidden, 0.7, seed);
        let stream = Stream::new(seed, Purpose::Sampling, 0);
        let mut h = random_bits(chains, hidden, seed);
        let mut v = BitRows::zeros(chains, visible);
        let units = random_bits(1, visible, seed + 1);
        let mut values = random_bits(chains, visible, seed + 2);
        for chain in 0..chains {
            for (word, units) in values.row_mut(chain).iter_mut().zip(units.row(0)) {
                *word &= units;
            }
        }
        let clamped = held.then_some(Clamped { units, values });
        let (mut fast_v, mut fast_h) = (v.clone(), h.clone());
        let workers = Workers::single();
        machine.gibbs().run(&workers, stream, 5..8, 0..chains, clamped.as_ref(), u64::MAX, &mut fast_v, &mut fast_h);
        for step in 5..8 {
            let tiles = 0..chains.div_ceil(TILE);
            let mut bytes: Vec<PlainBytes> = tiles.map(|tile| PlainBytes::new(stream, step, tile)).collect();
            let (weights, bias) = (machine.weights.t(), machine.visible_bias.view());
            v = plain_half(weights, bias, stream, 4 * step, &mut bytes, &h);
            for chain in 0..chains {
                for unit in 0..visible {
                    let held = clamped.as_ref().filter(|clamped| clamped.units.get(0, unit));
                    if let Some(clamped) = held {
                        let bit = 1 << (unit % 64);
                        let word = &mut v.row_mut(chain)[unit / 64];
                        *word = *word & !bit | u64::from(clamped.values.get(chain, unit)) << (unit % 64);
                    }
                }
            }
            let (weights, bias) = (machine.weights.view(), machine.hidden_bias.view());
            h = plain_half(weights, bias, stream, 4 * step + 1, &mut bytes, &v);
        }
        prop_assert_eq!(fast_v, v);
        prop_assert_eq!(fast_h, h);
    }
}

#[test]
fn threads_and_parts_of_a_run_change_nothing() {
    let machine = Machine::random(784, 100, 0.3, 3);
    let gibbs = machine.gibbs();
    let stream = Stream::new(9, Purpose::Sampling, 0);
    let start = random_bits(200, 100, 4);
    let whole = |threads: usize| {
        let workers = Workers::new(threads).expect("threads");
        let (mut v, mut h) = (BitRows::zeros(200, 784), start.clone());
        gibbs.run(
            &workers,
            stream,
            0..7,
            0..200,
            None,
            u64::MAX,
            &mut v,
            &mut h,
        );
        (v, h)
    };
    let expected = whole(1);
    assert_eq!(whole(2), expected);
    assert_eq!(whole(3), expected);
    let workers = Workers::single();
    let (mut v, mut h) = (BitRows::zeros(200, 784), start.clone());
    for steps in [0..3, 3..4, 4..7] {
        gibbs.run(
            &workers,
            stream,
            steps,
            0..200,
            None,
            u64::MAX,
            &mut v,
            &mut h,
        );
    }
    assert_eq!((v, h), expected);
    // The first and the last chains apart.
    let (mut v, mut h) = (BitRows::zeros(200, 784), start.clone());
    for chains in [128..200, 0..128] {
        gibbs.run(
            &workers,
            stream,
            0..7,
            chains,
            None,
            u64::MAX,
            &mut v,
            &mut h,
        );
    }
    assert_eq!((v, h), expected);
}

/// Means of the units over many chains, against those of the single-precision path.
#[test]
fn the_single_precision_path_has_the_same_means() {
    let (visible, hidden, chains, steps) = (90, 70, 20_000, 6);
    let machine = Machine::random(visible, hidden, 0.4, 5);
    let workers = Workers::new(2).expect("threads");
    let start = random_bits(chains, hidden, 6);
    let (mut v, mut h) = (BitRows::zeros(chains, visible), start.clone());
    let stream = Stream::new(11, Purpose::Sampling, 0);
    machine.gibbs().run(
        &workers,
        stream,
        0..steps,
        0..chains,
        None,
        u64::MAX,
        &mut v,
        &mut h,
    );
    let mut real = Array2::zeros((chains, hidden));
    for chain in 0..chains {
        start.expand(chain, real.row_mut(chain));
    }
    let stream = Stream::new(12, Purpose::Sampling, 0);
    let mut seen = Array2::zeros((chains, visible));
    for step in 0..steps {
        for (number, down) in [(2 * step, true), (2 * step + 1, false)] {
            let (input, weights, bias) = if down {
                (&real, machine.weights.t(), &machine.visible_bias)
            } else {
                (&seen, machine.weights.view(), &machine.hidden_bias)
            };
            let (mut means, mut samples) = (
                Array2::zeros((chains, bias.len())),
                Array2::zeros((chains, bias.len())),
            );
            let draw = Draw {
                stream,
                number,
                first_row: 0,
                samples: samples.view_mut(),
            };
            conditional(
                &workers,
                Precision::Single,
                1.0,
                input.view(),
                weights,
                bias.view(),
                means.view_mut(),
                Some(draw),
            );
            if down { seen = samples } else { real = samples }
        }
    }
    // Σ of squared differences in standard errors is χ² with as many degrees of freedom as units.
    for (bits, real) in [(&v, &seen), (&h, &real)] {
        let mut square = 0.0;
        for unit in 0..bits.bits() {
            let fast =
                (0..chains).filter(|chain| bits.get(*chain, unit)).count() as f64 / chains as f64;
            let plain = f64::from(real.column(unit).sum()) / chains as f64;
            let p = f64::midpoint(fast, plain);
            square += (fast - plain).powi(2) / (2.0 * p * (1.0 - p) / chains as f64).max(1e-12);
        }
        let units = bits.bits() as f64;
        assert!(
            (square - units) / (2.0 * units).sqrt() < 4.0,
            "χ² = {square} for {units} units"
        );
    }
}

#[test]
fn energies_are_those_of_the_definition() {
    for (visible, hidden, chains) in [(70, 130, 67), (40, 9, 3)] {
        let machine = Machine::random(visible, hidden, 0.5, 8);
        let mut h = random_bits(chains, hidden, 2);
        let mut v = BitRows::zeros(chains, visible);
        let stream = Stream::new(1, Purpose::Sampling, 0);
        let workers = Workers::single();
        let energies =
            machine
                .gibbs()
                .run(&workers, stream, 3..8, 0..chains, None, 4, &mut v, &mut h);
        assert!(
            energies.iter().all(|tile| tile.len() == 2),
            "after steps 4 and 8"
        );
        let gibbs = machine.gibbs();
        let (down, up) = (gibbs.down.unit(), gibbs.up.unit());
        let fixed = |x: f32, unit: f64| (f64::from(x) / unit).round_ties_even() * unit;
        for (tile, energies) in energies.iter().enumerate() {
            let rows = tile * TILE..chains.min((tile + 1) * TILE);
            let exact = mean_energy(
                &machine,
                rows.clone(),
                &v,
                &h,
                |x| fixed(x, down),
                |x| fixed(x, up),
            );
            assert!((energies[1] - exact).abs() < 1e-9, "{energies:?} {exact}");
            // Rounding to 16 bits may change it by .02, standard deviation, were all units on.
            let exact = mean_energy(&machine, rows, &v, &h, f64::from, f64::from);
            assert!((energies[1] - exact).abs() < 1e-2, "{energies:?} {exact}");
        }
    }
}

/// Of the chains in `rows`, with visible biases and with other parameters as said.
fn mean_energy(
    machine: &Machine,
    rows: Range<usize>,
    v: &BitRows,
    h: &BitRows,
    down: impl Fn(f32) -> f64,
    up: impl Fn(f32) -> f64,
) -> f64 {
    let mut sum = 0.0;
    for chain in rows.clone() {
        let hidden = || (0..h.bits()).filter(|j| h.get(chain, *j));
        for i in (0..v.bits()).filter(|i| v.get(chain, *i)) {
            let coupled: f64 = hidden().map(|j| up(machine.weights[[i, j]])).sum();
            sum -= down(machine.visible_bias[i]) + coupled;
        }
        sum -= hidden().map(|j| up(machine.hidden_bias[j])).sum::<f64>();
    }
    sum / rows.len() as f64
}
