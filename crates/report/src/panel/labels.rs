//! Texts beside points, where they cover nothing.

use super::{FRAME_HEIGHT, FRAME_WIDTH, Item, LEFT, Panel, TOP};
use crate::svg::{Anchor, Font, Svg, text_width};

/// Points closer than this many pixels share one text.
const SAME_PLACE: f64 = 7.0;

/// Directions tried, the ones tried first preferred: to the right and above, to the left and
/// below.
const DIRECTIONS: [(f64, f64); 8] = [
    (0.7, -0.7),
    (0.0, -1.0),
    (-0.7, -0.7),
    (0.7, 0.7),
    (1.0, 0.0),
    (0.0, 1.0),
    (-1.0, 0.0),
    (-0.7, 0.7),
];

/// Distances tried, in pixels from the point to the text's box.
const DISTANCES: [f64; 3] = [8.0, 13.0, 20.0];

/// How bad it is to lie on a text or outside the frame, on a marker, on a line (per crossing), and
/// to be a step further down the lists above.
const COST_TEXT: f64 = 100.0;
const COST_MARKER: f64 = 20.0;
const COST_LINE: f64 = 3.0;
const COST_STEP: f64 = 0.5;

/// Names of points in order; neighbours at the same place are named together, `1–3`.
#[derive(Debug, Clone)]
pub(crate) struct Labels {
    /// Position and text of each.
    pub points: Vec<(f64, f64, String)>,
    pub size: f64,
    pub colour: &'static str,
}

/// Left, top, right, bottom.
type Box4 = [f64; 4];

impl Labels {
    pub(super) fn draw(&self, panel: &Panel, svg: &mut Svg) {
        let mut obstacles = markers(panel);
        let lines = line_points(panel);
        for ((x, y), text) in self.groups(panel) {
            let width = text_width(&text, self.size);
            let (mut best, mut least) = ([0.0; 4], f64::INFINITY);
            for (far, distance) in DISTANCES.into_iter().enumerate() {
                for (turn, (dx, dy)) in DIRECTIONS.into_iter().enumerate() {
                    let centre = (
                        x + dx * (distance + width / 2.0),
                        y + dy * (distance + self.size * 0.4),
                    );
                    let place = around(centre, width, self.size * 0.8);
                    let cost = cost(&place, &obstacles, &lines)
                        + COST_STEP * (8 * far + turn) as f64 / 2.0;
                    if cost < least {
                        (best, least) = (place, cost);
                    }
                }
            }
            let font = Font {
                size: self.size,
                bold: true,
                colour: self.colour,
                anchor: Anchor::Middle,
            };
            svg.text(best[0].midpoint(best[2]), best[3], &text, font);
            obstacles.push((best, COST_TEXT));
        }
    }

    fn groups(&self, panel: &Panel) -> Vec<((f64, f64), String)> {
        let mut groups: Vec<((f64, f64), &str, &str)> = Vec::new();
        for (x, y, text) in &self.points {
            let (x, y) = panel.place(*x, *y);
            match groups.last_mut() {
                Some(((first_x, first_y), _, last))
                    if (x - *first_x).hypot(y - *first_y) < SAME_PLACE =>
                {
                    *last = text;
                }
                _ => groups.push(((x, y), text, text)),
            }
        }
        groups
            .into_iter()
            .map(|(place, first, last)| {
                let text = if first == last {
                    first.to_owned()
                } else {
                    format!("{first}–{last}")
                };
                (place, text)
            })
            .collect()
    }
}

fn around((x, y): (f64, f64), width: f64, height: f64) -> Box4 {
    [
        x - width / 2.0,
        y - height / 2.0,
        x + width / 2.0,
        y + height / 2.0,
    ]
}

/// Boxes that a text should not cover.
fn markers(panel: &Panel) -> Vec<(Box4, f64)> {
    let mut boxes = Vec::new();
    for item in &panel.items {
        if let Item::Markers(points, marker) = item {
            for point in points {
                let place = panel.place(point.x, point.y);
                let side = 2.4 * marker.radius;
                boxes.push((around(place, side, side), COST_MARKER));
            }
        }
    }
    boxes
}

/// Points along all lines, a few pixels apart.
fn line_points(panel: &Panel) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    for item in &panel.items {
        if let Item::Line(line, _) = item {
            for run in panel.visible_runs(line) {
                for pair in run.windows(2) {
                    let (from, to) = (pair[0], pair[1]);
                    let steps = ((to.0 - from.0).hypot(to.1 - from.1) / 4.0).ceil() as u32;
                    points.extend((0..=steps).map(|i| {
                        let t = f64::from(i) / f64::from(steps.max(1));
                        (from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1))
                    }));
                }
            }
        }
    }
    points
}

fn cost(place: &Box4, obstacles: &[(Box4, f64)], lines: &[(f64, f64)]) -> f64 {
    let [left, top, right, bottom] = *place;
    let outside = left < LEFT + 2.0
        || right > LEFT + FRAME_WIDTH - 2.0
        || top < TOP + 2.0
        || bottom > TOP + FRAME_HEIGHT - 2.0;
    let covered: f64 = obstacles
        .iter()
        .filter(|(other, _)| {
            left < other[2] && other[0] < right && top < other[3] && other[1] < bottom
        })
        .map(|(_, cost)| cost)
        .sum();
    let crossed = lines
        .iter()
        .filter(|&&(x, y)| x > left && x < right && y > top && y < bottom)
        .count();
    covered + COST_LINE * crossed as f64 + if outside { COST_TEXT } else { 0.0 }
}
