//! The theoretical curves of the plane of resolution and relevance.

use resrel_measure::{CurvePoint, Limits, power_law_curve};

use crate::look::{BLACK, GREY};
use crate::panel::{Entry, Item};
use crate::svg::Stroke;

/// The curve's exponents: from where it is far above H\[k\] = H\[s\] to where it has reached the
/// corner.
const BETAS: std::ops::RangeInclusive<u32> = 0..=240;
const BETA_STEP: f64 = 0.05;

/// Points at which the strict bound is drawn, evenly over the axis.
const BOUND_POINTS: u32 = 400;

const OPTIMUM: Stroke = Stroke {
    colour: BLACK,
    width: 1.8,
    dash: "",
};
const BOUND: Stroke = Stroke {
    colour: GREY,
    width: 1.8,
    dash: "",
};
const FAMILY: Stroke = Stroke {
    colour: BLACK,
    width: 1.4,
    dash: "1.5 3.5",
};
pub(crate) const DIAGONAL: Stroke = Stroke {
    colour: GREY,
    width: 1.3,
    dash: "7 4",
};

/// The theoretical curves, which are three different things.
pub(crate) struct Curves {
    pub family: Vec<CurvePoint>,
    pub optimum: Vec<(f64, f64)>,
    pub bound: Vec<(f64, f64)>,
}

impl Curves {
    /// Those of M observations; without the optimum and the bound where they do not exist.
    pub(crate) fn new(m: u64) -> Self {
        let limits = Limits::of(m).ok();
        let limits = limits.as_deref();
        let optimum = limits.iter().flat_map(|l| l.optimum.points());
        let bound = limits.iter().flat_map(|limits| {
            (0..=BOUND_POINTS).map(|i| {
                let resolution = f64::from(i) / f64::from(BOUND_POINTS);
                (resolution, limits.strict.at(resolution))
            })
        });
        Self {
            family: family(m),
            optimum: optimum
                .map(|p| (p.resolution, p.relevance.max(0.0)))
                .collect(),
            bound: bound.collect(),
        }
    }

    /// The curves and the diagonal as they are drawn.
    pub(crate) fn items(&self) -> [Item; 4] {
        let family = self.family.iter().map(|p| (p.resolution, p.relevance));
        [
            Item::Line(vec![(0.0, 0.0), (1.0, 1.0)], DIAGONAL),
            Item::Line(family.collect(), FAMILY),
            Item::Line(self.bound.clone(), BOUND),
            Item::Line(self.optimum.clone(), OPTIMUM),
        ]
    }

    /// The largest relevance of the strict bound.
    pub(crate) fn highest(&self) -> f64 {
        self.bound.iter().map(|place| place.1).fold(0.0, f64::max)
    }
}

/// What the lines are.
pub(crate) fn legend() -> [Entry; 4] {
    [
        ("Poisson optimum, ensemble", OPTIMUM),
        ("strict bound, all samples", BOUND),
        ("power-law family, not a bound", FAMILY),
        ("*H*[*k*] = *H*[*s*]", DIAGONAL),
    ]
    .map(|(text, stroke)| Entry {
        text: text.to_owned(),
        marker: None,
        stroke: Some(stroke),
    })
}

/// The family where samples can be: at or below H\[k\] = H\[s\], from the corner at the right on.
fn family(m: u64) -> Vec<CurvePoint> {
    let betas: Vec<f64> = BETAS.rev().map(|i| f64::from(i) * BETA_STEP).collect();
    power_law_curve(m, &betas)
        .into_iter()
        .take_while(|point| point.relevance <= point.resolution)
        .collect()
}
