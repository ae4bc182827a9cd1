//! Panels (a) to (c): samples of a layer.

use resrel_experiment::{GeneratedLayer, Images};

use crate::axis::Axis;
use crate::figure::Drawn;
use crate::panel::{self, Entry, Item, PLACES, Panel};
use crate::plot::Picture;

/// Draws the first samples of a layer, called `name`, side by side: dark where a pixel is 1.
#[must_use]
pub fn samples_plot(name: &str, images: &Images) -> Picture {
    let panel = panel(name, Some(images));
    Picture::new(&panel.title.clone(), &[panel])
}

pub(crate) fn draw(layer: &GeneratedLayer) -> Drawn {
    panel_of(layer.name, layer.images)
}

/// The samples of anything.
pub(crate) fn panel_of(name: &str, images: Option<&Images>) -> Drawn {
    Drawn {
        panel: panel(name, images),
        csv: String::new(),
    }
}

fn panel(name: &str, images: Option<&Images>) -> Panel {
    let (mut items, mut notes) = (Vec::new(), Vec::new());
    match images {
        Some(images) if images.shape.1 > 0 => items.push(Item::Images(panel::Images {
            shape: images.shape,
            images: images.iter().take(PLACES).map(<[u8]>::to_vec).collect(),
        })),
        _ => notes.push("The data are no images.".to_owned()),
    }
    Panel {
        letter: None,
        heading: None,
        title: format!("Samples of {name}"),
        x: Axis::bare(),
        y: Axis::bare(),
        items,
        legend: vec![Entry {
            text: format!("samples of {name}"),
            marker: None,
            stroke: None,
        }],
        notes,
    }
}
