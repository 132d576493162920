//! Spiking networks through the command: synapses from files, recordings, early ends, killed runs, and mistakes.

use std::path::Path;
use std::time::{Duration, Instant};

use rheobase_tests::{Workplace, stderr};

fn workplace() -> Workplace {
    Workplace::new(env!("CARGO_BIN_EXE_rheobase"))
}

/// Three driven neurons and two that they excite through given synapses.
fn small(rule: &str, names: &str) -> String {
    format!(
        r#"[pipeline]
name = "small"
question = "Who drives whom?"
seed = 1

[analysis.net]
kind = "spiking-network"
duration_ms = 300
record = [{{ population = "follower", neurons = 2, every_ms = 0.5, until_ms = 50 }}]
[analysis.net.network.populations.driver]
size = 3
neuron = {{ kind = "lif", drive_mv = 22.0 }}
vary = {{ drive_mv = {{ kind = "uniform", low = 21.0, high = 30.0 }} }}
{names}
[analysis.net.network.populations.follower]
size = 2
neuron = {{ kind = "lif" }}
receptors = {{ jump = {{ kind = "delta" }} }}
[[analysis.net.network.projections]]
from = "driver"
to = "follower"
receptor = "jump"
rule = {rule}
weight = {{ kind = "constant", value = 1.0 }}
delay_ms = {{ kind = "constant", value = 1.0 }}

[analysis.statistics]
kind = "firing-statistics"
of = "analysis.net"
bin_s = 0.1
shifts = 5
"#
    )
}

/// The arrays of all results. Their folders are named by keys, which differ where descriptions do, so the arrays are put in
/// their own order.
fn results(place: &Workplace) -> Vec<Vec<u8>> {
    let arrays = place.objects().into_iter().filter(|(name, _)| name.ends_with("arrays.npz"));
    let mut all: Vec<Vec<u8>> = arrays.map(|(_, bytes)| bytes).collect();
    all.sort();
    assert!(!all.is_empty());
    all
}

fn run(place: &Workplace, text: &str) -> (Option<i32>, String) {
    place.write("small.toml", text);
    let output = place.run(&["run", "small.toml"]);
    (output.status.code(), stderr(&output).split_whitespace().collect::<Vec<_>>().join(" "))
}

#[test]
fn synapses_of_a_file_are_those_of_a_list_and_strangers_are_named() {
    let listed = r#"{ kind = "list", synapses = [
        { from = 0, to = 0, weight = 12.0, delay_ms = 2.0 }, { from = 1, to = 0, weight = 6.0, delay_ms = 1.5 },
        { from = 2, to = 1, weight = 18.0, delay_ms = 0.5 }] }"#;
    let place = workplace();
    let (code, text) = run(&place, &small(listed, ""));
    assert_eq!(code, Some(0), "{text}");
    let expected = results(&place);

    let place = workplace();
    place.write(
        "neurons.csv",
        "root_id,side\n720575940600000001,left\n720575940600000002,left\n720575940600000003,right\n",
    );
    place.write(
        "edges.csv",
        "pre,to,count,delay\n720575940600000001,0,4,2.0\n720575940600000002,0,2,1.5\n720575940600000003,1,6,0.5\n",
    );
    let table = r#"{ kind = "table", path = "edges.csv", from = "pre", weight = "count", weight_scale = 3.0, delay_ms = "delay" }"#;
    let names = r#"names = { path = "neurons.csv", column = "root_id" }"#;
    let (code, text) = run(&place, &small(table, names));
    assert_eq!(code, Some(0), "{text}");
    assert!(results(&place) == expected);
    // The file's bytes are part of what the result is of.
    let edited = "pre,to,count,delay\n720575940600000001,0,4,2.0\n720575940600000002,0,2,1.5\n";
    place.write("edges.csv", edited);
    let (_, text) = run(&place, &small(table, names));
    assert!(!text.contains("analysis.net: cached"), "{text}");

    place.write("edges.csv", &format!("{edited}99,1,6,0.5\n"));
    let (code, text) = run(&place, &small(table, names));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("row 2 of edges.csv (counted from 0) names neuron 99"), "{text}");
    assert!(text.contains("the 3 names of population driver"), "{text}");
    let skipping = table.replace("from =", "skip_others = true, from =");
    assert_eq!(run(&place, &small(&skipping, names)).0, Some(0));
    // Without names a row gives numbers, and identifiers are out of range.
    let (_, text) = run(&place, &small(table, ""));
    assert!(text.contains("the numbers 0 to 2 of population driver"), "{text}");
    // A delay below the step is refused as anywhere else; so is a column that is not there.
    place.write("edges.csv", "pre,to,count,delay\n720575940600000001,0,4,0.01\n");
    let (_, text) = run(&place, &small(table, names));
    assert!(text.contains("can be 0.01 ms, below the step of 0.1 ms"), "{text}");
    let (_, text) = run(&place, &small(&table.replace("\"count\"", "\"counts\""), names));
    assert!(text.contains("counts") && text.contains("pre, to, count, delay"), "{text}");
    let short = names.replace("root_id", "side");
    let (_, text) = run(&place, &small(table, &short));
    assert!(text.contains("neurons.csv names left twice, in rows 0 and 1"), "{text}");
}

fn metric(place: &Workplace, name: &str) -> f64 {
    let summary: serde_json::Value = serde_json::from_slice(&place.report("small/summary.json")).unwrap();
    summary["metrics"][name]["value"].as_f64().unwrap_or_else(|| panic!("no metric {name}"))
}

#[test]
fn a_network_is_a_recording_and_may_end_early() {
    let rule = r#"{ kind = "all-to-all" }"#;
    let place = workplace();
    let (code, text) = run(&place, &small(rule, ""));
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(metric(&place, "analysis.net.ended_ms"), 300.0);
    // Five units: three that are driven, the followers silent.
    let rates: Vec<f64> = (0..5).map(|u| metric(&place, &format!("analysis.statistics.unit_{u}_rate_hz"))).collect();
    assert!(rates[..3].iter().all(|r| *r > 10.0) && rates[3..] == [0.0, 0.0], "{rates:?}");

    let stopping = small(rule, "").replace("duration_ms = 300", "duration_ms = 300\nstop_when = { above_hz = 1.0 }");
    let (code, text) = run(&place, &stopping);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(metric(&place, "analysis.net.ended_ms"), 100.0);
    let late = stopping.replace("stop_when", "settle_ms = 150\nstop_when");
    let (code, text) = run(&place, &late);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("stopped at 100 ms (the rate passed its limit), within settle_ms = 150"), "{text}");
}

/// Slow enough to be killed in the middle.
const LONG: &str = r#"
[pipeline]
name = "small"
question = "Does a killed network go on where it was?"
seed = 5

[analysis.net]
kind = "spiking-network"
duration_ms = 12000
record = [{ population = "excitatory", neurons = 3, every_ms = 1.0 }, { population = "inhibitory", variable = "rate", every_ms = 5.0 }]
record_weights = [{ projection = 1, every_ms = 2000.0 }]
[analysis.net.network]
populations = { excitatory = { size = 4000, neuron = { kind = "lif" }, receptors = { jump = { kind = "delta" } }, input = [{ receptor = "jump", rate_hz = 20000, weight = 0.1 }] }, inhibitory = { size = 1000, neuron = { kind = "lif" }, receptors = { jump = { kind = "delta" } }, input = [{ receptor = "jump", rate_hz = 20000, weight = 0.1 }] } }
projections = [
  { from = "excitatory", to = "excitatory", receptor = "jump", rule = { kind = "fixed-in-degree", count = 400 }, weight = { kind = "constant", value = 0.1 }, delay_ms = { kind = "constant", value = 1.5 } },
  { from = "excitatory", to = "inhibitory", receptor = "jump", rule = { kind = "fixed-in-degree", count = 400 }, weight = { kind = "constant", value = 0.1 }, delay_ms = { kind = "constant", value = 1.5 } },
  { from = "inhibitory", to = "excitatory", receptor = "jump", rule = { kind = "fixed-in-degree", count = 100 }, weight = { kind = "constant", value = -0.5 }, delay_ms = { kind = "constant", value = 1.5 } },
  { from = "inhibitory", to = "inhibitory", receptor = "jump", rule = { kind = "fixed-in-degree", count = 100 }, weight = { kind = "constant", value = -0.5 }, delay_ms = { kind = "constant", value = 1.5 } },
]
"#;

/// Whether the state of a network lies in the scratch folder.
fn state_is_kept(place: &Workplace) -> bool {
    let files = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    files(&place.path().join("reports/store/scratch"))
        .flat_map(|f| files(&f.path()).collect::<Vec<_>>())
        .any(|f| f.file_name() == "network")
}

#[test]
fn a_killed_network_goes_on_to_the_same_bytes() {
    let place = workplace();
    place.write("small.toml", LONG);
    let mut child = place.command(&["run", "small.toml"]).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while !state_is_kept(&place) && Instant::now() < deadline {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it kept its state");
        std::thread::sleep(Duration::from_millis(5));
    }
    // On Unix `kill` is SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    let (code, text) = run(&place, LONG);
    assert_eq!(code, Some(0), "{text}");
    let straight = workplace();
    let (code, text) = run(&straight, &LONG.replace("duration_ms = 12000", "threads = 2\nduration_ms = 12000"));
    assert_eq!(code, Some(0), "{text}");
    assert!(results(&place) == results(&straight));
}

#[test]
fn mistakes_inside_a_network_are_told_where_they_stand() {
    let place = workplace();
    let text = LONG.replacen("kind = \"lif\" }", "kind = \"lif\", tau_ms = -20.0 }", 1).replacen(
        "value = -0.5 }, delay_ms = { kind = \"constant\", value = 1.5",
        "value = -0.5 }, delay_ms = { kind = \"constant\", value = 0.01",
        1,
    );
    place.write("small.toml", &text);
    let output = place.run(&["check", "small.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output);
    let line = |needle: &str| 1 + text.lines().position(|l| l.contains(needle)).unwrap();
    for (needle, what) in [("tau_ms = -20", "tau_ms"), ("value = 0.01", "below the step of 0.1 ms")] {
        assert!(told.contains(what), "{told}");
        assert!(told.contains(&format!("small.toml:{}:", line(needle))), "{told}");
    }
}

const SKELETON: &str = r#"[pipeline]
name = "small"
question = "How far apart are two partners' synapses?"
seed = 1

[data.neuron]
kind = "cell"
morphology = { kind = "file", path = "skeleton.csv", unit_um = 0.008 }

[analysis.distances]
kind = "neurite-distances"
of = "data.neuron"
length_constant_um = 2.0
electrotonic = { rm_ohm_cm2 = 10_000, ra_ohm_cm = 100 }
[analysis.distances.sets]
seven = { kind = "table", path = "synapses.csv", unit_um = 0.008, only = ["partner", "720575940600000007"] }
nine = { kind = "table", path = "synapses.csv", unit_um = 0.008, only = ["partner", "720575940600000009"] }
"#;

#[test]
fn synapses_of_a_connectome_are_as_far_apart_as_their_neurite_is_long() {
    let place = workplace();
    // 4 um along x in voxels of 8 nm, and a branch of 2 um from its middle.
    place.write(
        "skeleton.csv",
        ",rowId,x,y,z,radius,link\n0,1,0,0,0,125,-1\n1,2,125,0,0,125,1\n2,3,250,0,0,125,2\n3,4,375,0,0,125,3\n\
         4,5,500,0,0,125,4\n5,6,250,125,0,125,3\n6,7,250,250,0,125,6\n",
    );
    place.write(
        "synapses.csv",
        "partner,x,y,z\n720575940600000007,0,0,0\n720575940600000007,500,0,10\n720575940600000009,250,250,0\n",
    );
    let (code, text) = run(&place, SKELETON);
    assert_eq!(code, Some(0), "{text}");
    let close = |name: &str, expected: f64| {
        let found = metric(&place, &format!("analysis.distances.{name}"));
        assert!((found - expected).abs() < 1e-12, "{name} {found} {expected}");
    };
    close("shortest_um_nine_seven", 4.0);
    close("mean_um_seven", 4.0);
    close("coupling_nine_seven", (-2.0_f64).exp());
    // Two um wide: lambda is 500 um times the root of 2.
    close("mean_lambda_nine_seven", 4.0 / (500.0 * 2.0_f64.sqrt()));
    close("gap_seven", 0.08);

    let (code, text) = run(&place, &SKELETON.replace("00009\"", "00008\""));
    assert_eq!(code, Some(1));
    assert!(text.contains("no row of synapses.csv belongs to the set nine"), "{text}");
    let (_, text) = run(&place, &SKELETON.replace("only = [\"partner\"", "only = [\"pre\""));
    assert!(text.contains("`pre`") && text.contains("partner, x, y, z"), "{text}");
    let (_, text) = run(
        &place,
        &SKELETON.replace(
            "nine = { kind = \"table\"",
            "nine = { kind = \"places\", at = [\"undefined[9]\"] }\nten = { kind = \"table\"",
        ),
    );
    assert!(text.contains("undefined[9]") && text.contains("undefined[0]"), "{text}");
    // Another file is another result.
    place.write("synapses.csv", "partner,x,y,z\n720575940600000007,0,0,0\n720575940600000009,500,0,0\n");
    assert_eq!(run(&place, SKELETON).0, Some(0));
    assert!((metric(&place, "analysis.distances.shortest_um_nine_seven") - 4.0).abs() < 1e-12);
    assert!((metric(&place, "analysis.distances.coupling_nine_seven") - (-2.0_f64).exp()).abs() < 1e-12);
}

#[test]
fn cuts_and_touches_that_are_not_on_a_chain_are_told_where_they_stand() {
    let place = workplace();
    let text = "[pipeline]\nname = \"small\"\nquestion = \"?\"\nseed = 1\n[analysis.chain]\nkind = \"ganglion-chain\"\n\
                chain = { ganglia = 4 }\ndraw = 4\n[analysis.chain.operations]\nwhole = []\ntail = [{ behind = 3 }]\n";
    place.write("small.toml", text);
    let output = place.run(&["check", "small.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output);
    for part in
        ["small.toml:8:", "touched are 1 to 3", "small.toml:10:", "small.toml:11:", "no connective behind ganglion 3"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
}

/// A population that is driven by noise and inhibits itself through given synapses.
fn diagram(rule: &str, weight: f64) -> String {
    format!(
        r#"[pipeline]
name = "small"
question = "Does the state last?"
seed = 1

[analysis.diagram]
kind = "phase-diagram"
x = {{ vary = {{ kind = "weights-from", population = "cells" }}, name = "weight", low = 0.5, high = 2.0, points = 3 }}
y = {{ vary = {{ kind = "delays" }}, name = "delay", low = 0.5, high = 2.0, points = 3 }}
simulate = [[2.0, 1.0]]
[analysis.diagram.network.populations.cells]
size = 4
neuron = {{ kind = "lif" }}
receptors = {{ jump = {{ kind = "delta" }} }}
input = [{{ receptor = "jump", rate_hz = 12000, weight = 0.1 }}]
[[analysis.diagram.network.projections]]
from = "cells"
to = "cells"
receptor = "jump"
rule = {rule}
weight = {{ kind = "constant", value = {weight} }}
delay_ms = {{ kind = "constant", value = 1.5 }}
"#
    )
}

#[test]
fn theory_takes_the_weights_of_a_table_and_not_those_in_its_stead() {
    let theory = |rule: &str, weight: f64, edges: Option<&str>| {
        let place = workplace();
        edges.map(|text| place.write("edges.csv", text));
        let (code, text) = run(&place, &diagram(rule, weight));
        assert_eq!(code, Some(0), "{text}");
        ["theory_hz", "growth_per_s", "rate_hz"].map(|what| metric(&place, &format!("analysis.diagram.at_2_1_{what}")))
    };
    // Everybody inhibits everybody else by .5.
    let all = theory("{ kind = \"all-to-all\" }", -0.5, None);
    let pairs = (0..16).filter(|k| k / 4 != k % 4).map(|k| format!("{},{},-0.5\n", k / 4, k % 4)).collect::<String>();
    let table =
        theory("{ kind = \"table\", path = \"edges.csv\", weight = \"w\" }", 7.0, Some(&format!("from,to,w\n{pairs}")));
    let close = |a: f64, b: f64| (a - b).abs() < 1e-9 * a.abs().max(1.0);
    assert!(table[0] > 1.0 && table.iter().zip(all).all(|(a, b)| close(*a, b)), "{table:?} {all:?}");
}
