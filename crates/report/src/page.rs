//! Records → one page that people look at: everything that is told of a run, in one file that needs no network.
//!
//! What is shown goes into the page as JSON; the page's own script draws it.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use resrel_experiment::{
    Images, Judgement, Layer, Plan, Record, Series, ShownState, Sidecar, Summary, Verdict, variants,
};
use resrel_measure::{Critical, Measure, Spectrum, binned, hurwitz_zeta};
use serde::Serialize;

use crate::theory::Curves;
use crate::{Artefact, Error};

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// Images of a row of a sheet of samples.
const SAMPLES_A_ROW: usize = 12;

/// A run as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct Run {
    title: String,
    figure: &'static str,
    /// Name of its folder.
    folder: String,
    data: String,
    observations: u64,
    realizations: usize,
    /// The command that repeats it.
    command: String,
    recipe: String,
    /// Versions and vector instructions that wrote the records.
    written_by: Vec<String>,
    /// Seconds by phase, over all units.
    seconds: BTreeMap<String, f64>,
    critical: Option<Critical>,
    claims: Vec<Judgement>,
    verdict: Vec<String>,
    curves: Lines,
    sources: Vec<Source>,
    figures: Vec<Download>,
}

/// The theoretical curves as points (H\[s\], H\[k\]).
#[derive(Debug, Serialize)]
struct Lines {
    optimum: Vec<(f64, f64)>,
    bound: Vec<(f64, f64)>,
    family: Vec<(f64, f64)>,
}

/// A series, or the networks of a sweep.
#[derive(Debug, Serialize)]
struct Source {
    name: String,
    layers: Vec<LayerView>,
}

#[derive(Debug, Serialize)]
struct LayerView {
    name: String,
    /// One a realization.
    measures: Vec<Measure>,
    /// Pairs (k, m_k), added over the realizations.
    spectrum: Vec<(u64, u64)>,
    /// Centres and densities of bins of ratio 2.
    bins: Vec<(f64, f64)>,
    /// The fitted law n·k^(−β−1)/ζ(β+1): its factor, by the mean β of the realizations.
    law: Option<Law>,
    states: Vec<ShownState>,
    /// Mean images and examples of the states, a row each.
    state_images: Option<Sheet>,
    samples: Option<Sheet>,
    /// Generation ability of the layer's samples.
    ability: Option<f64>,
}

/// m_k = factor · k^(−β−1).
#[derive(Debug, Serialize)]
struct Law {
    beta: f64,
    factor: f64,
}

/// Images of one size beside and below each other.
#[derive(Debug, Serialize)]
struct Sheet {
    /// Height and width of an image.
    shape: (usize, usize),
    columns: usize,
    count: usize,
    /// As a data URI.
    png: String,
}

/// A file that the page carries.
#[derive(Debug, Serialize)]
struct Download {
    name: String,
    /// As a data URI.
    uri: String,
}

/// The page of some runs: of one, or of several that are compared.
///
/// # Errors
/// [`Error::Page`] if what is shown cannot be written as JSON.
pub(crate) fn page(runs: &[&Run]) -> Result<String, Error> {
    let names: Vec<&str> = runs.iter().map(|run| run.title.as_str()).collect();
    // Nothing in a JSON text may look like the end of the script that it stands in.
    let data = serde_json::to_string(runs)
        .map_err(|error| Error::Page(error.to_string()))?
        .replace('<', "\\u003c");
    let fill = |page: String, place: &str, text: &str| page.replacen(place, text, 1);
    let page = fill(PAGE.to_owned(), "{{title}}", &escaped(&names.join(" | ")));
    let page = fill(page, "{{style}}", STYLE);
    let page = fill(page, "{{script}}", SCRIPT);
    // Last, since it may hold anything.
    Ok(fill(page, "{{data}}", &data))
}

impl Run {
    /// What is told of the run in the folder `out`.
    ///
    /// # Errors
    /// As [`crate::Report::new`]; [`Error::Page`] if an image cannot be written.
    pub fn new(
        plan: &Plan,
        records: &[(Record, Sidecar)],
        figures: &[Artefact],
        out: &Path,
        critical: Option<&Critical>,
        claims: &[Judgement],
    ) -> Result<Self, Error> {
        let summary = Summary::new(records)?;
        let mut written_by: Vec<String> = Vec::new();
        let mut seconds = BTreeMap::new();
        for (record, _) in records {
            let by = format!("resrel {}, {}", record.version, record.instruction_set);
            if !written_by.contains(&by) {
                written_by.push(by);
            }
            for (phase, time) in &record.seconds {
                *seconds.entry(phase.clone()).or_insert(0.0) += time;
            }
        }
        let curves = Curves::new(summary.observations);
        let folder = out.canonicalize().unwrap_or_else(|_| out.to_owned());
        Ok(Self {
            title: plan.recipe.title.clone(),
            figure: plan.recipe.figure.name(),
            folder: folder
                .file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            data: summary.data.join(", "),
            observations: summary.observations,
            realizations: summary.realizations(Series::Trained),
            command: plan.command(),
            recipe: plan.recipe.to_toml()?,
            written_by,
            seconds,
            critical: critical.cloned(),
            claims: claims.to_vec(),
            verdict: verdict(critical, claims),
            curves: Lines {
                optimum: curves.optimum,
                bound: curves.bound,
                family: curves
                    .family
                    .iter()
                    .map(|point| (point.resolution, point.relevance))
                    .collect(),
            },
            sources: sources(&summary, records)?,
            figures: figures.iter().map(Download::new).collect(),
        })
    }
}

/// What came out, in sentences.
fn verdict(critical: Option<&Critical>, claims: &[Judgement]) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(critical) = critical {
        sentences.push(format!("{}.", critical.words));
    }
    let parts: Vec<String> = [
        (Verdict::Holds, "that hold"),
        (Verdict::Fails, "that do not"),
        (Verdict::Undecided, "undecided"),
        (Verdict::NotJudged, "not judged"),
    ]
    .into_iter()
    .filter_map(|(verdict, words)| {
        let numbers: Vec<&str> = claims
            .iter()
            .filter(|claim| claim.verdict == verdict)
            .map(|claim| claim.number.as_str())
            .collect();
        (!numbers.is_empty()).then(|| format!("{words}: {}", numbers.join(", ")))
    })
    .collect();
    if !parts.is_empty() {
        sentences.push(format!("The paper's claims {}.", parts.join("; ")));
    }
    sentences
}

/// The layers that can be chosen, grouped as they are drawn.
fn sources(summary: &Summary, records: &[(Record, Sidecar)]) -> Result<Vec<Source>, Error> {
    let mut sources: Vec<Source> = Vec::new();
    let compared = variants(records)?;
    for (variant, summary) in &compared {
        let layers = summary.layers(Series::Trained);
        let mut views = Vec::with_capacity(layers.len());
        for layer in layers {
            let of = |record: &&(Record, Sidecar)| {
                record.0.unit.variant.as_ref() == Some(variant)
                    && record.0.unit.series == Series::Trained
                    && !record.0.states.is_empty()
            };
            let mut view = LayerView::new(layer, records.iter().find(of))?;
            view.name = match layers {
                [_] => variant.name.clone(),
                _ => format!("{}, {}", variant.name, layer.name),
            };
            let images = summary.learnt.iter().find_map(|(_, images)| *images);
            view.samples = images.map(samples).transpose()?;
            view.ability = summary.ability().map(|mean| mean.value);
            add_generated(&mut view, layer.name, summary)?;
            views.push(view);
        }
        match sources
            .iter_mut()
            .find(|source| source.name == variant.sweep)
        {
            Some(source) => source.layers.append(&mut views),
            None => sources.push(Source {
                name: variant.sweep.clone(),
                layers: views,
            }),
        }
    }
    if !compared.is_empty() {
        return Ok(sources);
    }
    for series in [
        Series::Trained,
        Series::Untrained,
        Series::Shuffled,
        Series::KMeans,
    ] {
        let mut layers = Vec::new();
        for layer in summary.layers(series) {
            let of = |record: &&(Record, Sidecar)| {
                record.0.unit.series == series
                    && !record.0.states.is_empty()
                    && record
                        .0
                        .layers
                        .iter()
                        .any(|measure| measure.name == layer.name)
            };
            let mut view = LayerView::new(layer, records.iter().find(of))?;
            if series == Series::Trained {
                add_generated(&mut view, layer.name, summary)?;
            }
            layers.push(view);
        }
        if !layers.is_empty() {
            sources.push(Source {
                name: series.name().to_owned(),
                layers,
            });
        }
    }
    Ok(sources)
}

/// What the layer generated, if it did.
fn add_generated(view: &mut LayerView, layer: &str, summary: &Summary) -> Result<(), Error> {
    let generated = summary
        .generated
        .iter()
        .find(|generated| generated.name == layer);
    if let Some(generated) = generated {
        view.samples = generated.images.map(samples).transpose()?;
        view.ability = generated.ability().map(|mean| mean.value);
    }
    Ok(())
}

impl LayerView {
    /// A layer; its states are those that the record `shown` has of it.
    fn new(layer: &Layer, shown: Option<&(Record, Sidecar)>) -> Result<Self, Error> {
        let measures: Vec<Measure> = (0..layer.realizations())
            .filter_map(|realization| layer.measure(realization).cloned())
            .collect();
        let mut states = Vec::new();
        let mut sheet = None;
        if let Some((record, sidecar)) = shown {
            let mut place = 0;
            let mut rows: Vec<&[u8]> = Vec::new();
            for state in &record.states {
                let images = place..place + state.images;
                place = images.end;
                if state.layer == layer.name {
                    states.push(state.clone());
                    if let Some(all) = &sidecar.states {
                        let size = all.shape.0 * all.shape.1;
                        rows.extend(all.pixels.get(images.start * size..images.end * size));
                    }
                }
            }
            if let Some(all) = &sidecar.states
                && !rows.is_empty()
            {
                sheet = Some(Sheet::of_rows(&rows, all.shape)?);
            }
        }
        Ok(Self {
            name: layer.name.to_owned(),
            spectrum: layer
                .spectrum
                .as_ref()
                .map_or_else(Vec::new, |it| it.pairs().to_vec()),
            bins: layer.spectrum.as_ref().map_or_else(Vec::new, |spectrum| {
                let bins = binned(spectrum).into_iter();
                bins.map(|bin| (bin.centre, bin.density)).collect()
            }),
            law: layer
                .spectrum
                .as_ref()
                .and_then(|spectrum| Law::of(layer, spectrum)),
            measures,
            states,
            state_images: sheet,
            samples: None,
            ability: None,
        })
    }
}

impl Law {
    fn of(layer: &Layer, spectrum: &Spectrum) -> Option<Self> {
        let beta = layer.mean(|measure| measure.beta.mle)?.value;
        let factor = spectrum.states() as f64 / hurwitz_zeta(beta + 1.0, 1.0);
        (beta.is_finite() && factor.is_finite()).then_some(Self { beta, factor })
    }
}

fn samples(images: &Images) -> Result<Sheet, Error> {
    let rows: Vec<&[u8]> = images
        .pixels
        .chunks((images.shape.0 * images.shape.1).max(1) * SAMPLES_A_ROW)
        .collect();
    Sheet::of_rows(&rows, images.shape)
}

impl Sheet {
    /// Of rows, each with the pixels of its images one after the other.
    fn of_rows(rows: &[&[u8]], shape: (usize, usize)) -> Result<Self, Error> {
        let (height, width) = shape;
        let size = (height * width).max(1);
        let columns = rows.iter().map(|row| row.len() / size).max().unwrap_or(0);
        let wide = columns * width;
        let mut pixels = vec![0; rows.len() * height * wide];
        for (row, images) in rows.iter().enumerate() {
            for (column, image) in images.chunks_exact(size).enumerate() {
                for (y, line) in image.chunks_exact(width).enumerate() {
                    let start = (row * height + y) * wide + column * width;
                    pixels[start..start + width].copy_from_slice(line);
                }
            }
        }
        Ok(Self {
            shape,
            columns,
            count: rows.iter().map(|row| row.len() / size).sum(),
            png: data_uri("image/png", &grey_png(&pixels, wide, rows.len() * height)?),
        })
    }
}

/// A picture in 256 shades of grey.
fn grey_png(pixels: &[u8], width: usize, height: usize) -> Result<Vec<u8>, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Page(error.to_string());
    let side = |length: usize| u32::try_from(length).map_err(|error| failed(&error));
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side(width)?, side(height)?);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|error| failed(&error))?;
    writer
        .write_image_data(pixels)
        .map_err(|error| failed(&error))?;
    writer.finish().map_err(|error| failed(&error))?;
    Ok(bytes)
}

impl Download {
    fn new(artefact: &Artefact) -> Self {
        let kind = match artefact.name.rsplit_once('.') {
            Some((_, "svg")) => "image/svg+xml",
            Some((_, "png")) => "image/png",
            _ => "text/csv",
        };
        Self {
            name: artefact.name.clone(),
            uri: data_uri(kind, &artefact.bytes),
        }
    }
}

fn data_uri(kind: &str, bytes: &[u8]) -> String {
    format!("data:{kind};base64,{}", STANDARD.encode(bytes))
}

/// Text that is safe between tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(title: &str) -> Run {
        Run {
            title: title.to_owned(),
            figure: "fig2",
            folder: String::new(),
            data: String::new(),
            observations: 1,
            realizations: 1,
            command: String::new(),
            recipe: String::new(),
            written_by: Vec::new(),
            seconds: BTreeMap::new(),
            critical: None,
            claims: Vec::new(),
            verdict: Vec::new(),
            curves: Lines {
                optimum: Vec::new(),
                bound: Vec::new(),
                family: Vec::new(),
            },
            sources: Vec::new(),
            figures: Vec::new(),
        }
    }

    #[test]
    fn no_name_breaks_the_page() {
        let name = "</script><script>alert(\"1\")</script> & {{style}}";
        let page = page(&[&run(name)]).unwrap();
        assert_eq!(page.matches("</script>").count(), 2);
        assert_eq!(page.matches("alert").count(), 2);
        let (_, data) = page.split_once("id=\"data\">").unwrap();
        let (data, _) = data.split_once("</script>").unwrap();
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(data[0]["title"], name);
    }

    #[test]
    fn images_lie_in_rows() {
        // Two images of 1 × 2 pixels in the first row, one in the second.
        let sheet = Sheet::of_rows(&[&[1, 2, 3, 4], &[5, 6]], (1, 2)).unwrap();
        assert_eq!((sheet.columns, sheet.count), (2, 3));
        let bytes = sheet.png.strip_prefix("data:image/png;base64,").unwrap();
        let bytes = STANDARD.decode(bytes).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (4, 2));
        assert_eq!(pixels, [1, 2, 3, 4, 5, 6, 0, 0]);
    }

    #[test]
    fn the_verdict_counts_claims() {
        let claim = |number: &str, verdict| Judgement {
            number: number.to_owned(),
            claim: String::new(),
            verdict,
            evidence: String::new(),
        };
        let claims = [
            claim("1a", Verdict::Holds),
            claim("1b", Verdict::Fails),
            claim("2a", Verdict::Holds),
        ];
        let sentence = "The paper's claims that hold: 1a, 2a; that do not: 1b.";
        assert_eq!(verdict(None, &claims), [sentence]);
        assert!(verdict(None, &[]).is_empty());
    }
}
