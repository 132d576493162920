//! Published dissimilarity matrices.

use rheobase_core::Estimate;
use rheobase_data::dissimilarities::{Dissimilarities, NamedMatrix};
use rheobase_data::library::Library;
use rheobase_data::npy::Array;
use rheobase_pipeline::{Artifact, Context, InputHandle, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Matrix, Panel};
use rheobase_similarity::Rdm;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, failed, main_output};

/// Dissimilarity matrices of subjects and models.
#[derive(Debug)]
pub struct DissimilarityMatrices;

impl Artifact for DissimilarityMatrices {
    const ACCEPTS: &'static [&'static str] = &["dissimilarity matrices"];
}

/// Parameters of `dissimilarities`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DissimilaritiesParameters {
    /// A data set of the library with dissimilarity matrices.
    pub dataset: String,
}

/// Dissimilarity matrices.
pub struct DissimilaritiesKind;

/// Matrices by name.
pub struct Named {
    /// Names of the subjects.
    pub subjects: Vec<(String, Rdm)>,
    /// Each subject's sessions.
    pub sessions: Vec<Vec<Rdm>>,
    /// Names of the models.
    pub models: Vec<(String, Rdm)>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    subjects: Vec<String>,
    sessions: Vec<usize>,
    models: Vec<String>,
}

/// Reads the matrices of a result.
pub fn load(input: &InputHandle) -> Result<Named, StageError> {
    let header: Header = serde_json::from_slice(&input.file("dissimilarities.json")?).map_err(failed)?;
    let arrays = input.arrays()?;
    let rdm = |key: String| -> Result<Rdm, StageError> {
        let array =
            arrays.get(&key).ok_or_else(|| StageError::Failed(format!("{} has no array `{key}`", input.address)))?;
        let n = array.shape()[0];
        let condensed = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).map(|(i, j)| array[[i, j]]).collect();
        Rdm::from_condensed(n, condensed).map_err(failed)
    };
    let mut named = Named { subjects: vec![], sessions: vec![], models: vec![] };
    for (k, name) in header.subjects.into_iter().enumerate() {
        named.subjects.push((name, rdm(format!("subject_{k}"))?));
        named
            .sessions
            .push((0..header.sessions[k]).map(|s| rdm(format!("subject_{k}_session_{s}"))).collect::<Result<_, _>>()?);
    }
    for (k, name) in header.models.into_iter().enumerate() {
        named.models.push((name, rdm(format!("model_{k}"))?));
    }
    Ok(named)
}

impl Kind for DissimilaritiesKind {
    type Parameters = DissimilaritiesParameters;
    const ROLE: Role = Role::Data;
    const KIND: &'static str = "dissimilarities";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "published dissimilarity matrices of brains and candidate models over the same conditions";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("dissimilarity matrices")];
    const READS_OUTSIDE: bool = true;

    fn fingerprint(p: &DissimilaritiesParameters, library: &Library) -> Result<String, StageError> {
        let files = &library.manifest(&p.dataset)?.files;
        Ok(files.iter().map(|f| f.sha256.as_str()).collect::<Vec<_>>().join(" "))
    }

    fn data_files(p: &DissimilaritiesParameters) -> Vec<(String, String)> {
        let library = Library::new("").ok();
        let manifest = library.as_ref().and_then(|l| l.manifest(&p.dataset).ok());
        manifest.map_or(vec![], |m| m.files.iter().map(|f| (p.dataset.clone(), f.name.clone())).collect())
    }

    fn run(p: &DissimilaritiesParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let data = Dissimilarities::of_dataset(context.library, &p.dataset)?;
        let mut outcome = Outcome::default();
        let mut put = |key: String, matrix: &NamedMatrix| {
            outcome.array(&key, Array::F64(matrix.values.clone().into_dyn()));
        };
        for (k, matrix) in data.subjects.iter().enumerate() {
            put(format!("subject_{k}"), matrix);
        }
        for (k, sessions) in data.sessions.iter().enumerate() {
            sessions.iter().enumerate().for_each(|(s, matrix)| put(format!("subject_{k}_session_{s}"), matrix));
        }
        for (k, matrix) in data.models.iter().enumerate() {
            put(format!("model_{k}"), matrix);
        }
        let names = |all: &[NamedMatrix]| all.iter().map(|m| m.name.clone()).collect::<Vec<_>>();
        let header = Header {
            subjects: names(&data.subjects),
            sessions: data.sessions.iter().map(Vec::len).collect(),
            models: names(&data.models),
        };
        outcome.files.insert("dissimilarities.json".into(), serde_json::to_vec(&header).map_err(failed)?);
        let conditions = data.subjects.first().map_or(0, |m| m.values.nrows());
        outcome
            .metric("conditions", Estimate::new(conditions as f64, "conditions", "counted", conditions, "conditions"));
        let n = data.subjects.len();
        outcome.metric("subjects", Estimate::new(n as f64, "subjects", "counted", n, "subjects"));
        for (file, title, matrices) in [("subjects", "Subjects", &data.subjects), ("models", "Models", &data.models)] {
            // Ranks make matrices of different measures comparable to the eye.
            let panels = matrices.iter().map(|m| Panel { name: m.name.clone(), values: percentiles(m) }).collect();
            let figure = Matrix {
                title: format!("dissimilarities of {file}"),
                label: "percentile".into(),
                panels,
                across: 4,
                range: Some((0.0, 100.0)),
            };
            let caption =
                format!("Dissimilarity of each pair of {conditions} conditions, as percentile within its matrix.");
            outcome.figure(file, title, &caption, figure.svg().map_err(failed)?);
        }
        Ok(outcome)
    }
}

fn percentiles(matrix: &NamedMatrix) -> ndarray::Array2<f64> {
    let n = matrix.values.nrows();
    let pairs: Vec<(usize, usize)> = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).collect();
    let ranks = rheobase_core::statistics::ranks(&pairs.iter().map(|&ij| matrix.values[ij]).collect::<Vec<_>>());
    let mut out = ndarray::Array2::zeros((n, n));
    for ((i, j), rank) in pairs.iter().zip(ranks) {
        let value = 100.0 * rank / pairs.len() as f64;
        out[[*i, *j]] = value;
        out[[*j, *i]] = value;
    }
    out
}
