//! Axes: where a value lies, and which values are marked.

use crate::svg::text_width;

/// Fewest steps between the marks of a linear axis.
const FEWEST_STEPS: f64 = 4.0;

/// Most decades of which each gets a mark.
const MOST_DECADES: i32 = 8;

/// Up to this many decades, 2 and 5 are marked too.
const FINE_DECADES: i32 = 3;

/// How values are spread over an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Linear,
    Log,
}

/// One axis of a panel.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    pub label: String,
    scale: Scale,
    low: f64,
    high: f64,
    /// Marked values with their text.
    pub ticks: Vec<(f64, String)>,
    /// Values with a short mark and no text.
    pub minor: Vec<f64>,
}

impl Axis {
    /// Without marks, for a frame that holds no values.
    pub(crate) fn bare() -> Self {
        Self {
            label: String::new(),
            scale: Scale::Linear,
            low: 0.0,
            high: 1.0,
            ticks: Vec::new(),
            minor: Vec::new(),
        }
    }

    /// From `low` to `high`, marked at round values.
    pub(crate) fn linear(label: &str, low: f64, high: f64) -> Self {
        let rough = (high - low) / FEWEST_STEPS;
        let decade = 10_f64.powf(rough.log10().floor());
        let step = [5.0, 2.0, 1.0]
            .into_iter()
            .map(|factor| factor * decade)
            .find(|&step| step <= rough)
            .unwrap_or(decade);
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        let first = (low / step).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        Self {
            label: label.to_owned(),
            scale: Scale::Linear,
            low,
            high,
            ticks: (first..=last)
                .map(|i| i as f64 * step)
                .map(|value| (value, format!("{value:.decimals$}")))
                .collect(),
            minor: Vec::new(),
        }
    }

    /// From `low` to `high` (both above 0) on a logarithmic scale, marked at powers of ten, and on
    /// a short axis at 2 and 5 too.
    pub(crate) fn log(label: &str, low: f64, high: f64) -> Self {
        let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let decades = high.log10() - low.log10();
        // Powers of ten on the axis, thinned so that 1 stays among them.
        let powers = (high.log10() + 1e-9).floor() - (low.log10() - 1e-9).ceil();
        let every = powers as i32 / MOST_DECADES + 1;
        let fine = decades <= f64::from(FINE_DECADES);
        let inside = |value: f64| value >= low * (1.0 - 1e-9) && value <= high * (1.0 + 1e-9);
        let mut ticks = Vec::new();
        let mut minor = Vec::new();
        for exponent in first..=last {
            for digit in 1..10 {
                let value = f64::from(digit) * 10_f64.powi(exponent);
                let marked = if fine {
                    [1, 2, 5].contains(&digit)
                } else {
                    digit == 1
                };
                if !inside(value) {
                    continue;
                }
                if marked && exponent % every == 0 {
                    let text = if fine {
                        format!("{value}")
                    } else {
                        power(exponent)
                    };
                    ticks.push((value, text));
                } else if every == 1 || digit == 1 {
                    minor.push(value);
                }
            }
        }
        Self {
            label: label.to_owned(),
            scale: Scale::Log,
            low,
            high,
            ticks,
            minor,
        }
    }

    /// Layers by number, from 0, marked with their names: each, or every second, third … where
    /// they would not fit into `width` pixels at letters of `size`.
    pub(crate) fn names(label: &str, names: &[String], width: f64, size: f64) -> Self {
        let widths = names.iter().map(|name| text_width(name, size) + size);
        let widest = widths.fold(0.0, f64::max);
        let every = (widest * names.len() as f64 / width).ceil().max(1.0) as usize;
        let numbered = names.iter().enumerate().step_by(every);
        Self {
            label: label.to_owned(),
            scale: Scale::Linear,
            low: -0.5,
            high: names.len().max(1) as f64 - 0.5,
            ticks: numbered.map(|(i, name)| (i as f64, name.clone())).collect(),
            minor: Vec::new(),
        }
    }

    /// Where `value` lies between 0, the axis's start, and 1, its end. A value that a logarithmic
    /// axis cannot show lies far before its start.
    pub(crate) fn at(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log if value > 0.0 => (value / self.low).ln() / (self.high / self.low).ln(),
            Scale::Log => -1.0,
        }
    }
}

fn power(exponent: i32) -> String {
    match exponent {
        0 => "1".to_owned(),
        1 => "10".to_owned(),
        _ if exponent < 0 => format!("10^{{−{}}}", -exponent),
        _ => format!("10^{{{exponent}}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn round_values_are_marked() {
        assert_eq!(
            texts(&Axis::linear("", -0.02, 1.02)),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(
            texts(&Axis::linear("", 0.0, 0.3)),
            ["0.00", "0.05", "0.10", "0.15", "0.20", "0.25", "0.30"]
        );
        assert_eq!(
            texts(&Axis::log("", 0.15, 11.0)),
            ["0.2", "0.5", "1", "2", "5", "10"]
        );
        assert_eq!(
            texts(&Axis::log("", 1e-3, 2e4)),
            [
                "10^{−3}",
                "10^{−2}",
                "10^{−1}",
                "1",
                "10",
                "10^{2}",
                "10^{3}",
                "10^{4}"
            ]
        );
    }

    #[test]
    fn values_find_their_place() {
        let axis = Axis::log("", 1.0, 100.0);
        assert!((axis.at(10.0) - 0.5).abs() < 1e-12);
        assert!(axis.at(0.0) < 0.0);
        let names = Axis::names("", &["H1".to_owned()], 100.0, 14.0);
        assert!((names.at(0.0) - 0.5).abs() < 1e-12);
        let many: Vec<String> = (1..=20).map(|i| format!("layer {i}")).collect();
        let marked = texts(&Axis::names("", &many, 400.0, 14.0)).len();
        assert!((3..6).contains(&marked), "{marked}");
    }
}
