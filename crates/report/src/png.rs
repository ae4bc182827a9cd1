//! The same picture in pixels.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb::Database};

use crate::Error;

/// Pixels of the PNG to one of the SVG: sharp in print at half a page's width.
const SCALE: f32 = 2.0;

/// Draws `svg` with the fonts that come with this crate, whatever fonts the machine has.
pub(crate) fn png(name: &str, svg: &str) -> Result<Vec<u8>, Error> {
    let failed = |reason: String| Error::Png {
        name: name.to_owned(),
        reason,
    };
    let mut fonts = Database::new();
    for font in [
        dejavu::sans::regular(),
        dejavu::sans::bold(),
        dejavu::sans::oblique(),
    ] {
        fonts.load_font_data(font.to_vec());
    }
    let options = Options {
        fontdb: Arc::new(fonts),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(|error| failed(error.to_string()))?;
    let size = tree
        .size()
        .to_int_size()
        .scale_by(SCALE)
        .ok_or_else(|| failed("it has no size".to_owned()))?;
    let mut pixels = Pixmap::new(size.width(), size.height())
        .ok_or_else(|| failed("it has no size".to_owned()))?;
    resvg::render(
        &tree,
        Transform::from_scale(SCALE, SCALE),
        &mut pixels.as_mut(),
    );
    pixels
        .encode_png()
        .map_err(|error| failed(error.to_string()))
}
