//! The fields of a tile of chains, from rows of flipped inputs or from tables of partial sums.

use pulp::Simd;

use crate::gibbs::half::{BLOCK, Half, STATES, TABLE_INPUTS};

/// Which inputs flipped since the fields were last brought up to date.
pub(super) struct Flips {
    /// The inputs that the fields hold, packed.
    seen: Vec<u64>,
    /// For each chain the inputs that went on, then those that went off; room for all of them.
    inputs: Vec<u32>,
    /// Where in `inputs` each chain's first part and second part end.
    ends: Vec<(usize, usize)>,
}

impl Flips {
    /// For fields that are the biases alone: no input seen yet.
    pub fn new(half: &Half, chains: usize) -> Self {
        Self {
            seen: vec![0; chains * half.inputs().div_ceil(64)],
            inputs: vec![0; chains * half.inputs() + AT_ONCE],
            ends: Vec::with_capacity(chains),
        }
    }

    /// Brings the `fields` of all chains up to date with the inputs last [found](Self::find), given the `rows`
    /// of weights.
    #[inline(always)]
    pub fn follow<S: Simd>(&mut self, simd: S, half: &Half, rows: &[u32], fields: &mut [u32]) {
        let stride = half.stride();
        for first in (0..stride).step_by(BLOCK) {
            let width = BLOCK.min(stride - first);
            let block = &rows[half.inputs() * first..half.inputs() * (first + width)];
            let mut start = 0;
            for (fields, (on, off)) in fields.chunks_mut(stride).zip(&self.ends) {
                let fields = &mut fields[first..first + width];
                let (added, removed) = (&self.inputs[start..*on], &self.inputs[*on..*off]);
                add_rows(simd, fields, block, added, removed);
                start = *off;
            }
        }
    }

    /// Finds which `inputs` flipped.
    #[inline(always)]
    pub fn find(&mut self, half: &Half, inputs: &[u64]) {
        let wide = half.inputs().div_ceil(64);
        self.ends.clear();
        let mut end = 0;
        let chains = inputs.chunks(wide).zip(self.seen.chunks_mut(wide));
        for (now, seen) in chains {
            end = put_ones(&mut self.inputs, end, now, seen, |now, seen| now & !seen);
            let on = end;
            end = put_ones(&mut self.inputs, end, now, seen, |now, seen| seen & !now);
            self.ends.push((on, end));
            seen.copy_from_slice(now);
        }
    }
}

/// Places that are written at once, before it is asked how many there are: the number of flips is hard to
/// predict.
const AT_ONCE: usize = 8;

/// Writes the places of ones to `places` from `end` on, and returns the new end.
#[inline(always)]
fn put_ones(
    places: &mut [u32],
    mut end: usize,
    now: &[u64],
    seen: &[u64],
    which: impl Fn(u64, u64) -> u64,
) -> usize {
    for (first, (now, seen)) in (0..).step_by(64).zip(now.iter().zip(seen)) {
        let mut word = which(*now, *seen);
        let count = word.count_ones() as usize;
        for places in places[end..]
            .as_chunks_mut::<AT_ONCE>()
            .0
            .iter_mut()
            .take(count.div_ceil(AT_ONCE))
        {
            for place in places {
                // Beyond the last one the number means nothing and is written over.
                *place = first + word.trailing_zeros();
                word &= word.wrapping_sub(1);
            }
        }
        end += count;
    }
    end
}

/// `fields` + Σ rows `added` − Σ rows `removed`, rows as wide as `fields`.
#[inline(always)]
fn add_rows<S: Simd>(simd: S, fields: &mut [u32], rows: &[u32], added: &[u32], removed: &[u32]) {
    match fields.len() / S::U32_LANES {
        1 => add_vectors::<S, 1>(simd, fields, rows, added, removed),
        2 => add_vectors::<S, 2>(simd, fields, rows, added, removed),
        3 => add_vectors::<S, 3>(simd, fields, rows, added, removed),
        4 => add_vectors::<S, 4>(simd, fields, rows, added, removed),
        6 => add_vectors::<S, 6>(simd, fields, rows, added, removed),
        8 => add_vectors::<S, 8>(simd, fields, rows, added, removed),
        12 => add_vectors::<S, 12>(simd, fields, rows, added, removed),
        16 => add_vectors::<S, 16>(simd, fields, rows, added, removed),
        _ => add_plainly(fields, rows, added, removed),
    }
}

/// The same with the fields in `N` registers.
#[inline(always)]
fn add_vectors<S: Simd, const N: usize>(
    simd: S,
    fields: &mut [u32],
    rows: &[u32],
    added: &[u32],
    removed: &[u32],
) {
    let (fields, _) = S::as_mut_simd_u32s(fields);
    let (rows, _) = S::as_simd_u32s(rows);
    let (rows, _) = rows.as_chunks::<N>();
    let Some(fields) = fields.first_chunk_mut::<N>() else {
        return;
    };
    let mut sums = *fields;
    for row in added {
        let row = &rows[*row as usize];
        for (sum, weight) in sums.iter_mut().zip(row) {
            *sum = simd.add_u32s(*sum, *weight);
        }
    }
    for row in removed {
        let row = &rows[*row as usize];
        for (sum, weight) in sums.iter_mut().zip(row) {
            *sum = simd.sub_u32s(*sum, *weight);
        }
    }
    *fields = sums;
}

/// The plain twin of the vector version, and what machines without vectors run.
#[inline(always)]
fn add_plainly(fields: &mut [u32], rows: &[u32], added: &[u32], removed: &[u32]) {
    let width = fields.len();
    for row in added {
        for (field, weight) in fields.iter_mut().zip(&rows[*row as usize * width..]) {
            *field = field.wrapping_add(*weight);
        }
    }
    for row in removed {
        for (field, weight) in fields.iter_mut().zip(&rows[*row as usize * width..]) {
            *field = field.wrapping_sub(*weight);
        }
    }
}

/// The fields of all chains from tables of partial sums.
#[inline(always)]
pub(super) fn look_up<S: Simd>(
    simd: S,
    half: &Half,
    tables: &[u32],
    inputs: &[u64],
    fields: &mut [u32],
) {
    match half.stride() / S::U32_LANES {
        1 => look_up_vectors::<S, 1>(simd, half, tables, inputs, fields),
        2 => look_up_vectors::<S, 2>(simd, half, tables, inputs, fields),
        3 => look_up_vectors::<S, 3>(simd, half, tables, inputs, fields),
        4 => look_up_vectors::<S, 4>(simd, half, tables, inputs, fields),
        6 => look_up_vectors::<S, 6>(simd, half, tables, inputs, fields),
        8 => look_up_vectors::<S, 8>(simd, half, tables, inputs, fields),
        _ => look_up_plainly(half, tables, inputs, fields),
    }
}

/// The same with the fields in `N` registers. Every layer with tables has one word of inputs.
#[inline(always)]
fn look_up_vectors<S: Simd, const N: usize>(
    simd: S,
    half: &Half,
    tables: &[u32],
    inputs: &[u64],
    fields: &mut [u32],
) {
    let (bias, _) = S::as_simd_u32s(half.bias());
    let (fields, _) = S::as_mut_simd_u32s(fields);
    let (rows, _) = S::as_simd_u32s(tables);
    let (rows, _) = rows.as_chunks::<N>();
    let Some(bias) = bias.first_chunk::<N>() else {
        return;
    };
    for (fields, word) in fields.as_chunks_mut::<N>().0.iter_mut().zip(inputs) {
        let mut sums = *bias;
        let mut rest = *word;
        for table in rows.as_chunks::<STATES>().0 {
            let row = &table[rest as usize % STATES];
            rest >>= TABLE_INPUTS;
            for (sum, partial) in sums.iter_mut().zip(row) {
                *sum = simd.add_u32s(*sum, *partial);
            }
        }
        *fields = sums;
    }
}

/// The plain twin of the vector version, and what layers too wide for the registers run.
#[inline(always)]
fn look_up_plainly(half: &Half, tables: &[u32], inputs: &[u64], fields: &mut [u32]) {
    let stride = half.stride();
    for (fields, word) in fields.chunks_mut(stride).zip(inputs) {
        fields.copy_from_slice(half.bias());
        let mut rest = *word;
        for table in tables.chunks(STATES * stride) {
            let row = &table[rest as usize % STATES * stride..][..stride];
            rest >>= TABLE_INPUTS;
            for (field, partial) in fields.iter_mut().zip(row) {
                *field = field.wrapping_add(*partial);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};
    use proptest::prelude::*;
    use pulp::{Arch, Scalar, WithSimd};

    use super::*;
    use crate::amx::Tiles;
    use crate::gibbs::TILE;
    use crate::gibbs::half::{Sums, Way, fixed_point};
    use crate::gibbs::tiles;
    use crate::{BitRows, Purpose, Stream};

    /// The fields of one tile after two sets of inputs, one after the other.
    struct Two<'a>(&'a Half, &'a [BitRows; 2]);

    impl WithSimd for Two<'_> {
        type Output = [Vec<u32>; 2];

        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            let Self(half, inputs) = self;
            let chains = inputs[0].rows();
            let mut flips = Flips::new(half, chains);
            let mut fields: Vec<u32> = half.bias().repeat(TILE);
            inputs.each_ref().map(|inputs| {
                match half.sums() {
                    Sums::Tables(tables) => {
                        look_up(simd, half, tables.slice(), inputs.words(), &mut fields);
                    }
                    Sums::Rows(rows) => {
                        flips.find(half, inputs.words());
                        flips.follow(simd, half, rows.slice(), &mut fields);
                    }
                    Sums::Tiles(digits) => {
                        let mut states = vec![0; digits.room()];
                        tiles::expand(digits, inputs.words(), &mut states);
                        tiles::multiply(
                            &Tiles::set_up(),
                            digits,
                            half.bias(),
                            &states,
                            &mut fields,
                        );
                    }
                }
                fields[..chains * half.stride()].to_vec()
            })
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn all_ways_agree_with_plain_sums(
            inputs in prop_oneof![1..65_usize, 65..900_usize], units in 1..300_usize,
            chains in 1..9_usize, large: bool, seed: u64,
        ) {
            let mut rng = Stream::new(seed, Purpose::Weights, 0).rng(0);
            let scale = if large { 8.0 } else { 1.0 };
            let weights = Array2::from_shape_simple_fn((inputs, units), || (scale * rng.normal()) as f32);
            let bias = Array1::from_shape_simple_fn(units, || (5.0 * rng.normal()) as f32);
            let bits = [(); 2].map(|()| {
                let values = Array2::from_shape_simple_fn((chains, inputs), || rng.below(2) as f32);
                BitRows::from_threshold(values.view(), 0.5)
            });
            let (_, two_digits) = fixed_point(weights.view(), bias.view());
            prop_assert!(!two_digits || !large || inputs * units < 100);
            let rows = Half::by(weights.view(), bias.view(), Way::Rows);
            let by_rows = Arch::new().dispatch(Two(&rows, &bits));
            prop_assert_eq!(&by_rows, &Two(&rows, &bits).with_simd(Scalar));
            let others = [(Way::Tables, inputs <= 64), (Way::Tiles, two_digits)];
            for (way, _) in others.into_iter().filter(|(_, can)| *can) {
                let half = Half::by(weights.view(), bias.view(), way);
                prop_assert_eq!(&by_rows, &Arch::new().dispatch(Two(&half, &bits)));
                prop_assert_eq!(&by_rows, &Two(&half, &bits).with_simd(Scalar));
            }
            for (bits, fields) in bits.iter().zip(&by_rows) {
                for chain in 0..chains {
                    for unit in 0..units {
                        let on = (0..inputs).filter(|input| bits.get(chain, *input));
                        let exact: f64 = on.map(|input| f64::from(weights[[input, unit]])).sum();
                        let exact = exact + f64::from(bias[unit]);
                        let field = fields[chain * rows.stride() + unit].cast_signed();
                        let error = (f64::from(field) * rows.unit() - exact).abs();
                        prop_assert!(error <= (inputs + 1) as f64 * rows.unit() / 2.0 + 1e-9);
                    }
                }
            }
        }
    }
}
