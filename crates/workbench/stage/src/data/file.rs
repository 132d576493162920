//! A user's own images: IDX, NPY, NPZ, CSV or Parquet.

use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayD, Axis};
use rheobase_data::library::Library;
use rheobase_data::npy::{read_npy, read_npz};
use rheobase_data::{Table, idx};
use rheobase_pipeline::{Context, Outcome, OutputInfo, Role, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{DATASET_OUTPUTS, Images};
use crate::data::{describe, split};
use crate::kind::{Kind, failed};

/// Parameters of `file`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileParameters {
    /// The file with the images, one in each row: .csv, .parquet, .npz, .npy, or IDX (plain or .gz). The path is relative to the
    /// folder the program is started in.
    pub path: PathBuf,
    /// Where the classes are: a column (CSV, Parquet) or an array (NPZ); for NPY and IDX the path of a second file. Without it
    /// the images have no classes.
    #[serde(default)]
    pub labels: Option<String>,
    /// Array with the images in an NPZ file.
    #[serde(default = "images")]
    pub array: String,
    /// Rows and columns of an image; by default those of the file, or one row.
    #[serde(default)]
    pub shape_px: Option<[usize; 2]>,
    /// Value of a white pixel, by which all are divided; by default 255 where an IDX file holds bytes, as MNIST does, and 1 for
    /// all others.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub white: Option<f64>,
    /// Share of the images that is kept for testing.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 0.9))]
    pub test_fraction: f64,
}

fn images() -> String {
    "images".into()
}

/// A user's own images.
pub struct File;

impl Kind for File {
    type Parameters = FileParameters;
    const ROLE: Role = Role::Data;
    const KIND: &'static str = "file";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "your own images from CSV, Parquet, NPZ, NPY or IDX";
    const OUTPUTS: &'static [OutputInfo] = DATASET_OUTPUTS;
    const READS_OUTSIDE: bool = true;

    fn fingerprint(parameters: &FileParameters, _: &Library) -> Result<String, StageError> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&read(&parameters.path)?);
        if let Some(second) = second_file(parameters) {
            hasher.update(&read(Path::new(second))?);
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    fn memory_mib(parameters: &FileParameters) -> u64 {
        64 + std::fs::metadata(&parameters.path).map_or(0, |m| m.len() >> 17)
    }

    fn run(parameters: &FileParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let (pixels, labels) = read_images(parameters)?;
        let count = pixels.len_of(Axis(0));
        let found = match pixels.shape() {
            [_, rows, columns] => [*rows, *columns],
            other => [1, other[1..].iter().product()],
        };
        let shape = parameters.shape_px.unwrap_or(found);
        if shape[0] * shape[1] != found[0] * found[1] {
            return Err(StageError::Failed(format!(
                "images of {} values cannot have the shape {shape:?}",
                found[0] * found[1]
            )));
        }
        let white = parameters.white.unwrap_or(1.0);
        let values = pixels.iter().map(|&v| (v / white) as f32).collect();
        let pixels = Array2::from_shape_vec((count, shape[0] * shape[1]), values).map_err(failed)?;
        if let Some(at) = pixels.iter().position(|v| !v.is_finite()) {
            let columns = pixels.ncols();
            return Err(StageError::Failed(format!(
                "image {}, value {} is not a finite number",
                at / columns,
                at % columns
            )));
        }
        if !labels.is_empty() && labels.len() != count {
            return Err(StageError::Failed(format!("{count} images need {count} classes, found {}", labels.len())));
        }
        let mut class_names = labels.clone();
        class_names.sort();
        class_names.dedup();
        let labels: Vec<usize> = labels.iter().filter_map(|l| class_names.iter().position(|c| c == l)).collect();
        let images = Images {
            is_test: split(&labels, count, parameters.test_fraction, &context.seed),
            pixels,
            shape: [1, shape[0], shape[1]],
            labels,
            class_names,
        };
        let mut outcome = Outcome::default();
        images.store(&mut outcome);
        describe(&images, &mut outcome)?;
        Ok(outcome)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, StageError> {
    std::fs::read(path).map_err(|e| StageError::Failed(format!("cannot read {}: {e}", path.display())))
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|e| e.to_str()).unwrap_or_default()
}

fn second_file(parameters: &FileParameters) -> Option<&str> {
    match extension(&parameters.path) {
        "csv" | "parquet" | "npz" => None,
        _ => parameters.labels.as_deref(),
    }
}

fn read_images(parameters: &FileParameters) -> Result<(ArrayD<f64>, Vec<String>), StageError> {
    let name = parameters.path.display().to_string();
    match extension(&parameters.path) {
        "csv" | "parquet" => images_of_table(&Table::read(&parameters.path)?, parameters.labels.as_deref()),
        "npz" => {
            let mut arrays = read_npz(&name, &read(&parameters.path)?)?;
            let known = arrays.keys().cloned().collect::<Vec<_>>().join(", ");
            let mut take = |array: &str| {
                arrays
                    .remove(array)
                    .ok_or_else(|| StageError::Failed(format!("{name} has no array `{array}`; it has: {known}")))
            };
            let pixels = take(&parameters.array)?;
            let labels = parameters.labels.as_deref().map(&mut take).transpose()?;
            Ok((with_rows(&name, pixels)?, labels.map_or(vec![], |l| as_names(&l))))
        }
        other => {
            let parse = |path: &Path| {
                let text = path.display().to_string();
                if other == "npy" {
                    read_npy(&text, &read(path)?).map_err(StageError::from)
                } else {
                    idx::read(&text, &read(path)?).map_err(StageError::from)
                }
            };
            let labels = second_file(parameters).map(|second| parse(Path::new(second))).transpose()?;
            let pixels = if other == "npy" || parameters.white.is_some() {
                parse(&parameters.path)?
            } else {
                idx::read_pixels(&name, &read(&parameters.path)?)?
            };
            Ok((with_rows(&name, pixels)?, labels.map_or(vec![], |l| as_names(&l))))
        }
    }
}

fn with_rows(name: &str, array: ArrayD<f64>) -> Result<ArrayD<f64>, StageError> {
    if array.ndim() < 2 {
        return Err(StageError::Failed(format!(
            "{name}: images need at least 2 dimensions (image, pixels), found shape {:?}",
            array.shape()
        )));
    }
    Ok(array)
}

fn as_names(labels: &ArrayD<f64>) -> Vec<String> {
    labels.iter().map(ToString::to_string).collect()
}

fn images_of_table(table: &Table, label: Option<&str>) -> Result<(ArrayD<f64>, Vec<String>), StageError> {
    let labels = match label {
        Some(name) => {
            let column = table.column(name)?;
            (0..column.len()).map(|row| column.text(row)).collect()
        }
        None => vec![],
    };
    let names: Vec<&String> = table.names().iter().filter(|n| Some(n.as_str()) != label).collect();
    let mut pixels = Array2::zeros((table.rows(), names.len()));
    for (index, name) in names.into_iter().enumerate() {
        pixels.column_mut(index).assign(&ndarray::Array1::from(table.numbers(name)?));
    }
    Ok((pixels.into_dyn(), labels))
}
