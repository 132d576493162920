//! Real reconstructions with their traps, and ten thousand damaged ones.

// What was measured is shown beside the verdict.
#![allow(clippy::print_stdout)]

mod shared_data;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rheobase_dendrite::morphology::{
    Morphology, ReadOptions, Roots, Statistics, Tag, read_neurolucida, read_skeleton_csv, read_swc,
};
use rheobase_dendrite::{Cell, Compartments, Discretisation, Error, Settings, Simulation};

use shared_data::data_folder;

fn swc(text: &str) -> Result<Morphology, Error> {
    read_swc(text, "t.swc", ReadOptions::default())
}

fn message(text: &str) -> String {
    swc(text).unwrap_err().to_string()
}

const SPHERE: &str = "1 1 0 0 0 10 -1\n";

#[test]
fn somata_of_one_three_and_many_points_keep_their_area() {
    let sphere = 4.0 * std::f64::consts::PI * 100.0;
    let dendrite = "4 3 0 10 0 1 1\n5 3 0 60 0 1 4\n";
    let one = swc(&format!("{SPHERE}{dendrite}")).unwrap();
    let three = swc(&format!("{SPHERE}2 1 0 -10 0 10 1\n3 1 0 10 0 10 1\n{dendrite}")).unwrap();
    for cell in [&one, &three] {
        let soma = Statistics::of(cell, Some(Tag::Soma));
        assert!((soma.area_um2 / sphere - 1.0).abs() < 1e-12 && soma.sections == 1);
        assert_eq!(cell.sections()[1].parent, Some((0, 0.5)));
        assert!((Statistics::of(cell, Some(Tag::Dendrite)).length_um - 50.0).abs() < 1e-12);
        assert!(cell.assumptions().iter().any(|a| a.contains("point soma")), "{:?}", cell.assumptions());
    }
    let chain = swc("1 1 0 0 0 5 -1\n2 1 10 0 0 8 1\n3 1 20 0 0 5 2\n4 1 -4 0 0 3 1\n5 3 20 30 0 1 3\n").unwrap();
    assert_eq!(chain.sections()[0].axis.len(), 4);
    assert!((chain.sections()[0].length_um() - 24.0).abs() < 1e-12);
}

#[test]
fn order_numbering_and_labels_of_swc_do_not_matter() {
    // Parents after children, numbers from 0, labels 0, 5 and 6, comments, blank lines.
    let text =
        "# made by hand\n3 6 0 30 0 1 2\n\n2 5 0 20 0 1 1\n0 1 0 0 0 10 -1\n1 0 0 10 0 1 0 # neurite\n4 5 5 40 0 1 2\n";
    let cell = swc(text).unwrap();
    let tags: Vec<Tag> = cell.sections().iter().map(|s| s.tag).collect();
    assert_eq!(tags, [Tag::Soma, Tag::Undefined, Tag::Undefined, Tag::Undefined]);
    assert_eq!(cell.children()[1].len(), 2);
}

#[test]
fn mistakes_in_files_come_with_their_line() {
    assert_eq!(
        message("1 1 0 0 0 10\n"),
        "t.swc, line 1: 6 fields; a point has 7: number, type, x, y, z, radius, parent"
    );
    assert!(message(&format!("{SPHERE}2 3 0 a 0 1 1\n")).contains("line 2: y is \"a\""));
    assert!(message(&format!("{SPHERE}2 3 0 1 0 -1 1\n")).contains("line 2: the radius is -1"));
    assert!(message(&format!("{SPHERE}2 3 0 1 0 1 7\n")).contains("line 2: the parent 7 is not in the file"));
    assert!(message(&format!("{SPHERE}1 3 0 1 0 1 1\n")).contains("line 2: number 1 was used before, in line 1"));
    assert!(message("1 3 0 0 0 1 2\n2 3 0 5 0 1 1\n").contains("run in a circle"));
    assert!(message(&format!("{SPHERE}2 3 0 50 0 1 -1\n3 3 0 60 0 1 2\n")).contains("2 roots (lines 1, 2)"));
    assert!(message("").contains("no point was found"));
    let asc = |text: &str| read_neurolucida(text, "t.asc").unwrap_err().to_string();
    assert!(asc("((Dendrite)\n (0 0 0 1)\n (0 5 0 1)\n").contains("line 3: the file ends inside a tree"));
    assert!(asc("((Dendrite)\n (0 0 x 1))\n").contains("line 2: \"x\" stands where a coordinate should be"));
    assert!(asc("((Dendrite)\n (0 0 0 0)\n (0 1 0 1))").contains("the diameter is 0"));
    let csv = read_skeleton_csv("rowId,x,y,z,link\n", "t.csv", ReadOptions::default()).unwrap_err().to_string();
    assert!(csv.contains("no column radius"), "{csv}");
}

#[test]
fn pieces_are_healed_by_distance_only_when_asked() {
    let text = format!("{SPHERE}2 3 0 10 0 1 1\n3 3 0 60 0 1 2\n7 3 0 90 0 1 -1\n6 3 0 62 0 1 7\n");
    let healed = |um: f64| read_swc(&text, "t.swc", ReadOptions { unit_um: 1.0, roots: Roots::Heal(um) });
    let cell = healed(3.0).unwrap();
    // The piece is turned round: it hangs on its near end, 2 um away.
    assert!((Statistics::of(&cell, None).longest_path_um - (50.0 + 2.0 + 28.0)).abs() < 1e-9);
    assert!(cell.assumptions().iter().any(|a| a.contains("joined across 2.000 um")));
    assert!(healed(1.0).unwrap_err().to_string().contains("is 2.000 um from the rest"));
}

fn file(name: &str) -> Option<String> {
    std::fs::read_to_string(data_folder()?.join("morphology").join(name)).ok()
}

/// SOURCES.md beside the data: points, lengths, tips.
#[test]
fn real_reconstructions_are_read_with_their_published_statistics() {
    let read = |name: &str, unit_um: f64, roots: Roots| {
        let text = file(name)?;
        let options = ReadOptions { unit_um, roots };
        Some(if name.ends_with("csv") {
            read_skeleton_csv(&text, name, options)
        } else {
            read_swc(&text, name, options)
        })
    };
    let Some(purkinje) = read("purkinje_deschutter_bower_1994.swc", 1.0, Roots::Refuse) else { return };
    let purkinje = purkinje.unwrap();
    let dendrite = Statistics::of(&purkinje, Some(Tag::Dendrite));
    assert_eq!(dendrite.tips, 473);
    // The published length counts the stretch from the soma's point; sections begin at their own first point.
    assert!((dendrite.length_um / 12044.1 - 1.0).abs() < 0.003, "{}", dendrite.length_um);
    let ca1 = read("ca1_pyramidal_n120.swc", 1.0, Roots::Refuse).unwrap().unwrap();
    for (tag, length_um) in [(Tag::Dendrite, 7460.8), (Tag::Apical, 4429.7)] {
        let found = Statistics::of(&ca1, Some(tag)).length_um;
        assert!((found / length_um - 1.0).abs() < 0.01, "{tag:?} {found}");
    }
    assert!(ca1.assumptions().iter().any(|a| a.contains("soma of 12 points")), "{:?}", ca1.assumptions());
    let projection = read("fly_DA1_PN_hemibrain_722817260_8nm.swc", 0.008, Roots::Refuse).unwrap().unwrap();
    let all = Statistics::of(&projection, None);
    assert!((all.length_um - 2197.6).abs() < 1.0 && all.tips == 656, "{all:?}");
    let kenyon = "fly_KC_hemibrain_1847_8nm.csv";
    assert!(read(kenyon, 0.008, Roots::Refuse).unwrap().unwrap_err().to_string().contains("4 roots"));
    let healed = read(kenyon, 0.008, Roots::Heal(5.0)).unwrap().unwrap();
    let length = Statistics::of(&healed, None).length_um;
    assert!(length > 1011.0 && length < 1011.4 + 15.0, "{length}");
    // A forgotten unit is noticed.
    let wrong = read("fly_DA1_PN_hemibrain_722817260_8nm.swc", 1.0, Roots::Refuse).unwrap().unwrap();
    assert!(
        wrong.assumptions().iter().any(|a| a.contains("is a unit of this file really")),
        "{:?}",
        wrong.assumptions()
    );
}

/// Changes a text as a careless hand or a broken disk would.
fn damage(text: &str, state: &mut u64) -> String {
    let mut next = |below: usize| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((*state >> 33) as usize) % below.max(1)
    };
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..=next(4) {
        let count = lines.len();
        let line = next(count);
        match next(9) {
            0 => drop(lines.remove(line)),
            1 => lines.truncate(line),
            2 => {
                let other = next(count);
                lines.swap(line, other);
            }
            3 => {
                let copy = lines[line].clone();
                lines.insert(line, copy);
            }
            4 => {
                let mut fields: Vec<String> = lines[line].split(' ').map(str::to_owned).collect();
                let values = ["", "nan", "-1", "0", "1e308", "(", ")", "|", "1", "999999", "-7.5", "inf", "\u{fffd}"];
                let (field, value) = (next(fields.len()), next(values.len()));
                fields[field] = values[value].to_owned();
                lines[line] = fields.join(" ");
            }
            5 => {
                let bytes: Vec<char> = lines[line].chars().collect();
                let cut = next(bytes.len());
                lines[line] = bytes[..cut].iter().collect();
            }
            6 => lines[line] = lines[line].chars().rev().collect(),
            7 => lines[line] = lines[line].replace(' ', ","),
            _ => lines[line].push_str(" 3 1 ("),
        }
        if lines.is_empty() {
            lines.push(String::new());
        }
    }
    lines.join("\n")
}

#[test]
fn ten_thousand_damaged_files_give_an_error_or_a_tree() {
    let small_swc: String = format!(
        "{SPHERE}2 3 0 10 0 1 1\n3 3 0 30 0 .8 2\n4 3 5 50 0 .5 3\n5 3 -5 50 0 .5 3\n6 4 0 -10 0 2 1\n7 4 0 -80 0 1 6\n8 2 10 0 0 .5 1\n9 2 60 0 0 .4 8\n"
    );
    let small_asc = "(\"CellBody\"\n (CellBody)\n (0 0 0 1)\n (5 8 0 1)\n (10 0 0 1)\n (5 -8 0 1)\n)\n( (Color RGB (1, 2, 3))\n (Dendrite)\n (10 0 0 1 S1)\n (20 0 0 1 S1)\n (\n  (30 5 0 .5)\n  (40 5 0 .5)\n |\n  (30 -5 0 .5)\n  (40 -5 0 .5)\n )\n)\n".to_owned();
    let mut originals = vec![(small_swc, false), (small_asc, true)];
    // Real files are longer, so their damage is rarer among the ten thousand.
    originals.extend(file("ca1_pyramidal_n120.swc").map(|t| (t, false)));
    originals.extend(file("hay_L5PC_cell1.asc").map(|t| (t, true)));
    let (mut read, mut refused) = (0, 0);
    let mut state = 20_261_122_u64;
    for round in 0..10_000_usize {
        let (text, is_asc) = &originals[if round % 40 < 38 { round % 2 } else { round % originals.len() }];
        let damaged = damage(text, &mut state);
        let result = if *is_asc {
            read_neurolucida(&damaged, "damaged.asc")
        } else {
            read_swc(&damaged, "damaged.swc", ReadOptions { unit_um: 1.0, roots: Roots::Heal(50.0) })
        };
        match result {
            Ok(morphology) => {
                read += 1;
                check_tree(&morphology);
            }
            Err(Error::Morphology { problem, .. }) => {
                refused += 1;
                assert!(problem.len() > 10);
            }
            Err(other) => panic!("round {round}: {other}"),
        }
    }
    println!("{read} read, {refused} refused");
    assert!(read > 1000 && refused > 1000);
}

/// Everything about the tree is finite, and it can be simulated.
fn check_tree(morphology: &Morphology) {
    let statistics = Statistics::of(morphology, None);
    assert!(statistics.length_um.is_finite() && statistics.area_um2.is_finite() && statistics.area_um2 > 0.0);
    let compartments = Compartments::new(morphology, Discretisation::Fixed { count: 1 }).unwrap();
    assert!(compartments.list().iter().all(|c| c.half_resistance_per_um.iter().all(|r| r.is_finite() && *r >= 0.0)));
    if morphology.sections().len() < 40 && statistics.length_um < 1e5 {
        let cell = Cell::from_compartments(morphology.clone(), compartments).unwrap();
        if let Ok(mut simulation) = Simulation::new(&cell, Settings::default()) {
            simulation.run_until(0.1).unwrap();
        }
    }
}

#[test]
fn arbitrary_text_never_panics() {
    let config = Config { cases: 2000, failure_persistence: None, ..Config::default() };
    // The same texts every time, so that the gate does not depend on luck.
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    runner
        .run(&"[0-9 .()|;,\"a-zA-Z\n-]{0,200}", |text| {
            let _ = swc(&text);
            let _ = read_neurolucida(&text, "t.asc");
            let _ = read_skeleton_csv(&text, "t.csv", ReadOptions::default());
            Ok(())
        })
        .unwrap();
}
