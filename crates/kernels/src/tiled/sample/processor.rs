//! Samples by AVX-512, without a division: mostly 1/p shows on which side of p the random number lies.

use std::arch::x86_64::{
    __m512, __m512i, _CMP_GE_OQ, _CMP_LE_OQ, _mm512_add_epi64, _mm512_add_ps, _mm512_and_si512,
    _mm512_cmp_ps_mask, _mm512_cvtepi32_ps, _mm512_fmadd_ps, _mm512_mask_shuffle_epi32,
    _mm512_maskz_loadu_ps, _mm512_mul_epu32, _mm512_mul_ps, _mm512_reduce_ps, _mm512_scalef_ps,
    _mm512_set_epi64, _mm512_set1_epi32, _mm512_set1_epi64, _mm512_set1_ps, _mm512_shuffle_epi32,
    _mm512_srli_epi32, _mm512_ternarylogic_epi32,
};

use super::Place;
use crate::philox::{GROUP, LANES, MULTIPLIERS, PAIRED, ROUNDS, Stream, WEYL};
use crate::sampling::sigmoid;

/// [`super::sample_plainly`], of rows that follow one another.
#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn sample_rows(
    stream: Stream,
    (draw, row, first): Place,
    rows: &[&mut [f32]],
    bias: &[f32],
    bits: &mut [u64],
    meanwhile: &dyn Fn(usize),
) {
    let end = first + bias.len();
    let words = bits.len() / rows.len().max(1);
    assert!(
        rows.iter().all(|fields| fields.len() >= bias.len())
            && (rows.is_empty() || words * 64 >= bias.len()),
        "one field, one bias and one bit per unit"
    );
    bits.fill(0);
    let keys = keys(stream);
    for pair in first / PAIRED..end.div_ceil(PAIRED) {
        let groups = [0, 1].map(|which| pair * PAIRED + which * GROUP);
        let there = groups.map(|group| before(group, end) & !before(group, first));
        // Of every sixteen of them; numbers that are not there are not read.
        let near = |numbers: &[f32], which: usize, place: usize| {
            let there = (there[which] >> place) as u16;
            let numbers = numbers.as_ptr().wrapping_add(groups[which] + place);
            // SAFETY: those that are there lie among the numbers.
            unsafe { _mm512_maskz_loadu_ps(there, numbers.wrapping_sub(first)) }
        };
        let places: [usize; GROUP / LANES] = std::array::from_fn(|vector| vector * LANES);
        let biases = [0, 1].map(|which| places.map(|place| near(bias, which, place)));
        let rows = rows.iter().zip(bits.chunks_mut(words.max(1)));
        for (place, (fields, bits)) in rows.enumerate() {
            meanwhile(place);
            let row = row + place as u32;
            let numbers = numbers(&keys, draw, row, pair as u32);
            for which in 0..2 {
                let (group, there) = (groups[which], there[which]);
                if there == 0 {
                    continue;
                }
                let (mut on, mut off) = (0, 0);
                for ((place, bias), numbers) in places.into_iter().zip(biases[which]).zip(numbers) {
                    let numbers = if which == 0 {
                        _mm512_and_si512(numbers, _mm512_set1_epi32(0xffff))
                    } else {
                        _mm512_srli_epi32::<16>(numbers)
                    };
                    let sides = decide(_mm512_add_ps(near(fields, which, place), bias), numbers);
                    on |= u64::from(sides.0) << place;
                    off |= u64::from(sides.1) << place;
                }
                let mut open = there & !(on | off);
                while open != 0 {
                    let column = group + open.trailing_zeros() as usize;
                    let field = fields[column - first] + bias[column - first];
                    let one = exactly(stream, (draw, row, column), field);
                    on |= u64::from(one) << (column - group);
                    open &= open - 1;
                }
                put(on & there, group, first, bits);
            }
        }
    }
}

/// Whether a unit that is hardly ever left open is on.
#[cold]
#[inline(never)]
fn exactly(stream: Stream, (draw, row, column): Place, field: f32) -> bool {
    stream.is_one_at(draw, row, column as u32, sigmoid(field))
}

/// Which of 64 columns from `group` on come before `end`.
#[inline]
fn before(group: usize, end: usize) -> u64 {
    let count = end.saturating_sub(group).min(64) as u32;
    u64::MAX.unbounded_shr(64 - count)
}

/// Puts the bits of columns from `group` on to their places, of which the first is that of column `first`.
#[inline]
fn put(word: u64, group: usize, first: usize, bits: &mut [u64]) {
    if group < first {
        if let Some(bits) = bits.first_mut() {
            *bits |= word.unbounded_shr((first - group) as u32);
        }
        return;
    }
    let (place, shift) = ((group - first) / 64, (group - first) % 64);
    // Beyond the end there is nothing to put.
    for (bits, word) in bits
        .iter_mut()
        .skip(place)
        .zip([word << shift, word >> 1 >> (63 - shift)])
    {
        *bits |= word;
    }
}

/// Of sixteen units with fields x and random numbers n of 16 bits: which are surely on, and which surely off. A unit is on if
/// n + 1 ≤ 2¹⁶ p, off if n ≥ 2¹⁶ p, and between them other numbers decide; with 1/p, and with room for what that is out by,
/// no division is needed.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn decide(x: __m512, n: __m512i) -> (u16, u16) {
    /// 2¹⁶ (1 ∓ 2⁻¹³).
    const ON: f32 = 65_528.0;
    const OFF: f32 = 65_544.0;
    let (n, inverse) = (_mm512_cvtepi32_ps(n), inverse(x));
    let (low, high) = (
        _mm512_mul_ps(n, inverse),
        _mm512_fmadd_ps(n, inverse, inverse),
    );
    let on = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(high, _mm512_set1_ps(ON));
    let off = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(low, _mm512_set1_ps(OFF));
    (on, off)
}

/// 1/σ(x) = 1 + e⁻ˣ, out by less than 2⁻¹³·⁶ of it, up to where it is 2¹⁶. For that [`decide`] leaves open some sixteen of
/// the 2¹⁶ numbers at most, and a better series takes longer than these do.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn inverse(x: __m512) -> __m512 {
    /// 2ᶠ, 0 ≤ f < 1, from f³ down: the polynomial whose largest relative error, 7.5·10⁻⁵, is smallest (by Remez's
    /// algorithm).
    const TERMS: [f32; 4] = [0.078_024_52, 0.226_067_16, 0.695_833_56, 0.999_925_2];
    const DOWN: i32 = 1;
    let power = _mm512_mul_ps(x, _mm512_set1_ps(-std::f32::consts::LOG2_E));
    let part = _mm512_reduce_ps::<DOWN>(power);
    let [first, rest @ ..] = TERMS.map(|term| _mm512_set1_ps(term));
    let series = rest
        .into_iter()
        .fold(first, |series, term| _mm512_fmadd_ps(series, part, term));
    _mm512_add_ps(_mm512_scalef_ps(series, power), _mm512_set1_ps(1.0))
}

/// The keys of all rounds.
type Keys = [[__m512i; 2]; ROUNDS];

#[inline]
#[target_feature(enable = "avx512f")]
fn keys(stream: Stream) -> Keys {
    let key = stream.key();
    std::array::from_fn(|round| {
        [0, 1].map(|word| all(key[word].wrapping_add(WEYL[word].wrapping_mul(round as u32))))
    })
}

#[inline]
#[target_feature(enable = "avx512f")]
fn all(number: u32) -> __m512i {
    _mm512_set1_epi32(number.cast_signed())
}

/// The random words of [`Stream::group`], sixteen at a time. Every other number is kept in a vector of its own, in the lower
/// halves of eight places; what is in the upper halves means nothing.
#[inline]
#[target_feature(enable = "avx512f")]
fn numbers(keys: &Keys, draw: u64, row: u32, group: u32) -> [__m512i; GROUP / LANES] {
    let [low, high] = crate::philox::words(draw);
    let even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
    let even = _mm512_add_epi64(even, _mm512_set1_epi64((group * LANES as u32).into()));
    let odd = _mm512_add_epi64(even, _mm512_set1_epi64(1));
    // Both at once, for each round waits for the one before.
    let (mut x0, mut x1) = ([even, odd], [all(row); 2]);
    let (mut x2, mut x3) = ([all(low); 2], [all(high); 2]);
    for [k0, k1] in keys {
        for half in 0..2 {
            let p0 = _mm512_mul_epu32(x0[half], all(MULTIPLIERS[0]));
            let p1 = _mm512_mul_epu32(x2[half], all(MULTIPLIERS[1]));
            x0[half] = _mm512_ternarylogic_epi32::<0x96>(upper(p1), x1[half], *k0);
            x2[half] = _mm512_ternarylogic_epi32::<0x96>(upper(p0), x3[half], *k1);
            (x1[half], x3[half]) = (p1, p0);
        }
    }
    [x0, x1, x2, x3]
        .map(|[even, odd]| _mm512_mask_shuffle_epi32::<0b10_10_00_00>(even, 0xaaaa, odd))
}

/// The upper halves of eight places as lower ones.
#[inline]
#[target_feature(enable = "avx512f")]
fn upper(x: __m512i) -> __m512i {
    _mm512_shuffle_epi32::<0b11_11_01_01>(x)
}
