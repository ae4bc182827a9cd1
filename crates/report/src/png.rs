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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svg::{Anchor, Font, Svg};

    #[test]
    fn letters_are_drawn_with_the_fonts_at_hand() {
        let ink = |text: &str, bold| {
            let mut svg = Svg::default();
            let font = Font {
                size: 20.0,
                bold,
                colour: "#000000",
                anchor: Anchor::Start,
            };
            svg.text(5.0, 25.0, text, font);
            let svg = svg.document("letters", 200.0, 40.0);
            let pixels = Pixmap::decode_png(&png("letters", &svg).unwrap()).unwrap();
            assert_eq!((pixels.width(), pixels.height()), (400, 80));
            let dark = pixels.pixels().iter().filter(|pixel| pixel.red() < 128);
            dark.count()
        };
        assert_eq!(ink("", false), 0);
        assert!(ink("H", false) > 50);
        assert!(ink("H", true) > ink("H", false));
        assert_ne!(ink("*H*", false), ink("H", false));
        // A letter that the font lacks would be an empty box or nothing: these have shapes of
        // their own.
        let shapes = ["β", "∝", "−", "–", "…"].map(|letter| ink(letter, false));
        for (i, shape) in shapes.iter().enumerate() {
            assert!(*shape > 0 && !shapes[..i].contains(shape), "{shapes:?}");
        }
    }
}
