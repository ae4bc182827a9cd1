//! The gamma function's relatives.

/// From here on the asymptotic series are exact to rounding.
const LARGE: f64 = 16.0;

/// ψ(x) for x > 0.
pub(super) fn digamma(x: f64) -> f64 {
    polygammas(x).0
}

/// ψ(x) and ψ′(x) for x > 0: upwards by the recurrence, then Stirling's series
/// (Abramowitz, Stegun, 6.3.18 and 6.4.12).
pub(super) fn polygammas(mut x: f64) -> (f64, f64) {
    let (mut first, mut second) = (0.0, 0.0);
    while x < LARGE {
        first -= 1.0 / x;
        second += 1.0 / (x * x);
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series = y
        * (1.0 / 12.0
            - y * (1.0 / 120.0
                - y * (1.0 / 252.0 - y * (1.0 / 240.0 - y * (1.0 / 132.0 - y * 691.0 / 32760.0)))));
    let slope = y
        * (1.0 / 6.0
            - y * (1.0 / 30.0
                - y * (1.0 / 42.0
                    - y * (1.0 / 30.0 - y * (5.0 / 66.0 - y * (691.0 / 2730.0 - y * 7.0 / 6.0))))));
    (
        first + x.ln() - 0.5 / x - series,
        second + (1.0 + 0.5 / x + slope) / x,
    )
}

/// ln(x (x + 1) … (x + n − 1)) = ln Γ(x + n) − ln Γ(x) for x > 0, n ≥ 0, exact also where x is far
/// larger than n.
pub(super) fn ln_rising(mut x: f64, mut n: f64) -> f64 {
    let mut result = 0.0;
    while x < LARGE && n >= 1.0 {
        result += x.ln();
        x += 1.0;
        n -= 1.0;
    }
    if n < 1.0 {
        // Whole numbers n, so it is 0.
        return result;
    }
    // Stirling's series of both, the large terms taken together.
    let end = x + n;
    let correction = |x: f64| {
        let y = 1.0 / (x * x);
        (1.0 / 12.0
            - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y * (1.0 / 1680.0 - y * (1.0 / 1188.0)))))
            / x
    };
    result + (x - 0.5) * (n / x).ln_1p() + n * (end.ln() - 1.0) + correction(end) - correction(x)
}

/// K ψ′(Kβ + 1) − ψ′(β + 1), the slope of ξ(β) = ψ(Kβ + 1) − ψ(β + 1); its terms cancel for large β.
pub(super) fn slope(classes: f64, beta: f64) -> f64 {
    if beta < LARGE {
        return classes * polygammas(classes * beta + 1.0).1 - polygammas(beta + 1.0).1;
    }
    // ψ′(x + 1) = 1/x − 1/2x² + Σ_j B_2j/x^(2j+1), of which the 1/β cancel.
    let terms = [
        (1, 0.5),
        (2, -1.0 / 6.0),
        (4, 1.0 / 30.0),
        (6, -1.0 / 42.0),
        (8, 1.0 / 30.0),
        (10, -5.0 / 66.0),
    ];
    terms
        .iter()
        .map(|&(power, factor)| factor * (1.0 - classes.powi(-power)) / beta.powi(power + 1))
        .sum()
}
