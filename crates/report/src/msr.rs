//! Multi-scale relevance: the curves whose areas it is.

use resrel_measure::Msr;

use crate::Picture;
use crate::axis::Axis;
use crate::look::{BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY_BLUE};
use crate::panel::{Entry, Item, Panel};
use crate::svg::Stroke;
use crate::theory::DIAGONAL;

/// The units of largest MSR, which are told apart by colour and dash.
const NAMED: [Stroke; 6] = [
    stroke(BLACK, ""),
    stroke(BLUE, "9 3"),
    stroke(ORANGE, "2.5 2.5"),
    stroke(GREEN, "9 3 2.5 3"),
    stroke(PURPLE, "5 3"),
    stroke(SKY_BLUE, "12 3 2.5 3 2.5 3"),
];

/// All other units.
const OTHER: Stroke = Stroke {
    colour: "#bbbbbb",
    width: 0.8,
    dash: "",
};

/// Letters of a name in the legend.
const SHOWN: usize = 14;

const fn stroke(colour: &'static str, dash: &'static str) -> Stroke {
    Stroke {
        colour,
        width: 1.8,
        dash,
    }
}

/// Draws the curves of units, each with its name: H\[k\] against H\[s\] at every number of bins. The
/// area below a curve, from (0, 0) to (1, 0), is the unit's MSR.
///
/// Those of the six largest MSR are in colours with their names, the others in grey.
#[must_use]
pub fn msr_plot(units: &[(&str, &Msr)]) -> Picture {
    let panel = panel(units);
    Picture::new(&panel.title.clone(), &[panel])
}

fn panel(units: &[(&str, &Msr)]) -> Panel {
    let areas = units
        .iter()
        .filter_map(|(name, msr)| Some((*name, *msr, msr.msr?)));
    let mut ranked: Vec<(&str, &Msr, f64)> = areas.collect();
    ranked.sort_by(|a, b| b.2.total_cmp(&a.2));
    let without = units.len() - ranked.len();
    let (named, others) = ranked.split_at(ranked.len().min(NAMED.len()));
    let mut items = Vec::new();
    let mut legend = Vec::new();
    if !ranked.is_empty() {
        items.push(Item::Line(vec![(0.0, 0.0), (1.0, 1.0)], DIAGONAL));
    }
    items.extend(
        others
            .iter()
            .map(|(_, msr, _)| Item::Line(line(msr), OTHER)),
    );
    for ((name, msr, area), stroke) in named.iter().zip(NAMED) {
        legend.push(Entry {
            text: format!("{} {area:.4}", plain(name)),
            marker: None,
            stroke: Some(stroke),
        });
        // The largest on top.
        let place = items.len() + 1 - legend.len();
        items.insert(place, Item::Line(line(msr), stroke));
    }
    legend.push(Entry {
        text: "*H*[*k*] = *H*[*s*]".to_owned(),
        marker: None,
        stroke: Some(DIAGONAL),
    });
    let mut notes = vec!["Behind each name its MSR, the area below the curve.".to_owned()];
    if !others.is_empty() {
        notes.push(format!("Grey: {} of smaller MSR.", counted(others.len())));
    }
    if without > 0 {
        notes.push(format!("No curve: {}.", counted(without)));
    }
    let heights = ranked.iter().flat_map(|(_, msr, _)| &msr.curve);
    let highest = heights.fold(0.5_f64, |top, point| top.max(point.relevance));
    Panel {
        letter: None,
        heading: None,
        title: "Multi-scale relevance".to_owned(),
        x: Axis::linear("resolution *H*[*s*] / ln *M*", -0.03, 1.04),
        y: Axis::linear("relevance *H*[*k*] / ln *M*", -0.02, highest + 0.05),
        items,
        legend,
        notes,
    }
}

/// The curve with its ends.
fn line(msr: &Msr) -> Vec<(f64, f64)> {
    let points = msr
        .curve
        .iter()
        .map(|point| (point.resolution, point.relevance));
    [(0.0, 0.0)]
        .into_iter()
        .chain(points)
        .chain([(1.0, 0.0)])
        .collect()
}

/// The beginning of a name, without the signs that texts of pictures are marked up with.
fn plain(name: &str) -> String {
    let mut letters = name.chars().filter(|letter| !"*{}".contains(*letter));
    let mut shown: String = letters.by_ref().take(SHOWN).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

fn counted(units: usize) -> String {
    match units {
        1 => "1 unit".to_owned(),
        units => format!("{units} units"),
    }
}

#[cfg(test)]
mod tests {
    use resrel_measure::Recording;

    use super::*;

    fn msr(times: &[f64]) -> Msr {
        Msr::of_times(times, Recording::default(), 50).unwrap()
    }

    #[test]
    fn six_units_are_named_and_the_others_counted() {
        // The more events lie far from the others, the more bin widths part them.
        let trains: Vec<Msr> = (4..12)
            .map(|n| msr(&(0..n).map(|i| 2_f64.powi(i)).collect::<Vec<_>>()))
            .collect();
        let none = msr(&[1.0]);
        let names: Vec<String> = (0..trains.len()).map(|i| format!("*unit*{i}")).collect();
        let mut units: Vec<(&str, &Msr)> = names.iter().map(String::as_str).zip(&trains).collect();
        units.push(("silent", &none));
        let panel = panel(&units);
        let mut ranked: Vec<(f64, usize)> =
            trains.iter().map(|t| t.msr.unwrap()).zip(0..).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let expected = ranked[..6]
            .iter()
            .map(|(area, i)| format!("unit{i} {area:.4}"));
        let legend: Vec<&str> = panel.legend.iter().map(|entry| &*entry.text).collect();
        assert_eq!(legend[..6], expected.collect::<Vec<_>>());
        assert_eq!(
            panel.notes[1..],
            ["Grey: 2 units of smaller MSR.", "No curve: 1 unit."]
        );
        let Some(Item::Line(top, stroke)) = panel.items.last() else {
            panic!("the last is a line");
        };
        assert_eq!(*top, line(&trains[ranked[0].1]));
        assert_eq!((stroke.colour, panel.items.len()), (BLACK, 9));
    }

    #[test]
    fn the_picture_says_what_it_shows() {
        let train = msr(&[0.0, 1.0, 10.0]);
        let picture = msr_plot(&[("a < b", &train)]);
        let named = format!("a &lt; b {:.4}", train.msr.unwrap());
        assert!(picture.svg().contains(&named), "{}", picture.svg());
        assert!(picture.svg().contains("the area below the curve"));
        // Nothing to draw is said.
        let none = msr(&[]);
        assert!(msr_plot(&[("none", &none)]).svg().contains("no values"));
    }
}
