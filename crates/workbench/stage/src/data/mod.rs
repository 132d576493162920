//! Where data come from.

mod digits;
pub(crate) mod dissimilarities;
mod drawn_digits;
mod file;
mod labelled_images;
mod natural_image_patches;
pub(crate) mod responses;

pub use digits::Digits;
pub use dissimilarities::DissimilaritiesKind;
pub use drawn_digits::DrawnDigits;
pub use file::File;
pub use labelled_images::LabelledImages;
pub use natural_image_patches::NaturalImagePatches;
pub use responses::Responses;

use rand::seq::SliceRandom;
use rheobase_core::{Estimate, Seed};
use rheobase_pipeline::{Outcome, StageError};
use rheobase_report::figure::Mosaic;

use crate::artifact::Images;
use crate::kind::failed;

/// Sets a random share of the images apart for testing; each class keeps its share.
fn split(labels: &[usize], count: usize, test_fraction: f64, seed: &Seed) -> Vec<bool> {
    let classes = labels.iter().max().map_or(1, |m| m + 1);
    let mut is_test = vec![false; count];
    for class in 0..classes {
        let mut members: Vec<usize> = (0..count).filter(|&i| labels.is_empty() || labels[i] == class).collect();
        members.shuffle(&mut seed.child("split").index(class).stream());
        let tests = (members.len() as f64 * test_fraction).round() as usize;
        members[..tests].iter().for_each(|&i| is_test[i] = true);
    }
    is_test
}

/// Figure and counts that every image data set reports.
fn describe(images: &Images, outcome: &mut Outcome) -> Result<(), StageError> {
    let count = images.pixels.nrows();
    let counted = |rows: usize, name: &str, what: &str| Estimate::new(rows as f64, name, "count", rows, what);
    outcome.metric("images", counted(count, "images", "images"));
    outcome.metric("test_images", counted(images.part(true).len(), "test images", "images"));
    if images.shape[0] == 1 {
        let shown: Vec<usize> = (0..count.min(40)).collect();
        let pixels = images.pixels.select(ndarray::Axis(0), &shown).mapv(f64::from);
        let labels = if images.labels.is_empty() {
            vec![]
        } else {
            shown.iter().map(|&i| images.class_names[images.labels[i]].chars().take(8).collect()).collect()
        };
        let mosaic = Mosaic {
            title: "the first images".into(),
            images: pixels.view(),
            shape: [images.shape[1], images.shape[2]],
            labels,
            across: 10,
        };
        let caption = format!(
            "The first {} of {count} images ({} x {} px); each is scaled to its own largest value, red above and blue below zero.",
            shown.len(),
            images.shape[1],
            images.shape[2]
        );
        outcome.figure("images", "Images", &caption, mosaic.svg().map_err(failed)?);
    }
    Ok(())
}
