//! Shapes of the textbooks: cylinder, ball and stick, Rall tree, star.

use super::{AxisPoint, Morphology, Section, Tag};
use crate::{Error, Result};

fn straight(tag: Tag, start: [f64; 3], direction: [f64; 3], length_um: f64, diameter_um: f64) -> Section {
    let end = std::array::from_fn(|k| start[k] + direction[k] * length_um);
    let axis = vec![AxisPoint { position_um: start, diameter_um }, AxisPoint { position_um: end, diameter_um }];
    Section { name: String::new(), tag, axis, parent: None }
}

/// One unbranched dendrite.
///
/// # Errors
/// If a size is not positive.
pub fn cylinder(length_um: f64, diameter_um: f64) -> Result<Morphology> {
    Morphology::new(vec![straight(Tag::Dendrite, [0.0; 3], [1.0, 0.0, 0.0], length_um, diameter_um)], vec![])
}

/// A soma, as long as wide, with one dendrite at its end.
///
/// # Errors
/// If a size is not positive.
pub fn ball_and_stick(soma_diameter_um: f64, length_um: f64, diameter_um: f64) -> Result<Morphology> {
    star(soma_diameter_um, 1, length_um, diameter_um)
}

/// A soma with `arms` equal dendrites, which begin at its end.
///
/// # Errors
/// If a size is not positive.
pub fn star(soma_diameter_um: f64, arms: usize, length_um: f64, diameter_um: f64) -> Result<Morphology> {
    let mut sections = vec![straight(
        Tag::Soma,
        [-0.5 * soma_diameter_um, 0.0, 0.0],
        [1.0, 0.0, 0.0],
        soma_diameter_um,
        soma_diameter_um,
    )];
    for arm in 0..arms {
        let angle = std::f64::consts::TAU * arm as f64 / arms as f64;
        let direction = [angle.cos(), angle.sin(), 0.0];
        let start = direction.map(|d| d * 0.5 * soma_diameter_um);
        let mut dendrite = straight(Tag::Dendrite, start, direction, length_um, diameter_um);
        dendrite.parent = Some((0, 1.0));
        sections.push(dendrite);
    }
    Morphology::new(sections, vec![])
}

/// A binary tree with `levels` levels (1, 2, 4, ... branches) whose daughters obey the 3/2 power rule (Rall 1959):
/// daughter diameter = parent diameter * 2^(-2/3) * `rule_factor`, and equal electrotonic length at every level.
///
/// With a `rule_factor` of 1 the tree is an equivalent cylinder of the trunk's diameter, `levels` trunk lengths long.
///
/// # Errors
/// If a size is not positive, or there are no or more than 20 levels.
pub fn rall_tree(levels: usize, trunk_length_um: f64, trunk_diameter_um: f64, rule_factor: f64) -> Result<Morphology> {
    if !(1..=20).contains(&levels) {
        return Err(Error::Description(format!("a Rall tree has 1 to 20 levels, not {levels}")));
    }
    let mut sections: Vec<Section> = Vec::new();
    let (mut length, mut diameter) = (trunk_length_um, trunk_diameter_um);
    let mut previous: Vec<usize> = vec![];
    let mut begin_um = 0.0;
    for level in 0..levels {
        let count = 1_usize << level;
        let mut current = Vec::with_capacity(count);
        for k in 0..count {
            // Drawn as a dendrogram: branches of a level lie beside each other with exactly the same coordinates along x,
            // so that equal branches are equal to the last bit.
            let aside = ((k as f64 + 0.5) / count as f64 - 0.5) * trunk_length_um * levels as f64;
            let mut section = straight(Tag::Dendrite, [begin_um, aside, 0.0], [1.0, 0.0, 0.0], length, diameter);
            let parent = previous.get(k / 2).map(|&p| (p, 1.0));
            section.parent = parent;
            current.push(sections.len());
            sections.push(section);
        }
        previous = current;
        begin_um += length;
        diameter *= 2.0_f64.powf(-2.0 / 3.0) * rule_factor;
        length *= 2.0_f64.powf(-1.0 / 3.0) * rule_factor.sqrt();
    }
    Morphology::new(sections, vec![])
}
