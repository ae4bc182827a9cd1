//! Figure 1 of Song, Marsili, Jo, "Resolution and Relevance Trade-offs in Deep Learning": how the states of
//! one layer merge in the next, with images that belong to them.

use std::fmt::Write;

use resrel_experiment::{Images, Node, Record, Sidecar, number_in};

use crate::figure::cell;
use crate::look::{BLACK, BLUE, GREY};
use crate::svg::{Anchor, Font, Marker, Shape, Stroke, Svg, text_width};
use crate::{Artefact, Error, png};

/// Width of a leaf, width and height of an image, and heights of rows, in pixels.
const LEAF: f64 = 58.0;
const IMAGE: f64 = 44.0;
const EXAMPLE: f64 = 34.0;
/// From one layer's images to the next layer's: text and edges.
const BETWEEN: f64 = 150.0;
/// From an image to the end of the text below it.
const TEXT: f64 = 46.0;
const LEFT: f64 = 84.0;
const TOP: f64 = 64.0;
const MARGIN: f64 = 16.0;

/// Width of the edge of the largest state.
const WIDEST: f64 = 26.0;
const THINNEST: f64 = 0.7;
const EDGE: &str = "#b9cbe0";

const FRAME: Stroke = Stroke {
    colour: GREY,
    width: 0.7,
    dash: "",
};
const NO_IMAGE: Marker = Marker {
    colour: BLUE,
    shape: Shape::Circle,
    filled: true,
    radius: 9.0,
};

const TITLE: &str = "Figure 1: how states merge from layer to layer";

/// Draws Figure 1 from the first record that has a hierarchy: `fig1` as SVG, PNG and CSV.
pub(crate) fn draw(records: &[(Record, Sidecar)]) -> Result<Vec<Artefact>, Error> {
    // The first realization, in whatever order the records come.
    let with = records
        .iter()
        .filter(|(record, _)| !record.hierarchy.is_empty());
    let first = with.min_by_key(|(record, _)| record.unit.realization);
    let (record, sidecar) = first.ok_or(Error::NoRecords)?;
    let nodes = &record.hierarchy;
    let page = Tree::new(nodes, sidecar.images.as_ref());
    let m = record.layers.first().map_or(0, |measure| measure.m);
    let svg = page.draw(&about(record, m));
    Ok(vec![
        Artefact::new("fig1", "csv", csv(nodes).into_bytes()),
        Artefact::new("fig1", "png", png("fig1", &svg)?),
        Artefact::new("fig1", "svg", svg.into_bytes()),
    ])
}

fn about(record: &Record, m: u64) -> String {
    format!(
        "Data: {}, *M* = {m}. The largest states of each layer; *k*: observations in a state, with the most \
         frequent label and its share. Widths of edges ∝ *k*. Images: means, and examples at the bottom.",
        record.data
    )
}

fn csv(nodes: &[Node]) -> String {
    let mut csv = String::from("node,layer,parent,k,states_merged,label,label_share\n");
    for (place, node) in nodes.iter().enumerate() {
        let number = |number: Option<usize>| number.map_or_else(String::new, |n| n.to_string());
        // Writing to a string cannot fail.
        let _ = writeln!(
            csv,
            "{place},{},{},{},{},{},{}",
            node.layer,
            number(node.parent),
            node.count,
            number(node.merged),
            node.label
                .map_or_else(String::new, |label| label.to_string()),
            cell(node.purity)
        );
    }
    csv
}

/// The nodes with their places.
struct Tree<'a> {
    nodes: &'a [Node],
    /// The images of each node; none where the data are no images.
    images: Vec<Vec<&'a [u8]>>,
    shape: (usize, usize),
    /// Layer names from the top.
    layers: Vec<&'a str>,
    /// Centre of each node along the page, and its row.
    places: Vec<(f64, usize)>,
    leaves: usize,
}

impl<'a> Tree<'a> {
    fn new(nodes: &'a [Node], images: Option<&'a Images>) -> Self {
        let mut layers: Vec<&str> = Vec::new();
        for node in nodes {
            if !layers.contains(&node.layer.as_str()) {
                layers.push(&node.layer);
            }
        }
        layers.sort_by_key(|name| std::cmp::Reverse(number_in(name)));
        let row = |node: &Node| layers.iter().position(|name| *name == node.layer);
        let rows: Vec<usize> = nodes.iter().map(|node| row(node).unwrap_or(0)).collect();
        let is_parent = |place: usize| nodes.iter().any(|node| node.parent == Some(place));
        let (mut centres, mut leaves) = (vec![0.0; nodes.len()], 0_usize);
        // Children come behind their parents, and in the order in which they stand beside each other.
        for (place, centre) in centres.iter_mut().enumerate() {
            if !is_parent(place) {
                *centre = LEFT + LEAF * (leaves as f64 + 0.5);
                leaves += 1;
            }
        }
        for place in (0..nodes.len()).rev() {
            let children = (0..nodes.len()).filter(|child| nodes[*child].parent == Some(place));
            let children: Vec<f64> = children.map(|child| centres[child]).collect();
            if let ([first, ..], [.., last]) = (&children[..], &children[..]) {
                centres[place] = f64::midpoint(*first, *last);
            }
        }
        let shape = images.map_or((1, 1), |images| images.shape);
        let mut all = images.into_iter().flat_map(Images::iter);
        let images = nodes
            .iter()
            .map(|node| all.by_ref().take(node.images).collect())
            .collect();
        Self {
            nodes,
            images,
            shape,
            layers,
            places: centres.into_iter().zip(rows).collect(),
            leaves,
        }
    }

    fn draw(&self, about: &str) -> String {
        let mut page = Svg::default();
        page.text(MARGIN, 28.0, TITLE, font(17.0, Anchor::Start));
        let top = |row: usize| TOP + (IMAGE + BETWEEN) * row as f64;
        for (row, layer) in self.layers.iter().enumerate() {
            let middle = top(row) + IMAGE / 2.0 + 6.0;
            page.text(MARGIN, middle, layer, font(17.0, Anchor::Start));
        }
        let joined = self.nodes.iter().filter(|node| node.parent.is_some());
        let largest = joined.map(|node| node.count).max().unwrap_or(1);
        for (node, &(x, row)) in self.nodes.iter().zip(&self.places) {
            let Some((above_x, above_row)) = node.parent.map(|parent| self.places[parent]) else {
                continue;
            };
            let edge = Stroke {
                colour: EDGE,
                width: (WIDEST * node.count as f64 / largest as f64).max(THINNEST),
                dash: "",
            };
            let start = top(above_row) + IMAGE + TEXT + 8.0;
            page.polyline(&[(above_x, start), (x, top(row) - 4.0)], edge);
        }
        let mut deepest = 0.0_f64;
        for (place, (node, &(x, row))) in self.nodes.iter().zip(&self.places).enumerate() {
            let end = self.draw_node(&mut page, place, node, (x, top(row)));
            deepest = deepest.max(end);
        }
        let small = Font {
            colour: "#555555",
            ..font(11.0, Anchor::Start)
        };
        page.text(MARGIN, deepest + 24.0, about, small);
        let width = LEFT + LEAF * self.leaves as f64 + MARGIN;
        let width = width.max(2.0 * MARGIN + text_width(about, 11.0));
        page.document(TITLE, width, deepest + 40.0)
    }

    /// Draws a node's images and words; returns where they end.
    fn draw_node(&self, page: &mut Svg, place: usize, node: &Node, (x, top): (f64, f64)) -> f64 {
        let mut images = self.images[place].iter();
        match images.next() {
            Some(mean) => self.draw_image(page, mean, (x, top), IMAGE),
            None => page.marker(x, top + IMAGE / 2.0, NO_IMAGE),
        }
        let mut words = vec![format!("*k* = {}", node.count)];
        if let (Some(label), Some(purity)) = (node.label, node.purity) {
            words.push(format!("{label}: {:.0} %", 100.0 * purity));
        }
        if let Some(merged) = node.merged {
            words.push(match merged {
                1 => "1 state".to_owned(),
                merged => format!("{merged} states"),
            });
        }
        let mut end = top + IMAGE;
        for word in words {
            end += 13.0;
            page.text(x, end, &word, font(11.0, Anchor::Middle));
        }
        end = end.max(top + IMAGE + TEXT) + 4.0;
        for example in images {
            self.draw_image(page, example, (x, end), EXAMPLE);
            end += EXAMPLE + 4.0;
        }
        end
    }

    /// An image in a square of `side`, with a thin frame.
    fn draw_image(&self, page: &mut Svg, pixels: &[u8], (x, top): (f64, f64), side: f64) {
        let (height, width) = (self.shape.0 as f64, self.shape.1 as f64);
        let scale = side / height.max(width).max(1.0);
        let (left, wide, high) = (x - scale * width / 2.0, scale * width, scale * height);
        page.area(left, top, wide, high, "#ffffff");
        page.pixels(left, top, scale, self.shape.1, pixels);
        page.frame(left, top, wide, high, FRAME);
    }
}

fn font(size: f64, anchor: Anchor) -> Font {
    Font {
        size,
        bold: false,
        colour: BLACK,
        anchor,
    }
}
