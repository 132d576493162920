//! A stage that panics is a failed node: the others go on, and the run ends.

use rheobase_data::library::Library;
use rheobase_pipeline::declaration::check;
use rheobase_pipeline::plan::{Plan, PlanNode};
use rheobase_pipeline::run::{Event, NodeResult, Observer, Runner};
use rheobase_pipeline::store::Store;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Registry, Role, Stage, StageError};
use serde_json::{Value, json};

/// Panics, or does nothing.
struct Fragile(&'static str);

impl Stage for Fragile {
    fn role(&self) -> Role {
        Role::Data
    }
    fn kind(&self) -> &'static str {
        self.0
    }
    fn version(&self) -> u32 {
        1
    }
    fn about(&self) -> &'static str {
        "for a test"
    }
    fn outputs(&self) -> &'static [OutputInfo] {
        &[]
    }
    fn schema(&self) -> Value {
        json!({ "type": "object", "properties": {} })
    }
    fn resolve(&self, parameters: &Value) -> Result<Value, Vec<Complaint>> {
        Ok(parameters.clone())
    }
    fn fingerprint(&self, _: &Value, _: &Library) -> Result<String, StageError> {
        Ok(String::new())
    }
    fn data_files(&self, _: &Value) -> Vec<(String, String)> {
        vec![]
    }
    fn memory_mib(&self, _: &Value) -> u64 {
        1
    }
    fn run(&self, _: &Value, _: &Context<'_>) -> Result<Outcome, StageError> {
        assert!(self.0 == "sound", "the glass broke");
        Ok(Outcome::default())
    }
}

static STAGES: &[&dyn Stage] = &[&Fragile("sound"), &Fragile("glass")];

struct Silent;

impl Observer for Silent {
    fn event(&self, _: &PlanNode, _: Event<'_>) {}
}

#[test]
fn a_panicking_node_fails_and_the_run_ends() {
    let registry = Registry::new(STAGES);
    let text =
        "[pipeline]\nname = \"panics\"\nquestion = \"?\"\n\n[data.a]\nkind = \"glass\"\n\n[data.b]\nkind = \"sound\"\n";
    let folder = tempfile::tempdir().unwrap();
    let library = Library::new(folder.path().join("data")).unwrap();
    let declaration = check(text, &[], registry).unwrap_or_else(|_| panic!("the pipeline has no mistake"));
    let plan = Plan::build(&declaration, &library).unwrap();
    let store = Store::open(folder.path().join("store")).unwrap();
    let runner = Runner { registry, store: &store, library: &library, jobs: 1, memory_mib: 64, observer: &Silent };
    let results = runner.run(&plan).unwrap();
    let failures: Vec<&String> =
        results.iter().filter_map(|r| if let NodeResult::Failed(text) = r { Some(text) } else { None }).collect();
    assert_eq!(failures.len(), 1);
    assert!(failures[0].contains("defect of this program") && failures[0].contains("the glass broke"), "{failures:?}");
    assert_eq!(results.iter().filter(|r| matches!(r, NodeResult::Done(_))).count(), 1);
}
