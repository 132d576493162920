//! Mistakes in a pipeline: all at once, each at its place, with what would be right.

use rheobase_tests::{Workplace, stderr, stdout};
use serde_json::Value;

fn workplace() -> Workplace {
    Workplace::new(env!("CARGO_BIN_EXE_rheobase"))
}

const SIX_MISTAKES: &str = r#"[pipeline]
name = "six"
question = "?"

[data.digits]
kind = "digts"

[model.a]
architecture = { kind = "mlp", hidden = [8], colour = "red" }
objective = { kind = "cross-entropy" }
learning = { kind = "gradient", rate = "fast" }
train_on = "data.digits"

[model.b]
architecture = { kind = "sparse-code", units = 9 }
objective = { kind = "cross-entropy" }
learning = { kind = "gradient" }
train_on = "data.digits"

[compare.cka]
kind = "cka"
of = ["model.c"]
stimuli = "data.digits"

[analysis.fits]
kind = "gabor-fit"
of = "analysis.fits"
"#;

#[test]
fn six_planted_mistakes_give_six_located_messages_and_exit_code_2_in_one_go() {
    let place = workplace();
    place.write("six.toml", SIX_MISTAKES);
    let output = place.run(&["check", "six.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    for part in [
        "`data.digits` has no kind `digts`",
        "did you mean `digits`?",
        "`model.a.architecture` has no key `colour`",
        "`model.a.learning.rate` must be a number, found text",
        "the objective cross-entropy does not fit the architecture sparse-code",
        "objectives that fit: reconstruction",
        "`compare.cka` refers to `model.c`, which does not exist",
        "in a circle: analysis.fits -> analysis.fits",
        "six.toml:6:8",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let json: Value = serde_json::from_str(&stdout(&place.run(&["check", "six.toml", "--json"]))).unwrap();
    let all = json.as_array().unwrap();
    let lines: Vec<u64> = all.iter().map(|d| d["line"].as_u64().unwrap()).collect();
    // The self-reference is both a circle and a reference to the wrong sort; the others are one message each.
    let codes: Vec<&str> = all.iter().map(|d| d["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["R006", "R002", "R003", "R010", "R007", "R008", "R009"]);
    assert_eq!(lines, [6, 9, 11, 16, 22, 27, 27]);
}

#[test]
fn of_many_kinds_the_message_names_those_that_could_be_meant() {
    let place = workplace();
    let pipeline =
        |kind: &str| format!("[pipeline]\nname = \"k\"\nquestion = \"Which kind?\"\n\n[analysis.a]\n{kind}\n");
    let check = |kind: &str| {
        place.write("kinds.toml", &pipeline(kind));
        let text = stderr(&place.run(&["check", "kinds.toml"]));
        // As one line: the help is wrapped.
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let slip = check("kind = \"neural-samplng\"");
    assert!(slip.contains("did you mean `neural-sampling`? `rheobase list` shows all"), "{slip}");
    let word = check("kind = \"recorded\"");
    assert!(word.contains("kinds of such a name: recorded-units; `rheobase list` shows all"), "{word}");
    for text in [slip, word, check("seed = 1")] {
        assert!(text.contains("`rheobase list`") && !text.contains("place-field"), "{text}");
    }
}

#[test]
fn a_number_may_stand_for_a_distribution_and_nothing_else_may() {
    let place = workplace();
    let pipeline = |weight: &str| {
        let network = "dt_ms = 0.1\npopulations.a = { size = 9, neuron = { kind = \"lif\" }, receptors = { x = { kind = \"delta\" } } }\n";
        let projection = "{ from = \"a\", to = \"a\", receptor = \"x\", rule = { kind = \"all-to-all\" }";
        format!(
            "[pipeline]\nname = \"k\"\nquestion = \"How?\"\n\n[analysis.a]\nkind = \"spiking-network\"\nduration_ms = 5\n\n\
             [analysis.a.network]\n{network}projections = [{projection}, weight = {weight}, delay_ms = 1 }}]\n"
        )
    };
    let keys = |weight: &str| {
        place.write("number.toml", &pipeline(weight));
        let output = place.run(&["plan", "number.toml", "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    };
    // The same result, under the same key.
    assert_eq!(keys("0.25"), keys("{ kind = \"constant\", value = 0.25 }"));
    assert_ne!(keys("0.25"), keys("0.5"));
    place.write("number.toml", &pipeline("\"much\""));
    let text = stderr(&place.run(&["check", "number.toml"]));
    assert!(text.contains("`analysis.a.network.projections[0].weight` must be a number or a table"), "{text}");
}

/// Forty images of 2 x 2 bytes in two classes, as MNIST keeps them.
fn byte_images(place: &Workplace) {
    let pixels: Vec<u8> =
        (0..40).flat_map(|k: u8| if k.is_multiple_of(2) { [255, 0, 0, 255] } else { [0, 255, 255, 0] }).collect();
    let images = [&[0, 0, 8, 3, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 2][..], &pixels].concat();
    let labels: Vec<u8> = [0, 0, 8, 1, 0, 0, 0, 40].into_iter().chain((0..40).map(|k| k % 2)).collect();
    std::fs::write(place.path().join("images.idx"), images).unwrap();
    std::fs::write(place.path().join("labels.idx"), labels).unwrap();
}

#[test]
fn bytes_of_an_image_file_become_shares_of_white_and_what_is_none_is_refused() {
    let place = workplace();
    byte_images(&place);
    let text = r#"[pipeline]
name = "bytes"
question = "?"

[data.own]
kind = "file"
path = "images.idx"
labels = "labels.idx"
test_fraction = 0.5

[analysis.learner]
kind = "dual-stochastic"
on = "data.own"
sweeps = 20
learner = { hidden = 10 }
"#;
    place.write("bytes.toml", text);
    let output = place.run(&["run", "bytes.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    place.write("white.toml", &text.replace("test_fraction", "white = 1.0\ntest_fraction"));
    let output = place.run(&["run", "white.toml"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    // Lines are wrapped where they end.
    let message = stderr(&output).split_whitespace().filter(|w| *w != "│").collect::<Vec<_>>().join(" ");
    for part in ["pixel 0 of image 0 is 255", "give the data `white = 255`"] {
        assert!(message.contains(part), "{part} is missing in\n{message}");
    }
}

#[test]
fn run_refuses_the_same_mistakes_and_writes_nothing() {
    let place = workplace();
    place.write("six.toml", SIX_MISTAKES);
    assert_eq!(place.run(&["run", "six.toml"]).status.code(), Some(2));
    assert!(!place.path().join("reports").exists());
}

#[test]
fn parts_that_do_not_fit_are_named_beside_mistakes_inside_them() {
    let place = workplace();
    place.write(
        "p.toml",
        &SIX_MISTAKES.replace("learning = { kind = \"gradient\" }", "learning = { kind = \"gradient\", rte = 1 }"),
    );
    let text = stderr(&place.run(&["check", "p.toml"]));
    assert!(text.contains("has no key `rte`") && text.contains("does not fit the architecture sparse-code"), "{text}");
}

#[test]
fn syntax_errors_overrides_sweeps_and_expectations_are_located_too() {
    let place = workplace();
    let check = |text: &str, arguments: &[&str]| {
        place.write("p.toml", text);
        let mut all = vec!["check", "p.toml"];
        all.extend(arguments);
        let output = place.run(&all);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        stderr(&output)
    };
    let head = "[pipeline]\nname = \"p\"\nquestion = \"?\"\n[data.d]\nkind = \"digits\"\n";
    assert!(check("[pipeline\nname = 1", &[]).contains("R001"));
    assert!(check(head, &["-s", "data.d.test_fraction=2"]).contains("it must be at most 0.9 (in the override"));
    assert!(check(head, &["-s", "nonsense"]).contains("an override needs `=`"));
    assert!(check(head, &["-s", "data.d.tset_fraction=0.1"]).contains("did you mean `test_fraction`?"));
    assert!(
        check(&format!("{head}[[expect]]\nmetric = \"data.e.images\"\nat_least = 1\n"), &[])
            .contains("did you mean `data.d`?")
    );
    assert!(
        check(&format!("{head}[[expect]]\nmetric = \"data.d.images\"\n"), &[])
            .contains("needs at_least, at_most or both")
    );
    assert!(
        check(&format!("{head}[sweep]\n\"data.x.test_fraction\" = [0.1]\n"), &[])
            .contains("no node is called `data.x`")
    );
    assert!(check(&format!("{head}[sweep]\n\"data.d.test_fraction\" = [0.1, 7]\n"), &[]).contains("R004"));
    let cka = |of: &str| format!("{head}[compare.c]\nkind = \"cka\"\nof = [\"{of}\"]\nstimuli = \"data.d.trian\"\n");
    assert!(check(&cka("data.d"), &[]).contains("outputs: train, test"));
    // Lines are broken to the width of the terminal.
    let told = check(&cka("data.d"), &[]).replace("\n  │", "");
    let sorts = "a model, a recurrent network, a surrogate or trials of a neuron";
    assert!(told.contains(&format!("needs {sorts}, but `data.d` is a data set")), "{told}");
    assert!(check(&format!("{head}[modle.x]\na = 1\n"), &[]).contains("did you mean `model`?"));
    assert!(
        check("[pipeline]\nname = \"../x\"\nquestion = \"?\"\n[data.d]\nkind = \"digits\"\n", &[])
            .contains("names a folder")
    );
}

#[test]
fn a_missing_file_is_a_user_error() {
    let place = workplace();
    let output = place.run(&["run", "nowhere.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("cannot read nowhere.toml"));
}

#[test]
fn recurrent_models_name_a_forgotten_kind_a_typo_and_what_does_not_go_together() {
    let place = workplace();
    place.write(
        "recurrent.toml",
        r#"[pipeline]
name = "recurrent"
question = "?"

[model.forgotten]
task = { kind = "flip-flop" }
cell = { kind = "gru" }
units = 8

[model.typo]
kind = "recurent"
task = { kind = "flip-flop" }
cell = { kind = "gru" }
units = 8

[model.dale]
kind = "recurrent"
task = { kind = "perceptual-decision" }
cell = { kind = "current", nonlinearity = "relu", tau_ms = 10.0 }
units = 8
wiring = { kind = "dale" }
start = { kind = "orthogonal", gain = 1.0 }

[model.feedforward]
architecture = { kind = "gabor-energy", shape_px = [16, 16] }
"#,
    );
    let output = place.run(&["check", "recurrent.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    for part in [
        "with these keys it is kind = \"recurrent\"",
        "did you mean `recurrent`?",
        "dt / tau is 2, it must lie in (0, 1]",
        "which Dale's law forbids: use balanced",
        "4 mistakes",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn a_device_that_is_not_there_is_said_before_anything_runs() {
    let place = workplace();
    place.write(
        "device.toml",
        "[pipeline]\nname = \"device\"\nquestion = \"?\"\ndevice = \"abacus\"\n\n[data.digits]\nkind = \"digits\"\n",
    );
    let output = place.run(&["run", "device.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert!(text.contains("device `abacus` is not available in this build; available: cpu"), "{text}");
    assert!(!place.path().join("reports/device").exists());
}
