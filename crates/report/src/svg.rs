//! The few elements of SVG that a figure is made of, in pixels, y downwards.

use std::fmt::Write;

/// First choice is the font that the PNG is drawn with; the others are about as wide and found in
/// any browser.
const FONTS: &str = "'DejaVu Sans', Verdana, Arial, sans-serif";

/// Size and lowering of subscripts, as fractions of the font size. Superscripts rise by more.
const SCRIPT_SIZE: f64 = 0.72;
const SUBSCRIPT_DOWN: f64 = 0.22;
const SUPERSCRIPT_UP: f64 = 0.38;

/// Points of a line that are closer than this many pixels are drawn as one.
const SHORTEST_STEP: f64 = 0.5;

/// Shades of an image, white among them.
const SHADES: u32 = 9;

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stroke {
    pub colour: &'static str,
    pub width: f64,
    /// As in SVG's `stroke-dasharray`; empty for a full line.
    pub dash: &'static str,
}

/// The outline of a marker.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
}

/// How a point is drawn. Colour, shape and fill all differ between series, so that none is needed
/// to tell them apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marker {
    pub colour: &'static str,
    pub shape: Shape,
    pub filled: bool,
    /// Half the width in pixels.
    pub radius: f64,
}

/// Where a text stands relative to its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Font {
    pub size: f64,
    pub bold: bool,
    pub colour: &'static str,
    pub anchor: Anchor,
}

/// Elements of a picture, in the order in which they cover each other.
#[derive(Debug, Default)]
pub(crate) struct Svg {
    body: String,
}

impl Svg {
    /// The finished document on a white ground.
    pub(crate) fn document(&self, title: &str, width: f64, height: f64) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" \
             viewBox=\"0 0 {w} {h}\" role=\"img\" font-family=\"{FONTS}\">\n\
             <title>{title}</title>\n\
             <rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>\n{body}</svg>\n",
            w = number(width),
            h = number(height),
            title = escaped(title),
            body = self.body,
        )
    }

    /// `other` with its origin at (`x`, `y`).
    pub(crate) fn place(&mut self, x: f64, y: f64, other: &Self) {
        let (x, y) = (number(x), number(y));
        self.line(format_args!("<g transform=\"translate({x} {y})\">"));
        self.body.push_str(&other.body);
        self.line(format_args!("</g>"));
    }

    /// A frame without fill.
    pub(crate) fn frame(&mut self, x: f64, y: f64, width: f64, height: f64, stroke: Stroke) {
        let stroke = stroke.attributes();
        let [x, y, width, height] = [x, y, width, height].map(number);
        self.line(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"none\" {stroke}/>"
        ));
    }

    /// A line through all points.
    pub(crate) fn polyline(&mut self, points: &[(f64, f64)], stroke: Stroke) {
        if points.len() < 2 {
            return;
        }
        let mut list = String::new();
        let mut drawn: Option<(f64, f64)> = None;
        for (i, &(x, y)) in points.iter().enumerate() {
            // Steps that nobody can see only make the file longer.
            let seen = drawn.is_none_or(|last| (x - last.0).hypot(y - last.1) > SHORTEST_STEP);
            if !seen && i + 1 < points.len() {
                continue;
            }
            drawn = Some((x, y));
            let separator = if list.is_empty() { "" } else { " " };
            let _ = write!(list, "{separator}{},{}", number(x), number(y));
        }
        let stroke = stroke.attributes();
        self.line(format_args!(
            "<polyline points=\"{list}\" fill=\"none\" stroke-linejoin=\"round\" {stroke}/>"
        ));
    }

    /// A marker with its centre at (`x`, `y`). Open ones are white inside, so that no line shows
    /// through.
    pub(crate) fn marker(&mut self, x: f64, y: f64, marker: Marker) {
        let colour = marker.colour;
        let fill = if marker.filled { colour } else { "#ffffff" };
        let paint = format!("fill=\"{fill}\" stroke=\"{colour}\" stroke-width=\"1.6\"");
        let r = marker.radius;
        let corners: &[(f64, f64)] = match marker.shape {
            Shape::Circle => {
                let [x, y, r] = [x, y, r].map(number);
                self.line(format_args!(
                    "<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\" {paint}/>"
                ));
                return;
            }
            Shape::Square => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
            Shape::Triangle => &[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
            Shape::Diamond => &[(0.0, -1.3), (1.1, 0.0), (0.0, 1.3), (-1.1, 0.0)],
        };
        let mut path = String::new();
        for (i, &(dx, dy)) in corners.iter().enumerate() {
            let step = if i == 0 { "M" } else { "L" };
            let _ = write!(path, "{step}{} {}", number(x + r * dx), number(y + r * dy));
        }
        self.line(format_args!("<path d=\"{path}Z\" {paint}/>"));
    }

    /// A filled rectangle.
    pub(crate) fn area(&mut self, x: f64, y: f64, width: f64, height: f64, colour: &str) {
        let [x, y, width, height] = [x, y, width, height].map(number);
        self.line(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{colour}\"/>"
        ));
    }

    /// An image of `width` columns with its corner at (`x`, `y`), a pixel `scale` wide: 0 is white, 255
    /// black. Neighbours of one shade are one stroke, so that the file stays small.
    pub(crate) fn pixels(&mut self, x: f64, y: f64, scale: f64, width: usize, pixels: &[u8]) {
        let [x, y] = [x, y].map(number);
        let shade = |pixel: &u8| (u32::from(*pixel) * (SHADES - 1) + 127) / 255;
        let mut strokes = vec![String::new(); SHADES as usize];
        for (row, pixels) in pixels.chunks(width.max(1)).enumerate() {
            let mut column = 0;
            for run in pixels.chunk_by(|a, b| shade(a) == shade(b)) {
                let stroke = &mut strokes[shade(&run[0]) as usize];
                // Writing to a string cannot fail.
                let _ = write!(stroke, "M{column} {row}.5h{}", run.len());
                column += run.len();
            }
        }
        self.line(format_args!(
            "<g transform=\"translate({x} {y}) scale({scale:.4})\" shape-rendering=\"crispEdges\">"
        ));
        for (shade, stroke) in (0..)
            .zip(&strokes)
            .skip(1)
            .filter(|(_, stroke)| !stroke.is_empty())
        {
            let grey = 255 - 255 * shade / (SHADES - 1);
            self.line(format_args!(
                "<path d=\"{stroke}\" stroke=\"#{grey:02x}{grey:02x}{grey:02x}\"/>"
            ));
        }
        self.line(format_args!("</g>"));
    }

    /// A faint dot.
    pub(crate) fn dot(&mut self, x: f64, y: f64, radius: f64, colour: &str) {
        let [x, y, r] = [x, y, radius].map(number);
        self.line(format_args!(
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\" fill=\"{colour}\" fill-opacity=\"0.35\"/>"
        ));
    }

    /// A text with its baseline at `y`: `*italic*`, `_{lowered}`, `^{raised}`.
    pub(crate) fn text(&mut self, x: f64, y: f64, text: &str, font: Font) {
        let (x, y) = (number(x), number(y));
        let place = format!("x=\"{x}\" y=\"{y}\"");
        self.text_at(&place, text, font);
    }

    /// As [`text`](Self::text), reading upwards.
    pub(crate) fn text_upwards(&mut self, x: f64, y: f64, text: &str, font: Font) {
        let place = format!(
            "transform=\"translate({} {}) rotate(-90)\"",
            number(x),
            number(y)
        );
        self.text_at(&place, text, font);
    }

    fn text_at(&mut self, place: &str, text: &str, font: Font) {
        let anchor = match font.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = if font.bold {
            " font-weight=\"bold\""
        } else {
            ""
        };
        let size = number(font.size);
        let spans = spans(text, font.size);
        self.line(format_args!(
            "<text {place} font-size=\"{size}\" fill=\"{}\" text-anchor=\"{anchor}\"{weight}>{spans}</text>",
            font.colour
        ));
    }

    fn line(&mut self, line: std::fmt::Arguments) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.body, "{line}");
    }
}

impl Stroke {
    fn attributes(self) -> String {
        let Self {
            colour,
            width,
            dash,
        } = self;
        let width = number(width);
        if dash.is_empty() {
            format!("stroke=\"{colour}\" stroke-width=\"{width}\"")
        } else {
            format!("stroke=\"{colour}\" stroke-width=\"{width}\" stroke-dasharray=\"{dash}\"")
        }
    }
}

/// Two decimals are finer than any screen, and hide last bits that differ between machines.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

fn escaped(text: &str) -> String {
    // XML has no way to write control characters.
    let text: String = text.chars().filter(|letter| !letter.is_control()).collect();
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The text's `tspan` elements.
fn spans(text: &str, size: f64) -> String {
    let mut out = String::new();
    let mut height = 0.0;
    for piece in pieces(text) {
        let dy = piece.height * size - height;
        height += dy;
        let italic = if piece.italic {
            " font-style=\"italic\""
        } else {
            ""
        };
        let shift = if dy == 0.0 {
            String::new()
        } else {
            format!(" dy=\"{}\"", number(dy))
        };
        let small = if piece.height == 0.0 {
            String::new()
        } else {
            format!(" font-size=\"{}\"", number(size * SCRIPT_SIZE))
        };
        let content = escaped(&piece.text);
        if italic.is_empty() && shift.is_empty() && small.is_empty() {
            out.push_str(&content);
        } else {
            let _ = write!(out, "<tspan{italic}{shift}{small}>{content}</tspan>");
        }
    }
    out
}

/// Letters of one kind.
struct Piece {
    text: String,
    italic: bool,
    /// Lowering as a fraction of the font size.
    height: f64,
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let (mut italic, mut height) = (false, 0.0);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '*' => italic = !italic,
            '_' if letters.next_if_eq(&'{').is_some() => height = SUBSCRIPT_DOWN,
            '^' if letters.next_if_eq(&'{').is_some() => height = -SUPERSCRIPT_UP,
            '}' if height != 0.0 => height = 0.0,
            _ => match pieces.last_mut() {
                Some(last) if last.italic == italic && last.height.total_cmp(&height).is_eq() => {
                    last.text.push(letter);
                }
                _ => pieces.push(Piece {
                    text: letter.to_string(),
                    italic,
                    height,
                }),
            },
        }
    }
    pieces
}

/// About how wide a text is, rather too much: words in DejaVu Sans are .53 of their size a letter.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    pieces(text)
        .iter()
        .map(|piece| {
            let scale = if piece.height == 0.0 {
                1.0
            } else {
                SCRIPT_SIZE
            };
            piece.text.chars().count() as f64 * 0.56 * size * scale
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_spans() {
        assert_eq!(
            spans("*m*_{k} < 10^{−2}", 10.0),
            "<tspan font-style=\"italic\">m</tspan><tspan dy=\"2.2\" font-size=\"7.2\">k</tspan>\
             <tspan dy=\"-2.2\"> &lt; 10</tspan><tspan dy=\"-3.8\" font-size=\"7.2\">−2</tspan>"
        );
        assert_eq!(spans("plain & simple", 10.0), "plain &amp; simple");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(number(-0.001), "0");
        assert_eq!(number(12.5), "12.5");
        assert_eq!(number(100.0), "100");
    }
}
