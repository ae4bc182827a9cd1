//! Images side by side in a panel's frame.

use super::{FRAME_HEIGHT, FRAME_WIDTH, LEFT, TOP};
use crate::svg::Svg;

/// Images in a row, and rows: cells that are about square.
const COLUMNS: usize = 12;
const ROWS: usize = 9;
/// Images that have a place.
pub(crate) const PLACES: usize = COLUMNS * ROWS;
/// Share of its cell that an image fills.
const FILLED: f64 = 0.92;

/// Images of one size, dark on white.
#[derive(Debug, Clone)]
pub(crate) struct Images {
    /// Height and width in pixels.
    pub shape: (usize, usize),
    /// The pixels of each, row by row, 0 (white) to 255 (black). Those beyond the last place are left out.
    pub images: Vec<Vec<u8>>,
}

impl Images {
    pub(super) fn draw(&self, svg: &mut Svg) {
        let (cell_width, cell_height) = (FRAME_WIDTH / COLUMNS as f64, FRAME_HEIGHT / ROWS as f64);
        let (height, width) = (self.shape.0 as f64, self.shape.1 as f64);
        let scale = FILLED * (cell_width / width).min(cell_height / height);
        for (place, image) in self.images.iter().take(PLACES).enumerate() {
            let (row, column) = ((place / COLUMNS) as f64, (place % COLUMNS) as f64);
            let left = LEFT + cell_width * (column + 0.5) - scale * width / 2.0;
            let top = TOP + cell_height * (row + 0.5) - scale * height / 2.0;
            svg.pixels(left, top, scale, self.shape.1, image);
        }
    }
}
