//! One panel: a frame with axes, what is drawn in it, a legend above and notes below.

mod images;
mod labels;

use crate::axis::Axis;
use crate::svg::{Anchor, Font, Marker, Stroke, Svg, text_width};

pub(crate) use images::{Images, PLACES};
pub(crate) use labels::Labels;

/// Size of a panel without its notes, and the margins around its frame, in pixels.
pub(crate) const WIDTH: f64 = 500.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 82.0;
const BOTTOM: f64 = 56.0;

/// The frame's size.
const FRAME_WIDTH: f64 = WIDTH - LEFT - RIGHT;
const FRAME_HEIGHT: f64 = HEIGHT - TOP - BOTTOM;

const LEGEND_LINE: f64 = 20.0;
const LEGEND_SIZE: f64 = 12.5;
/// Rows of a legend that have room above the frame.
const LEGEND_ROWS: usize = 4;
const NOTE_LINE: f64 = 15.0;
const NOTE_SIZE: f64 = 11.0;
const TICK_SIZE: f64 = 14.0;

/// An error bar is drawn where it reaches this far out of its marker.
const VISIBLE_BAR: f64 = 1.0;
const BAR_CAP: f64 = 3.5;

const INK: &str = "#000000";
const GREY: &str = "#555555";

const FRAME: Stroke = Stroke {
    colour: INK,
    width: 1.2,
    dash: "",
};

/// A mean with its standard errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub x: f64,
    pub y: f64,
    pub x_stderr: f64,
    pub y_stderr: f64,
}

/// What a panel holds, later ones over earlier ones.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    /// A line through points.
    Line(Vec<(f64, f64)>, Stroke),
    /// Points with error bars.
    Markers(Vec<Point>, Marker),
    /// Faint dots, of which those that would cover each other are left out.
    Dots(Vec<(f64, f64)>, &'static str),
    /// Texts beside points.
    Labels(Labels),
    /// Bars from 0, each as wide as this share of a step of 1.
    Bars(Vec<(f64, f64)>, f64, &'static str),
    /// Images that fill the frame, row by row.
    Images(Images),
}

/// A line of the legend.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub text: String,
    pub marker: Option<Marker>,
    pub stroke: Option<Stroke>,
}

/// One panel of a figure.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    /// Which panel of a figure of several it is.
    pub letter: Option<char>,
    /// A line at the top, in place of two rows of the legend.
    pub heading: Option<String>,
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub items: Vec<Item>,
    /// In two columns, filled row by row, above the frame; below it where it does not fit there.
    pub legend: Vec<Entry>,
    /// What the panel leaves out.
    pub notes: Vec<String>,
}

impl Panel {
    /// An axis of layers along the bottom of a panel.
    pub(crate) fn names_axis(label: &str, names: &[String]) -> Axis {
        Axis::names(label, names, FRAME_WIDTH, TICK_SIZE)
    }

    /// Height with the notes.
    pub(crate) fn height(&self) -> f64 {
        let notes = self.note_lines().len();
        HEIGHT + self.legend_below() + NOTE_LINE * notes as f64
    }

    /// Columns and rows of the legend, and whether they have room above the frame.
    fn legend_cut(&self) -> (usize, usize, bool) {
        let two = self.legend.len().div_ceil(2);
        let wide = 42.0 + 36.0 + self.widest(0, 2) + self.widest(1, 2) > WIDTH - 10.0;
        if wide {
            (1, self.legend.len(), false)
        } else {
            let heading = if self.heading.is_some() { 2 } else { 0 };
            (2, two, two + heading <= LEGEND_ROWS)
        }
    }

    /// Height of the legend below the frame.
    fn legend_below(&self) -> f64 {
        match self.legend_cut() {
            (.., true) => 0.0,
            (_, rows, false) => LEGEND_LINE * rows as f64 + 4.0,
        }
    }

    /// Width of the longest text in a column of the legend, of so many.
    fn widest(&self, column: usize, of: usize) -> f64 {
        let entries = self.legend.iter().skip(column).step_by(of);
        let widths = entries.map(|entry| text_width(&entry.text, LEGEND_SIZE));
        widths.fold(0.0, f64::max)
    }

    /// Empty space at the top.
    pub(crate) fn spare(&self) -> f64 {
        let rows = self.legend.len().div_ceil(2).max(1) as f64;
        if self.letter.is_some() {
            0.0
        } else {
            (TOP - 8.0 - LEGEND_LINE * (rows + 0.5)).max(0.0)
        }
    }

    /// Adds `note` below the others.
    pub(crate) fn with_note(&self, note: &str) -> Self {
        let mut panel = self.clone();
        panel.notes.push(note.to_owned());
        panel
    }

    /// The drawing.
    pub(crate) fn draw(&self) -> Svg {
        let mut svg = Svg::default();
        let font = |size, anchor| Font {
            size,
            bold: false,
            colour: INK,
            anchor,
        };
        let bold = Font {
            bold: true,
            ..font(18.0, Anchor::Start)
        };
        if let Some(letter) = self.letter {
            svg.text(10.0, 26.0, &format!("({letter})"), bold);
        }
        if let Some(heading) = &self.heading {
            svg.text(LEFT, 26.0, heading, font(14.0, Anchor::Start));
        }
        for item in &self.items {
            self.draw_item(&mut svg, item);
        }
        if self.items.is_empty() {
            let centre = (LEFT + FRAME_WIDTH / 2.0, TOP + FRAME_HEIGHT / 2.0);
            svg.text(centre.0, centre.1, "no values", font(16.0, Anchor::Middle));
        }
        self.draw_axes(&mut svg);
        self.draw_legend(&mut svg);
        for (i, line) in self.note_lines().iter().enumerate() {
            let note = Font {
                colour: GREY,
                ..font(NOTE_SIZE, Anchor::Start)
            };
            let y = HEIGHT + self.legend_below() + NOTE_LINE * i as f64 + 4.0;
            svg.text(10.0, y, line, note);
        }
        svg
    }

    fn draw_item(&self, svg: &mut Svg, item: &Item) {
        match item {
            Item::Line(points, stroke) => {
                for run in self.visible_runs(points) {
                    svg.polyline(&run, *stroke);
                }
            }
            Item::Markers(points, marker) => {
                let shown = points.iter().filter(|p| self.holds(p.x, p.y));
                for point in shown.clone() {
                    self.draw_bars(svg, point, *marker);
                }
                for point in shown {
                    let (x, y) = self.place(point.x, point.y);
                    svg.marker(x, y, *marker);
                }
            }
            Item::Dots(points, colour) => {
                let mut covered = std::collections::BTreeSet::new();
                for &(x, y) in points.iter().filter(|&&(x, y)| self.holds(x, y)) {
                    let (x, y) = self.place(x, y);
                    if covered.insert(((x / 3.0).round() as i64, (y / 3.0).round() as i64)) {
                        svg.dot(x, y, 1.8, colour);
                    }
                }
            }
            Item::Labels(labels) => labels.draw(self, svg),
            Item::Bars(bars, width, colour) => {
                for &(x, y) in bars {
                    let (left, top) = self.place(x - width / 2.0, y);
                    let (right, bottom) = self.place(x + width / 2.0, 0.0);
                    let (top, bottom) = (top.max(TOP), bottom.min(TOP + FRAME_HEIGHT));
                    svg.area(left, top, right - left, (bottom - top).max(0.0), colour);
                }
            }
            Item::Images(images) => images.draw(svg),
        }
    }

    fn draw_bars(&self, svg: &mut Svg, point: &Point, marker: Marker) {
        let stroke = Stroke {
            colour: marker.colour,
            width: 1.2,
            dash: "",
        };
        let (x, y) = self.place(point.x, point.y);
        let limit_x = |v: f64| self.place(v, point.y).0.clamp(LEFT, LEFT + FRAME_WIDTH);
        let limit_y = |v: f64| self.place(point.x, v).1.clamp(TOP, TOP + FRAME_HEIGHT);
        let (left, right) = (
            limit_x(point.x - point.x_stderr),
            limit_x(point.x + point.x_stderr),
        );
        if right - left > 2.0 * (marker.radius + VISIBLE_BAR) {
            svg.polyline(&[(left, y), (right, y)], stroke);
            for end in [left, right] {
                svg.polyline(&[(end, y - BAR_CAP), (end, y + BAR_CAP)], stroke);
            }
        }
        let (low, high) = (
            limit_y(point.y - point.y_stderr),
            limit_y(point.y + point.y_stderr),
        );
        if low - high > 2.0 * (marker.radius + VISIBLE_BAR) {
            svg.polyline(&[(x, low), (x, high)], stroke);
            for end in [low, high] {
                svg.polyline(&[(x - BAR_CAP, end), (x + BAR_CAP, end)], stroke);
            }
        }
    }

    fn draw_axes(&self, svg: &mut Svg) {
        let (bottom, right) = (TOP + FRAME_HEIGHT, LEFT + FRAME_WIDTH);
        let tick_font = |anchor| Font {
            size: TICK_SIZE,
            bold: false,
            colour: INK,
            anchor,
        };
        let label_font = Font {
            size: 16.0,
            ..tick_font(Anchor::Middle)
        };
        svg.frame(LEFT, TOP, FRAME_WIDTH, FRAME_HEIGHT, FRAME);
        for &value in &self.x.minor {
            let x = LEFT + FRAME_WIDTH * self.x.at(value);
            svg.polyline(&[(x, bottom), (x, bottom - 3.0)], FRAME);
        }
        for &value in &self.y.minor {
            let y = bottom - FRAME_HEIGHT * self.y.at(value);
            svg.polyline(&[(LEFT, y), (LEFT + 3.0, y)], FRAME);
        }
        for (value, text) in &self.x.ticks {
            let x = LEFT + FRAME_WIDTH * self.x.at(*value);
            svg.polyline(&[(x, bottom), (x, bottom - 6.0)], FRAME);
            svg.text(x, bottom + 18.0, text, tick_font(Anchor::Middle));
        }
        for (value, text) in &self.y.ticks {
            let y = bottom - FRAME_HEIGHT * self.y.at(*value);
            svg.polyline(&[(LEFT, y), (LEFT + 6.0, y)], FRAME);
            svg.text(LEFT - 6.0, y + 5.0, text, tick_font(Anchor::End));
        }
        let centre = LEFT.midpoint(right);
        svg.text(centre, bottom + 42.0, &self.x.label, label_font);
        svg.text_upwards(22.0, TOP.midpoint(bottom), &self.y.label, label_font);
    }

    fn draw_legend(&self, svg: &mut Svg) {
        let (columns, rows, above) = self.legend_cut();
        let font = Font {
            size: LEGEND_SIZE,
            bold: false,
            colour: INK,
            anchor: Anchor::Start,
        };
        // The second column starts behind the longest text of the first, and ends in the panel.
        let column = 42.0 + self.widest(0, columns);
        let room = match columns {
            2 => column + 36.0 + self.widest(1, 2),
            _ => 36.0 + self.widest(0, 1),
        };
        let left = LEFT.min(WIDTH - room).max(10.0);
        let top = if above {
            TOP - 12.0 - LEGEND_LINE * (rows.max(1) - 1) as f64
        } else {
            HEIGHT + 2.0
        };
        for (i, entry) in self.legend.iter().enumerate() {
            let x = left + column * (i % columns) as f64;
            let y = top + LEGEND_LINE * (i / columns) as f64;
            if let Some(stroke) = entry.stroke {
                svg.polyline(&[(x, y), (x + 28.0, y)], stroke);
            }
            if let Some(marker) = entry.marker {
                svg.marker(x + 14.0, y, marker);
            }
            svg.text(x + 36.0, y + 4.5, &entry.text, font);
        }
    }

    /// The notes, broken into lines that fit.
    fn note_lines(&self) -> Vec<String> {
        let notes = self.notes.iter();
        notes.flat_map(|note| broken(note, WIDTH - 20.0)).collect()
    }

    /// The pixel of a point.
    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        (
            LEFT + FRAME_WIDTH * self.x.at(x),
            TOP + FRAME_HEIGHT * (1.0 - self.y.at(y)),
        )
    }

    /// Whether a point lies in the frame.
    fn holds(&self, x: f64, y: f64) -> bool {
        let inside = |fraction: f64| (-1e-9..=1.0 + 1e-9).contains(&fraction);
        inside(self.x.at(x)) && inside(self.y.at(y))
    }

    /// The parts of a line that lie in the frame, cut where it leaves.
    fn visible_runs(&self, points: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
        let mut runs: Vec<Vec<(f64, f64)>> = Vec::new();
        for pair in points.windows(2) {
            let from = self.place(pair[0].0, pair[0].1);
            let to = self.place(pair[1].0, pair[1].1);
            let Some((start, end)) = clipped(from, to) else {
                continue;
            };
            match runs.last_mut() {
                Some(run) if run.last() == Some(&start) => run.push(end),
                _ => runs.push(vec![start, end]),
            }
        }
        runs
    }
}

/// A note in lines of at most `width` pixels, broken between words.
fn broken(note: &str, width: f64) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in note.split_inclusive(' ') {
        if !line.is_empty() && text_width(&line, NOTE_SIZE) + text_width(word, NOTE_SIZE) > width {
            lines.push(std::mem::take(&mut line));
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// The part of a segment that lies in the frame (Liang and Barsky).
fn clipped(from: (f64, f64), to: (f64, f64)) -> Option<((f64, f64), (f64, f64))> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
    for (step, room) in [
        (-dx, from.0 - LEFT),
        (dx, LEFT + FRAME_WIDTH - from.0),
        (-dy, from.1 - TOP),
        (dy, TOP + FRAME_HEIGHT - from.1),
    ] {
        if step == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if step < 0.0 {
            enter = enter.max(room / step);
        } else {
            leave = leave.min(room / step);
        }
    }
    let at = |t: f64| (from.0 + t * dx, from.1 + t * dy);
    // Ends that lie inside are kept to the bit, so that runs can be joined.
    let start = if enter > 0.0 { at(enter) } else { from };
    let end = if leave < 1.0 { at(leave) } else { to };
    (enter < leave).then_some((start, end))
}
