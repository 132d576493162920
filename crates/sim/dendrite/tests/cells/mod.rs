//! The cell of Hay et al. 2011 in its variants, for tests.

use rheobase_dendrite::mechanism::CalciumPool;
use rheobase_dendrite::morphology::{Morphology, Tag, read_neurolucida};
use rheobase_dendrite::{Cell, Value};

use crate::shared_data::data_folder;

/// Parameter sets of simulators.md 2.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HayModel {
    /// Main set.
    Biophys3,
    /// The same without channels.
    PassiveBiophys3,
    /// The set that Beniaguev et al. 2021 use.
    Biophys5b,
}

fn morphology() -> Option<Morphology> {
    let path = data_folder()?.join("morphology/hay_L5PC_cell1.asc");
    let text = std::fs::read_to_string(path).ok()?;
    // The template replaces the axon by two cylinders at the soma's middle.
    let mut morphology = read_neurolucida(&text, "hay_L5PC_cell1.asc").unwrap().without(Tag::Axon).unwrap();
    let first = morphology.add_cylinder(Tag::Axon, 0, 0.5, 30.0, 1.0).unwrap();
    morphology.add_cylinder(Tag::Axon, first, 1.0, 30.0, 1.0).unwrap();
    Some(morphology)
}

/// The cell, or `None` where the data are not there.
pub fn hay_cell(model: HayModel) -> Option<Cell> {
    let morphology = morphology()?;
    let counts: Vec<usize> = morphology
        .sections()
        .iter()
        .map(|s| if s.tag == Tag::Axon { 1 } else { 1 + 2 * (s.length_um() / 40.0) as usize })
        .collect();
    let compartments = rheobase_dendrite::Compartments::with_counts(&morphology, &counts).unwrap();
    let mut cell = Cell::from_compartments(morphology, compartments).unwrap();
    let (biophys5b, passive) = (model == HayModel::Biophys5b, model == HayModel::PassiveBiophys3);
    let leak = if biophys5b { [3e-5, 6e-5, 6e-5, 3e-5] } else { [3.38e-5, 5.89e-5, 4.67e-5, 3.25e-5] };
    for (region, cm, g) in
        [("soma", 1.0, leak[0]), ("apic", 2.0, leak[1]), ("dend", 2.0, leak[2]), ("axon", 1.0, leak[3])]
    {
        cell.set_cable(
            region,
            &[
                ("cm_uf_cm2", cm.into()),
                ("ra_ohm_cm", 100.0.into()),
                ("g_leak_s_per_cm2", g.into()),
                ("e_leak_mv", (-90.0).into()),
            ],
        )
        .unwrap();
    }
    if passive {
        return Some(cell);
    }
    if biophys5b {
        paint_biophys5b(&mut cell)
    } else {
        paint_biophys3(&mut cell)
    }
    Some(cell)
}

fn g(cell: &mut Cell, region: &str, channels: &[(&str, f64)]) {
    for &(channel, density) in channels {
        cell.insert(region, channel, &[("g_s_per_cm2", Value::Number(density))]).unwrap();
    }
}

fn formula(cell: &mut Cell, region: &str, channel: &str, text: &str) {
    cell.insert(region, channel, &[("g_s_per_cm2", text.into())]).unwrap();
}

fn pool(cell: &mut Cell, region: &str, gamma: f64, decay_ms: f64) {
    cell.set_calcium_pool(region, CalciumPool { gamma, decay_ms, ..CalciumPool::default() }).unwrap();
}

fn paint_biophys3(cell: &mut Cell) {
    g(
        cell,
        "soma",
        &[
            ("hay-ih", 2e-4),
            ("hay-na-ta", 2.04),
            ("hay-nap-et2", 0.00172),
            ("hay-k-pst", 0.00223),
            ("hay-k-tst", 0.0812),
            ("hay-sk-e2", 0.0441),
            ("hay-skv3-1", 0.693),
            ("hay-ca-hva", 0.000992),
            ("hay-ca-lva", 0.00343),
        ],
    );
    g(cell, "apic", &[("hay-na-ta", 0.0213), ("hay-skv3-1", 0.000261), ("hay-sk-e2", 0.0012), ("hay-im", 6.75e-5)]);
    formula(cell, "apic", "hay-ih", "2e-4 * (-0.8696 + 2.087 * exp(3.6161 * distance_for_x / longest))");
    formula(cell, "apic", "hay-ca-lva", "0.0187 * if(distance_for_x > 685 um and distance_for_x < 885 um, 1, 0.01)");
    formula(cell, "apic", "hay-ca-hva", "0.000555 * if(distance_for_x > 685 um and distance_for_x < 885 um, 1, 0.1)");
    g(cell, "dend", &[("hay-ih", 2e-4)]);
    pool(cell, "soma", 0.000501, 460.0);
    pool(cell, "apic", 0.000509, 122.0);
}

fn paint_biophys5b(cell: &mut Cell) {
    g(
        cell,
        "axon",
        &[
            ("hay-ih", 5e-5),
            ("hay-im", 0.013322),
            ("hay-ca-lva", 0.000813),
            ("hay-ca-hva", 0.000222),
            ("hay-skv3-1", 0.473799),
            ("hay-sk-e2", 4.7e-5),
            ("hay-k-tst", 0.077274),
            ("hay-k-pst", 0.188851),
            ("hay-nap-et2", 0.005834),
            ("hay-na-ta", 3.89618),
        ],
    );
    g(
        cell,
        "soma",
        &[
            ("hay-ih", 7.5e-5),
            ("hay-im", 8e-6),
            ("hay-ca-lva", 0.000557),
            ("hay-ca-hva", 0.000644),
            ("hay-sk-e2", 0.09965),
            ("hay-skv3-1", 0.338029),
            ("hay-na-ts2", 0.998912),
        ],
    );
    g(
        cell,
        "apic",
        &[
            ("hay-sk-e2", 2e-6),
            ("hay-ca-hva", 0.000701),
            ("hay-skv3-1", 0.001808),
            ("hay-na-ts2", 0.021489),
            ("hay-im", 0.00099),
        ],
    );
    formula(
        cell,
        "apic",
        "hay-ca-lva",
        "0.141954 * 1.6 * if(distance_for_x > 685 um and distance_for_x < 885 um, 1, 0.01)",
    );
    formula(cell, "apic", "hay-ih", "1e-4 * (-0.8696 + 2.087 * exp(3.6161 * min(distance_for_x / longest, 0.65)))");
    g(cell, "dend", &[("hay-ih", 5e-5)]);
    pool(cell, "axon", 0.000525, 277.300774);
    pool(cell, "soma", 0.000509, 294.679571);
    pool(cell, "apic", 0.000637, 35.725651);
}
