//! Sums over all integers from k_min on, as quadrature nodes in t = ln(k/k_min).

/// Integers that are summed one by one before the integral takes over. A law whose terms still change
/// by more than a tenth a step there has long become negligible.
const ONE_BY_ONE: usize = 512;
/// Widest panel of the quadrature.
const PANEL: f64 = 0.25;
/// Most panels of the narrow kind.
const NARROW: f64 = 4_000.0;
/// Where the nodes end: e^700 is near the largest number.
const END: f64 = 700.0;
/// Abscissae and weights of the ten-point Gauss–Legendre rule, those of one half.
const GAUSS: [(f64, f64); 5] = [
    (0.148_874_338_981_631_2, 0.295_524_224_714_752_9),
    (0.433_395_394_129_247_2, 0.269_266_719_309_996_4),
    (0.679_409_568_299_024_4, 0.219_086_362_515_982),
    (0.865_063_366_688_984_5, 0.149_451_349_150_580_6),
    (0.973_906_528_517_171_7, 0.066_671_344_308_688_1),
];

/// Σ_k f(k) = Σ_nodes weight · exp(shift) · f(k_min e^t).
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub t: f64,
    pub shift: f64,
    pub weight: f64,
}

/// The nodes for sums from `q` = k_min on, t ascending but for the ends of the two parts; panels of
/// width `width` as far as t = `narrow`.
///
/// From N = k_min + 512 on, Σ f = ∫ f dx from N − ½, + f′/24 − 7 f‴/5760 there: the Euler–Maclaurin
/// formula at midpoints, whose derivatives are taken as differences of neighbouring terms.
pub(super) fn nodes(q: f64, width: f64, narrow: f64) -> Vec<Node> {
    let f_third = 17.0 / 5_760.0;
    let mut nodes: Vec<Node> = (0..ONE_BY_ONE + 2)
        .map(|step| Node {
            t: (step as f64 / q).ln_1p(),
            shift: 0.0,
            weight: match step {
                _ if step + 2 < ONE_BY_ONE => 1.0,
                _ if step + 2 == ONE_BY_ONE => 1.0 + f_third,
                _ if step + 1 == ONE_BY_ONE => 1.0 - 1.0 / 24.0 - 3.0 * f_third,
                ONE_BY_ONE => 1.0 / 24.0 + 3.0 * f_third,
                _ => -f_third,
            },
        })
        .collect();
    let fine = width.min(PANEL).max(narrow / NARROW);
    let mut start = ((ONE_BY_ONE as f64 - 0.5) / q).ln_1p();
    while start < END {
        let width = if start < narrow { fine } else { PANEL };
        let (centre, half) = (start + width / 2.0, width / 2.0);
        let left = GAUSS.iter().rev().map(|&(x, weight)| (-x, weight));
        for (x, weight) in left.chain(GAUSS) {
            let t = centre + half * x;
            nodes.push(Node {
                t,
                shift: t,
                weight: q * half * weight,
            });
        }
        start += width;
    }
    nodes
}
