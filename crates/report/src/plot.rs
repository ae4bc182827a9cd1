//! Pictures of one measurement: what the commands draw with `--plot`.

use resrel_measure::{Measure, PowerLaw, Spectrum, binned, hurwitz_zeta};

use crate::axis::Axis;
use crate::look::{BLACK, BLUE, GREY, ORANGE, joining};
use crate::panel::{Entry, Item, Panel, Point, WIDTH};
use crate::svg::{Marker, Shape, Stroke, Svg};
use crate::theory::{Curves, legend};
use crate::{Error, png};

/// Space around and between panels, in pixels.
const GAP: f64 = 16.0;

/// Points at which a fitted law is drawn.
const LAW_POINTS: u32 = 60;

const LAW: Stroke = Stroke {
    colour: ORANGE,
    width: 2.2,
    dash: "",
};
const ZIPF: Stroke = Stroke {
    colour: GREY,
    width: 1.3,
    dash: "7 4",
};
const MARKER: Marker = Marker {
    colour: BLACK,
    shape: Shape::Square,
    filled: true,
    radius: 5.0,
};

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    title: String,
    svg: String,
}

impl Picture {
    /// Panels beside each other.
    pub(crate) fn new(title: &str, panels: &[Panel]) -> Self {
        let mut page = Svg::default();
        let mut left = GAP / 2.0;
        let spare = panels.iter().map(Panel::spare).fold(f64::MAX, f64::min);
        for panel in panels {
            page.place(left, -spare, &panel.draw());
            left += WIDTH + GAP;
        }
        let height = panels.iter().map(Panel::height).fold(0.0, f64::max);
        Self {
            title: title.to_owned(),
            svg: page.document(title, left - GAP / 2.0, height - spare + GAP),
        }
    }

    /// As SVG.
    #[must_use]
    pub fn svg(&self) -> &str {
        &self.svg
    }

    /// As PNG.
    ///
    /// # Errors
    /// [`Error::Png`] if it cannot be rasterised.
    pub fn png(&self) -> Result<Vec<u8>, Error> {
        png(&self.title, &self.svg)
    }
}

/// The theoretical curves for M observations: Poisson optimum, strict bound, power-law family.
#[must_use]
pub fn limit_plot(m: u64) -> Picture {
    Picture::new("How relevant a sample can be", &[plane(m, None, None)])
}

/// A measure in the plane of resolution and relevance, beside the number of states m_k of each
/// frequency k with the fitted power law.
#[must_use]
pub fn measure_plot(spectrum: &Spectrum, measure: &Measure) -> Picture {
    let fit = measure.beta.k_min;
    let fit = fit.and_then(|k_min| PowerLaw::fit(spectrum, k_min));
    let panels = [
        plane(measure.m, Some(measure), Some('a')),
        degeneracies(spectrum, fit.as_ref(), Some('b')),
    ];
    Picture::new("Resolution, relevance and degeneracies", &panels)
}

/// The number of states m_k of each frequency k, with the fitted power law.
#[must_use]
pub fn fit_plot(spectrum: &Spectrum, fit: Option<&PowerLaw>) -> Picture {
    let panel = degeneracies(spectrum, fit, None);
    Picture::new("Number of states of each frequency", &[panel])
}

/// The plane of resolution and relevance.
fn plane(m: u64, measure: Option<&Measure>, letter: Option<char>) -> Panel {
    let curves = Curves::new(m);
    let mut items = Vec::from(curves.items());
    let mut entries = Vec::from(legend());
    let mut highest = curves.highest().max(0.5);
    let place = measure.and_then(|m| Some((m, m.resolution?, m.relevance?)));
    if let Some((measure, resolution, relevance)) = place {
        highest = highest.max(relevance);
        let point = Point {
            x: resolution,
            y: relevance,
            x_stderr: measure.resolution_stderr.unwrap_or(0.0),
            y_stderr: measure.relevance_stderr.unwrap_or(0.0),
        };
        items.push(Item::Markers(vec![point], MARKER));
        entries.insert(
            0,
            Entry {
                text: "measured".to_owned(),
                marker: Some(MARKER),
                stroke: None,
            },
        );
    }
    Panel {
        letter,
        heading: None,
        title: "Relevance against resolution".to_owned(),
        x: Axis::linear("resolution *H*[*s*] / ln *M*", -0.03, 1.04),
        y: Axis::linear("relevance *H*[*k*] / ln *M*", -0.02, highest + 0.05),
        items,
        legend: entries,
        notes: vec![format!("*M* = {m} observations.")],
    }
}

/// m_k against k.
fn degeneracies(spectrum: &Spectrum, fit: Option<&PowerLaw>, letter: Option<char>) -> Panel {
    let each = spectrum.pairs().iter();
    let each: Vec<(f64, f64)> = each.map(|&(k, m_k)| (k as f64, m_k as f64)).collect();
    let bins: Vec<Point> = binned(spectrum)
        .into_iter()
        .map(|bin| Point {
            x: bin.centre,
            y: bin.density,
            x_stderr: 0.0,
            y_stderr: 0.0,
        })
        .collect();
    let highest = each.iter().map(|place| place.1).fold(1.0, f64::max);
    let lowest = bins.iter().map(|bin| bin.y).fold(1.0, f64::min);
    let widest = bins.iter().map(|bin| bin.x);
    let widest = widest.fold(spectrum.max_frequency().max(10) as f64, f64::max);
    let mut entries = vec![Entry {
        text: "mean over bins of ratio 2".to_owned(),
        marker: Some(MARKER),
        stroke: Some(joining(BLACK)),
    }];
    let start = (highest * lowest.max(1.0)).sqrt() * 10.0;
    let mut items = vec![
        Item::Line(vec![(1.0, start), (1e9, start * 1e-18)], ZIPF),
        Item::Dots(each, BLUE),
        Item::Line(
            bins.iter().map(|bin| (bin.x, bin.y)).collect(),
            joining(BLACK),
        ),
        Item::Markers(bins, MARKER),
    ];
    if let Some((law, text)) = fit.and_then(|fit| Some((law(fit, widest)?, fitted(fit)))) {
        items.push(Item::Line(law, LAW));
        entries.push(Entry {
            text,
            marker: None,
            stroke: Some(LAW),
        });
    }
    entries.push(Entry {
        text: "∝ *k*^{−2} (*β* = 1)".to_owned(),
        marker: None,
        stroke: Some(ZIPF),
    });
    Panel {
        letter,
        heading: None,
        title: "Number of states of each frequency".to_owned(),
        x: Axis::log("frequency *k*", 0.7, widest * 1.7),
        y: Axis::log("degeneracy *m*_{*k*}", lowest / 2.0, highest * 2.5),
        items,
        legend: entries,
        notes: vec![format!(
            "*M* = {} observations of {} states. Dots: each *k*; the bins count *k* without states as 0.",
            spectrum.observations(),
            spectrum.states()
        )],
    }
}

/// The number of states that the law expects at each frequency, n·k^(−γ)/ζ(γ, k_min).
fn law(fit: &PowerLaw, widest: f64) -> Option<Vec<(f64, f64)>> {
    let first = fit.k_min as f64;
    let scale = fit.tail as f64 / hurwitz_zeta(fit.gamma, first);
    let points = (0..=LAW_POINTS).map(|i| {
        let k = first * (widest / first).powf(f64::from(i) / f64::from(LAW_POINTS));
        (k, scale * k.powf(-fit.gamma))
    });
    scale.is_finite().then(|| points.collect())
}

fn fitted(fit: &PowerLaw) -> String {
    let from = if fit.k_min == 1 {
        String::new()
    } else {
        format!(", *k* ≥ {}", fit.k_min)
    };
    format!("*β* = {:.3} ± {:.3}{from}", fit.beta(), fit.gamma_stderr)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_can_be_drawn() {
        for counts in [vec![1], vec![7], vec![1; 50], vec![9; 3], (1..60).collect()] {
            let spectrum = Spectrum::from_counts(counts).unwrap();
            let measure = Measure::new("x", &spectrum, None);
            let picture = measure_plot(&spectrum, &measure);
            assert!(picture.svg().starts_with("<svg"));
            assert!(!picture.svg().contains("NaN"), "{:?}", spectrum.pairs());
            assert!(picture.png().unwrap().starts_with(b"\x89PNG"));
        }
    }

    #[test]
    fn the_law_is_drawn_through_what_it_expects() {
        let spectrum = Spectrum::from_pairs([(1, 1000), (2, 250), (4, 62), (9, 12)]).unwrap();
        let fit = PowerLaw::fit(&spectrum, 1).unwrap();
        let law = law(&fit, 9.0).unwrap();
        let expected = fit.tail as f64 / hurwitz_zeta(fit.gamma, 1.0);
        assert!((law[0].1 / expected - 1.0).abs() < 1e-12);
        let picture = fit_plot(&spectrum, Some(&fit));
        assert!(picture.svg().contains("±"));
    }

    #[test]
    fn limits_are_drawn_where_they_exist() {
        assert!(limit_plot(100).svg().contains("Poisson"));
        assert!(!limit_plot(1).svg().contains("NaN"));
    }
}
