//! Published dissimilarity matrices: 92 object images in human and monkey inferior temporal cortex and in candidate models.

use ndarray::{Array2, Axis, Ix2};

use crate::library::Library;
use crate::mat::{MatFile, MatValue};
use crate::{Error, Result};

/// A dissimilarity matrix with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedMatrix {
    /// Name of the model, or of the subject.
    pub name: String,
    /// Square, symmetric, zero on the diagonal.
    pub values: Array2<f64>,
}

/// Matrices of brains and of candidates over the same conditions.
#[derive(Debug, Clone, PartialEq)]
pub struct Dissimilarities {
    /// One matrix for each subject, sessions averaged.
    pub subjects: Vec<NamedMatrix>,
    /// Each subject's matrices by session.
    pub sessions: Vec<Vec<NamedMatrix>>,
    /// Candidate models.
    pub models: Vec<NamedMatrix>,
}

const DATASET: &str = "object-images-92";

impl Dissimilarities {
    /// Reads a data set of the library.
    ///
    /// # Errors
    /// If the data set holds no dissimilarities, or is not here, or is damaged.
    pub fn of_dataset(library: &Library, dataset: &str) -> Result<Self> {
        if dataset != DATASET {
            let known = DATASET.to_owned();
            return Err(Error::Unknown { what: "set of dissimilarities", found: dataset.to_owned(), known });
        }
        let brains = MatFile::parse("92_brainRDMs.mat", &library.bytes(DATASET, "92_brainRDMs.mat")?)?;
        let models = MatFile::parse("92_modelRDMs.mat", &library.bytes(DATASET, "92_modelRDMs.mat")?)?;
        let wrong = |reason: String| Error::format("92_brainRDMs.mat", "MAT", reason);
        let MatValue::Structs(dims, elements) = brains.variable("RDMs")? else {
            return Err(wrong("`RDMs` is not a struct array".into()));
        };
        let &[1, subjects, sessions] = &dims[..] else {
            return Err(wrong(format!("a struct array 1 x subjects x sessions is needed, found {dims:?}")));
        };
        let mut by_subject = Vec::new();
        for subject in 0..subjects {
            // MATLAB counts the first index fastest.
            let own = (0..sessions).map(|session| matrix_of(&elements[subject + subjects * session]));
            by_subject.push(own.collect::<Result<Vec<_>>>()?);
        }
        let averaged = by_subject
            .iter()
            .map(|own| {
                let sum = own.iter().fold(Array2::zeros(own[0].values.dim()), |sum, m| sum + &m.values);
                let name = own[0].name.split('|').map(str::trim).find(|part| part.len() == 2).unwrap_or(&own[0].name);
                NamedMatrix { name: name.to_owned(), values: sum / own.len() as f64 }
            })
            .collect();
        let models = match models.variable("Models")? {
            MatValue::Structs(_, elements) => elements.iter().map(matrix_of).collect::<Result<_>>()?,
            other => return Err(wrong(format!("`Models` holds {}", other.describe()))),
        };
        Ok(Self { subjects: averaged, sessions: by_subject, models })
    }
}

fn matrix_of(element: &std::collections::BTreeMap<String, MatValue>) -> Result<NamedMatrix> {
    let wrong = |reason: String| Error::format("dissimilarities", "MAT", reason);
    let numbers = element.get("RDM").and_then(MatValue::numbers).ok_or_else(|| wrong("no field RDM".into()))?;
    let values = numbers.into_dimensionality::<Ix2>().map_err(|e| wrong(e.to_string()))?;
    if values.nrows() != values.ncols() || values.len_of(Axis(0)) < 3 {
        return Err(wrong(format!("a square matrix is needed, found {:?}", values.dim())));
    }
    let name = element.get("name").and_then(MatValue::text).unwrap_or_default().to_owned();
    Ok(NamedMatrix { name, values })
}
