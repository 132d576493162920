//! The rest of the command: schema, listings, descriptions, data, reproduce.

use rheobase_pipeline::declaration::{check, pipeline_schema};
use rheobase_stage::REGISTRY;
use rheobase_tests::{Workplace, root, stderr, stdout};
use serde_json::Value;

fn workplace() -> Workplace {
    Workplace::new(env!("CARGO_BIN_EXE_rheobase"))
}

#[test]
fn the_committed_schema_is_that_of_the_registry() {
    let committed = std::fs::read_to_string(root().join("pipelines/schema.json")).unwrap();
    let fresh = serde_json::to_string_pretty(&pipeline_schema(REGISTRY)).unwrap() + "\n";
    assert!(committed == fresh, "stale; run: cargo run --release -- schema > pipelines/schema.json");
}

#[test]
fn every_pipeline_of_the_project_is_without_mistakes() {
    let folders = ["pipelines", "pipelines/gallery", "pipelines/studies"];
    let mut count = 0;
    for entry in folders.iter().flat_map(|f| std::fs::read_dir(root().join(f)).unwrap().flatten()) {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "toml") && !path.ends_with("systems.toml") {
            let text = std::fs::read_to_string(&path).unwrap();
            check(&text, &[], REGISTRY).map_err(|d| format!("{}: {d:?}", path.display())).unwrap();
            count += 1;
        }
    }
    assert!(count >= 2);
}

#[test]
fn every_stage_documents_itself_and_each_of_its_parameters() {
    for stage in REGISTRY.stages() {
        assert!(stage.about().len() > 20, "{}", stage.kind());
        assert!(!stage.outputs().is_empty(), "{}", stage.kind());
        let schema = stage.schema();
        let properties = schema["properties"].as_object().unwrap();
        for (name, property) in properties {
            let described = property.get("description").is_some();
            assert!(described, "{}.{name} has no description", stage.kind());
        }
    }
}

#[test]
fn list_and_describe_read_the_registry() {
    let place = workplace();
    let stages = stdout(&place.run(&["list"]));
    assert!(stages.contains("analysis sta") && stages.contains("data natural-image-patches"), "{stages}");
    assert!(stdout(&place.run(&["list", "rules"])).contains("feedback-alignment"));
    let described = stdout(&place.run(&["describe", "ablation"]));
    assert!(described.contains("controls") && described.contains("99"), "{described}");
    assert!(stdout(&place.run(&["describe", "R009"])).contains("circle"));
    assert!(stdout(&place.run(&["describe", "C16"])).contains("Olshausen"));
    let json: Value = serde_json::from_str(&stdout(&place.run(&["list", "systems", "--json"]))).unwrap();
    assert!(json.as_array().unwrap().len() > 100);
    let typo = place.run(&["describe", "ablaton"]);
    assert_eq!(typo.status.code(), Some(2));
    assert!(stderr(&typo).contains("ablation"), "{}", stderr(&typo));
}

#[test]
fn data_sets_are_listed_and_verified() {
    let place = workplace();
    assert!(stdout(&place.run(&["data", "list"])).contains("in the program"));
    let verified = place.run(&["data", "verify"]);
    assert_eq!(verified.status.code(), Some(0));
    assert_eq!(stdout(&verified).matches(" ok").count(), 10, "{}", stdout(&verified));
    std::fs::create_dir_all(place.path().join("data/digits")).unwrap();
    place.write("data/digits/labels.idx1-ubyte.gz", "wrong");
    let wrong = place.run(&["data", "verify", "digits"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stdout(&wrong).contains("the manifest says"), "{}", stdout(&wrong));
    assert_eq!(place.run(&["data", "verify", "digts"]).status.code(), Some(2));
}

#[test]
fn reproduce_lists_what_is_missing_and_exits_1_when_a_system_is_not_met() {
    let place = workplace();
    let gallery = place.path().join("gallery");
    std::fs::create_dir(&gallery).unwrap();
    let pipeline = |bound: f64| {
        format!(
            "[pipeline]\nname = \"g\"\nquestion = \"?\"\nsystems = [\"C3\"]\n[data.d]\nkind = \"digits\"\n\
             [[expect]]\nmetric = \"data.d.images\"\nat_least = {bound:.1}\npublished = \"1797\"\n"
        )
    };
    place.write("gallery/g.toml", &pipeline(1797.0));
    let good = place.run(&["reproduce", "--gallery", "gallery"]);
    assert_eq!(good.status.code(), Some(0), "{}", stderr(&good));
    assert!(stdout(&good).contains("C3") && stdout(&good).contains("missing (107)"), "{}", stdout(&good));
    place.write("gallery/g.toml", &pipeline(1798.0));
    let bad = place.run(&["reproduce", "--gallery", "gallery", "--only", "C3", "--json"]);
    assert_eq!(bad.status.code(), Some(1));
    let json: Value = serde_json::from_str(&stdout(&bad)).unwrap();
    assert_eq!(json[0]["verdict"], "not met");
    assert_eq!(json[0]["expectations"][0]["ours"][0], 1797.0);
    let unknown = place.run(&["reproduce", "--gallery", "gallery", "--only", "Z9"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn reproduce_joins_the_pipelines_of_a_system_and_counts_those_beside_the_catalogue() {
    let place = workplace();
    std::fs::create_dir(place.path().join("gallery")).unwrap();
    let write = |name: &str, systems: &str, bound: f64| {
        let text = format!(
            "[pipeline]\nname = \"{name}\"\nquestion = \"?\"\n{systems}[data.d]\nkind = \"digits\"\n\
             [[expect]]\nmetric = \"data.d.images\"\nat_least = {bound:.1}\n"
        );
        place.write(&format!("gallery/{name}.toml"), &text);
    };
    let reproduce = || {
        let output = place.run(&["reproduce", "--gallery", "gallery"]);
        (output.status.code(), stdout(&output) + &stderr(&output))
    };
    write("first", "systems = [\"C3\"]\n", 1797.0);
    write("second", "systems = [\"C3\"]\n", 1797.0);
    write("alone", "", 1797.0);
    let (code, text) = reproduce();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("met (first, second)"), "{text}");
    assert!(text.contains("1 met, 0 not met of 1 pipelines beside the catalogue"), "{text}");
    write("second", "systems = [\"C3\"]\n", 1798.0);
    let (code, text) = reproduce();
    assert!(code == Some(1) && text.contains("not met (first, second)"), "{text}");
    write("second", "systems = [\"C3\"]\n", 1797.0);
    write("alone", "", 1798.0);
    let (code, text) = reproduce();
    assert!(code == Some(1) && text.contains("0 met, 1 not met of 1 pipelines"), "{text}");
}

#[test]
fn a_study_is_run_where_its_system_is_asked_for_and_judged_wherever_its_results_are() {
    let place = workplace();
    // The study has a node that the gallery has not.
    let write = |folder: &str, name: &str, more: &str, bound: f64| {
        let text = format!(
            "[pipeline]\nname = \"{name}\"\nquestion = \"?\"\nsystems = [\"C3\"]\n[data.d]\nkind = \"digits\"\n{more}\
             [[expect]]\nmetric = \"data.d.images\"\nat_least = {bound:.1}\n"
        );
        place.write(&format!("{folder}/{name}.toml"), &text);
    };
    let more = "[data.more]\nkind = \"drawn-digits\"\ntrain = 30\ntest = 10\n";
    for folder in ["gallery", "studies"] {
        std::fs::create_dir(place.path().join(folder)).unwrap();
    }
    write("gallery", "short", "", 1797.0);
    write("studies", "long", more, 1797.0);
    let reproduce = |more: &[&str]| {
        let output = place.run(&[&["reproduce", "--gallery", "gallery"], more].concat());
        (output.status.code(), stdout(&output) + &stderr(&output))
    };
    let (code, text) = reproduce(&[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("C3") && text.contains("needs its study (rheobase reproduce --only C3)"), "{text}");
    assert!(text.contains("0 met, 0 not met, 0 without their data, 1 without their study"), "{text}");
    let (code, text) = reproduce(&["--only", "C3"]);
    assert!(code == Some(0) && text.contains("met (short, long)"), "{text}");
    // Now its results are there.
    let (code, text) = reproduce(&[]);
    assert!(code == Some(0) && text.contains("met (short, long)"), "{text}");
    write("studies", "long", more, 1798.0);
    let (code, text) = reproduce(&[]);
    assert!(code == Some(1) && text.contains("not met (short, long)"), "{text}");
}

#[test]
fn a_users_own_files_become_a_data_set_and_broken_ones_a_clear_failure() {
    let place = workplace();
    let rows: String =
        (0..40).map(|i| format!("{},{},{}\n", i % 5, (i * 7) % 11, if i % 2 == 0 { "a" } else { "b" })).collect();
    place.write("mine.csv", &format!("x,y,class\n{rows}"));
    let pipeline = |extra: &str| {
        format!(
            "[pipeline]\nname = \"mine\"\nquestion = \"?\"\n[data.d]\nkind = \"file\"\npath = \"mine.csv\"\n{extra}"
        )
    };
    place.write("p.toml", &pipeline("labels = \"class\"\n"));
    let good = place.run(&["run", "p.toml", "--json"]);
    assert_eq!(good.status.code(), Some(0), "{}", stderr(&good));
    place.write("p.toml", &pipeline("labels = \"klass\"\n"));
    let wrong = place.run(&["run", "p.toml"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stderr(&wrong).contains("no column is called `klass`; known: x, y, class"), "{}", stderr(&wrong));
    // A changed file is another input.
    place.write("mine.csv", "x,y,class\n1,2\n");
    let ragged = place.run(&["run", "p.toml"]);
    assert!(stderr(&ragged).contains("line 2 has 2 fields, the header has 3"), "{}", stderr(&ragged));
}

#[test]
fn completions_and_help_are_there() {
    let place = workplace();
    assert!(stdout(&place.run(&["completions", "bash"])).contains("rheobase"));
    let help = stdout(&place.run(&["--help"]));
    for command in
        ["run", "check", "plan", "exec", "status", "list", "describe", "data", "report", "diff", "reproduce", "schema"]
    {
        assert!(help.contains(command), "{command}");
    }
}
