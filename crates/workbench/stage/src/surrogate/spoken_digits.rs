//! `[data.*] kind = "spoken-digits"`: digits as spikes of an auditory nerve, for networks that classify spike patterns.

use rheobase_pipeline::{Complaint, Context, InputHandle, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use rheobase_surrogate::classifier::Patterns;
use rheobase_surrogate::data::Trial;
use rheobase_surrogate::data::encoding::{decode, encode};
use rheobase_surrogate::spikes::InputSpikes;
use rheobase_task::spoken_digits::{SpokenDigits, Utterance};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draw::{chart, metric, series};
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `spoken-digits`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpokenDigitsParameters {
    /// Utterances to train on.
    #[schemars(range(min = 1))]
    pub train: usize,
    /// Utterances to test on.
    #[schemars(range(min = 1))]
    pub test: usize,
    /// How they are spoken.
    #[serde(default)]
    pub spoken: SpokenDigits,
}

const PATTERNS: &str = "patterns.bin";
const CLASSES: &str = "classes.json";

/// Patterns to train and to test on, and the number of classes.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct ClassifiedPatterns {
    pub train: Patterns,
    pub test: Patterns,
    pub classes: usize,
}

impl ClassifiedPatterns {
    fn store(&self, outcome: &mut Outcome) -> Result<(), StageError> {
        let all = self.train.patterns.iter().chain(&self.test.patterns);
        let trials: Vec<Trial> = all.map(|p| Trial { input: p.clone(), ..Trial::default() }).collect();
        outcome.files.insert(PATTERNS.into(), encode(&trials));
        let classes = (&self.train.classes, &self.test.classes, self.classes);
        outcome.files.insert(CLASSES.into(), serde_json::to_vec(&classes).map_err(failed)?);
        Ok(())
    }

    /// Reads the patterns of a result.
    pub fn load(input: &InputHandle) -> Result<Self, StageError> {
        let damaged = || StageError::Failed(format!("the patterns of {} are damaged", input.address));
        let (train, test, classes): (Vec<usize>, Vec<usize>, usize) =
            serde_json::from_slice(&input.file(CLASSES)?).map_err(failed)?;
        let trials = decode(&input.file(PATTERNS)?).filter(|t| t.len() == train.len() + test.len());
        let mut patterns: Vec<InputSpikes> = trials.ok_or_else(damaged)?.into_iter().map(|t| t.input).collect();
        let tested = patterns.split_off(train.len());
        Ok(Self {
            train: Patterns { patterns, classes: train },
            test: Patterns { patterns: tested, classes: test },
            classes,
        })
    }
}

/// Digits spoken by the program.
pub struct SpokenDigitsKind;

impl Kind for SpokenDigitsKind {
    type Parameters = SpokenDigitsParameters;
    const ROLE: Role = Role::Data;
    const KIND: &'static str = "spoken-digits";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "digits as spikes of an auditory nerve, spoken by the program";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("spike patterns with classes")];

    fn check(p: &SpokenDigitsParameters) -> Vec<Complaint> {
        let wrong = p.spoken.check().err();
        wrong.map(|e| complaint(&["spoken"], e.to_string(), "mend this number")).into_iter().collect()
    }

    fn run(p: &SpokenDigitsParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let voice = context.seed.child("voice");
        let speak = |count: usize, name: &str| -> Result<Patterns, StageError> {
            let all = p.spoken.speak(count, &voice, &context.seed.child(name)).map_err(failed)?;
            let pattern = |u: &Utterance| InputSpikes::new(p.spoken.channels, p.spoken.duration_ms, u.spikes.clone());
            Ok(Patterns {
                patterns: all.iter().map(pattern).collect::<Result<_, _>>().map_err(failed)?,
                classes: all.iter().map(|u| u.class).collect(),
            })
        };
        let spoken = ClassifiedPatterns {
            train: speak(p.train, "train")?,
            test: speak(p.test, "test")?,
            classes: p.spoken.classes,
        };
        let mut outcome = Outcome::default();
        spoken.store(&mut outcome)?;
        let spikes: usize = spoken.train.patterns.iter().map(InputSpikes::len).sum();
        let mean = spikes as f64 / p.train as f64;
        metric(&mut outcome, "spikes", mean, ("spikes of an utterance", ""), (p.train, "utterances"));
        draw(&spoken, &mut outcome)?;
        Ok(outcome)
    }
}

/// Two utterances of two digits each.
fn draw(spoken: &ClassifiedPatterns, outcome: &mut Outcome) -> Result<(), StageError> {
    let mut lines = Vec::new();
    let mut begin = 0.0;
    for class in 0..spoken.classes.min(3) {
        let of_class = spoken.train.classes.iter().zip(&spoken.train.patterns).filter(|(c, _)| **c == class);
        let mut points = Vec::new();
        for (_, pattern) in of_class.take(2) {
            points.extend(pattern.events().map(|(step, channel)| (begin + step as f64, channel as f64)));
            begin += pattern.steps() as f64 * 1.1;
        }
        lines.push(series(&format!("digit {class}"), points, Marks::Points));
    }
    let caption = "Spikes of all channels in two utterances each of the first digits, one after the other.";
    chart(outcome, ["utterances", "Utterances", caption], ["time (ms)", "channel"], lines)
}
