//! Places on a cell by label: regions as conditions, locations as `section(x)`, values that depend on the place.
//!
//! A region is a formula over the variables of [`VARIABLES`]: `"apic and distance > 685 um and distance < 885 um"`,
//! `"dend or soma"`, `"not axon"`, `"dend[3]"`, `"all"`.

use rand::RngExt;
use rheobase_core::Seed;

use crate::compartments::Compartments;
use crate::morphology::{Morphology, Tag};
use crate::{Error, Result};
use rheobase_core::expression::{Dimension, ExpressionError, Program, parse};

/// Variables of a region or of a value that depends on the place.
pub const VARIABLES: [(&str, Dimension); 8] = [
    // Path distance from the middle of the soma to the middle of the compartment.
    ("distance", Dimension::LENGTH),
    // The same, but for the last compartment of a section the distance of the section's end: what a loop `for (x)` over
    // a section leaves behind in NEURON, and so in models written with it.
    ("distance_for_x", Dimension::LENGTH),
    // Longest path distance to the end of a section with the same tag.
    ("longest", Dimension::LENGTH),
    ("diameter", Dimension::LENGTH),
    // Place on the section, 0 to 1.
    ("x", Dimension::NONE),
    // Branch points between the root and the section.
    ("order", Dimension::NONE),
    // 1 on sections from which none grows.
    ("tip", Dimension::NONE),
    ("all", Dimension::NONE),
];

/// Evaluates formulas for every compartment of a cell.
#[derive(Debug, Clone)]
pub struct Places {
    names: Vec<(String, Dimension)>,
    values: Vec<Vec<f64>>,
}

impl Places {
    /// Computes the variables of a morphology's compartments.
    pub fn new(morphology: &Morphology, compartments: &Compartments) -> Self {
        let sections = morphology.sections();
        let children = morphology.children();
        let starts = morphology.start_distances_um();
        let order = morphology.branch_orders();
        let longest = |tag: Tag| {
            let ends =
                (0..sections.len()).filter(|&i| sections[i].tag == tag).map(|i| starts[i] + sections[i].length_um());
            ends.fold(0.0, f64::max)
        };
        let mut tags: Vec<Tag> = sections.iter().map(|s| s.tag).collect();
        tags.sort();
        tags.dedup();
        let reach: Vec<f64> = tags.iter().map(|&tag| longest(tag)).collect();
        let of_tag = |tag: Tag| reach[tags.iter().position(|t| *t == tag).expect("every tag is listed")];
        let mut names: Vec<(String, Dimension)> = VARIABLES.iter().map(|(n, d)| ((*n).to_owned(), *d)).collect();
        let list = compartments.list();
        let is_last = |i: usize| compartments.of_section(list[i].section).end == i + 1;
        let end_um = |i: usize| if is_last(i) { 0.5 * list[i].length_um } else { 0.0 };
        let mut values: Vec<Vec<f64>> = vec![
            list.iter().map(|c| c.distance_um).collect(),
            (0..list.len()).map(|i| list[i].distance_um + end_um(i)).collect(),
            list.iter().map(|c| of_tag(sections[c.section].tag)).collect(),
            list.iter().map(crate::compartments::Compartment::diameter_um).collect(),
            list.iter().map(|c| c.x).collect(),
            list.iter().map(|c| order[c.section] as f64).collect(),
            list.iter().map(|c| f64::from(u8::from(children[c.section].is_empty()))).collect(),
            vec![1.0; list.len()],
        ];
        for tag in [Tag::Soma, Tag::Axon, Tag::Dendrite, Tag::Apical]
            .into_iter()
            .chain(tags.iter().copied().filter(|t| matches!(t, Tag::Undefined | Tag::Custom(_))))
        {
            names.push((tag.name(), Dimension::NONE));
            values.push(list.iter().map(|c| f64::from(u8::from(sections[c.section].tag == tag))).collect());
        }
        for (index, section) in sections.iter().enumerate() {
            names.push((section.name.clone(), Dimension::NONE));
            values.push(vec![]); // filled when asked for: most cells have hundreds of sections
            let last = values.len() - 1;
            values[last].push(index as f64);
        }
        Self { names, values }
    }

    fn evaluate(&self, text: &str, compartments: &Compartments) -> Result<(Vec<f64>, Dimension)> {
        let variables: Vec<(&str, Dimension)> = self.names.iter().map(|(n, d)| (n.as_str(), *d)).collect();
        let formula = parse(text, &variables)?;
        let dimension = formula.dimension;
        let program = Program::new(&[formula]);
        let list = compartments.list();
        let mut row = vec![0.0; self.names.len()];
        let results = (0..list.len()).map(|i| {
            for (slot, values) in row.iter_mut().zip(&self.values) {
                let is_section = values.len() == 1 && list.len() > 1;
                *slot = if is_section { f64::from(u8::from(list[i].section as f64 == values[0])) } else { values[i] };
            }
            program.evaluate(&row)[0]
        });
        Ok((results.collect(), dimension))
    }

    /// The compartments of a region, in order.
    ///
    /// # Errors
    /// If the formula does not parse, or no compartment belongs to the region.
    pub fn region(&self, text: &str, compartments: &Compartments) -> Result<Vec<usize>> {
        let (values, _) = self.evaluate(text, compartments)?;
        let inside: Vec<usize> = (0..values.len()).filter(|&i| values[i] > 0.0).collect();
        if inside.is_empty() {
            return Err(Error::Description(format!("no compartment lies in the region \"{text}\"")));
        }
        Ok(inside)
    }

    /// A value for every compartment, from a formula; lengths count in um.
    ///
    /// # Errors
    /// If the formula does not parse.
    pub fn value(&self, text: &str, compartments: &Compartments) -> Result<Vec<f64>> {
        Ok(self.evaluate(text, compartments)?.0)
    }
}

/// The section of a location such as `soma(0.5)`, `apic[36](0.97)` and the place on it, 0 to 1; a name without place means its middle.
///
/// # Errors
/// If the section is not known or the place is not from 0 to 1.
pub fn place(text: &str, morphology: &Morphology) -> Result<(usize, f64)> {
    let text = text.trim();
    let (name, x) = match text.rfind('(') {
        Some(open) if text.ends_with(')') => {
            let place = &text[open + 1..text.len() - 1];
            let x: f64 = place.trim().parse().map_err(|_| {
                let problem = format!("\"{place}\" is not a place on a section; it is a number from 0 to 1");
                ExpressionError { text: text.into(), at: open + 2, problem }
            })?;
            (&text[..open], x)
        }
        _ => (text, 0.5),
    };
    crate::error::require_range(format!("place on section {name}"), x, 0.0, 1.0)?;
    let section =
        morphology.section(name).or_else(|error| morphology.section(&format!("{name}[0]")).map_err(|_| error))?;
    Ok((section, x))
}

/// The compartment of a location.
///
/// # Errors
/// As [`place`].
pub fn location(text: &str, morphology: &Morphology, compartments: &Compartments) -> Result<usize> {
    place(text, morphology).map(|(section, x)| compartments.at(section, x))
}

/// Compartments drawn from a region with probability proportional to their length, with replacement.
///
/// # Errors
/// As [`Places::region`].
pub fn uniform_sample(
    places: &Places,
    region: &str,
    compartments: &Compartments,
    count: usize,
    seed: &Seed,
) -> Result<Vec<usize>> {
    let inside = places.region(region, compartments)?;
    let mut cumulative = Vec::with_capacity(inside.len());
    let mut total = 0.0;
    for &i in &inside {
        total += compartments.list()[i].length_um;
        cumulative.push(total);
    }
    let mut stream = seed.stream();
    let draw = || {
        let at = stream.random::<f64>() * total;
        inside[cumulative.partition_point(|&c| c < at).min(inside.len() - 1)]
    };
    Ok(std::iter::repeat_with(draw).take(count).collect())
}
