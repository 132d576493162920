//! Sections cut into compartments: areas, lengths and the axial resistance between their middles.
//!
//! As in NEURON, a compartment's area and the resistance from its middle to its ends are integrals over the truncated
//! cones of the reconstruction, and sections join at their ends.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{POSITIVE, require_range};
use crate::morphology::{AxisPoint, Morphology, Section, Tag};
use crate::{Error, Result};

/// How many compartments a section gets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Discretisation {
    /// The same number for every section.
    Fixed {
        /// Compartments of a section.
        count: usize,
    },
    /// The smallest odd number such that none is longer than this: 1 + 2 floor(L / max).
    MaximumLength {
        /// Longest compartment in um.
        um: f64,
    },
    /// Odd, none longer than this share of the length constant at 100 Hz (Hines & Carnevale 2001; .1 is usual).
    DLambda {
        /// Share of the length constant.
        share: f64,
        /// Axial resistivity in ohm cm.
        ra_ohm_cm: f64,
        /// Membrane capacitance in uF/cm2.
        cm_uf_cm2: f64,
    },
}

/// A piece of a section with one voltage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compartment {
    /// Section.
    pub section: usize,
    /// Its middle, as a share of the section's length.
    pub x: f64,
    /// Length in um.
    pub length_um: f64,
    /// Lateral area in um2.
    pub area_um2: f64,
    /// Path distance in um from the root (the middle of a soma) to its middle.
    pub distance_um: f64,
    /// Integral of dx / (pi r^2) from its start to its middle, and from there to its end, in 1/um.
    pub half_resistance_per_um: [f64; 2],
}

impl Compartment {
    /// Diameter in um of the cylinder with its area and length.
    pub fn diameter_um(&self) -> f64 {
        self.area_um2 / (std::f64::consts::PI * self.length_um)
    }
}

/// All compartments of a morphology, section by section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compartments {
    list: Vec<Compartment>,
    first: Vec<usize>,
}

impl Compartments {
    /// Cuts a morphology.
    ///
    /// # Errors
    /// If the rule's numbers are not positive, or more than ten million compartments would result.
    pub fn new(morphology: &Morphology, rule: Discretisation) -> Result<Self> {
        let counts = morphology.sections().iter().map(|s| count(s, rule)).collect::<Result<Vec<usize>>>()?;
        Self::with_counts(morphology, &counts)
    }

    /// Cuts every section into its own number of compartments.
    ///
    /// # Errors
    /// If a number is 0 or there are not as many numbers as sections, or more than ten million compartments.
    pub fn with_counts(morphology: &Morphology, counts: &[usize]) -> Result<Self> {
        let sections = morphology.sections();
        if counts.len() != sections.len() || counts.contains(&0) {
            return Err(Error::Description(format!(
                "{} sections need as many compartment counts, each at least 1",
                sections.len()
            )));
        }
        let total: usize = counts.iter().sum();
        if total > 10_000_000 {
            return Err(Error::Description(format!("{total} compartments; at most 10,000,000 are allowed")));
        }
        let starts = morphology.start_distances_um();
        let (mut list, mut first) = (Vec::with_capacity(total), Vec::with_capacity(sections.len()));
        for (index, section) in sections.iter().enumerate() {
            first.push(list.len());
            let is_root_soma = section.tag == Tag::Soma && section.parent.is_none();
            cut(section, counts[index], |mut compartment, middle_um| {
                compartment.section = index;
                compartment.distance_um = if is_root_soma {
                    (middle_um - 0.5 * section.length_um()).abs()
                } else {
                    starts[index] + middle_um
                };
                list.push(compartment);
            });
        }
        Ok(Self { list, first })
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Never, for a valid morphology.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them.
    pub fn list(&self) -> &[Compartment] {
        &self.list
    }

    /// Compartments of one section.
    pub fn of_section(&self, section: usize) -> std::ops::Range<usize> {
        self.first[section]..self.first.get(section + 1).copied().unwrap_or(self.list.len())
    }

    /// The compartment that contains place `x` (0 to 1) of a section.
    pub fn at(&self, section: usize, x: f64) -> usize {
        let range = self.of_section(section);
        let count = range.len();
        range.start + ((x * count as f64) as usize).min(count - 1)
    }
}

fn count(section: &Section, rule: Discretisation) -> Result<usize> {
    let length = section.length_um();
    let odd = |pieces: f64| -> usize { 1 + 2 * (pieces as usize) };
    match rule {
        Discretisation::Fixed { count } => Ok(count),
        Discretisation::MaximumLength { um: maximum } => {
            require_range("longest compartment in um", maximum, 1e-6, 1e9)?;
            Ok(odd(length / maximum))
        }
        Discretisation::DLambda { share, ra_ohm_cm, cm_uf_cm2 } => {
            require_range("share of the length constant", share, 1e-6, 10.0)?;
            require_range("ra_ohm_cm", ra_ohm_cm, POSITIVE, 1e9)?;
            require_range("cm_uf_cm2", cm_uf_cm2, POSITIVE, 1e6)?;
            let per_root = (4.0 * std::f64::consts::PI * 100.0 * ra_ohm_cm * cm_uf_cm2).sqrt() * 1e-5;
            let lambdas: f64 = section
                .axis
                .windows(2)
                .map(|w| w[0].distance_um(&w[1]) / (0.5 * (w[0].diameter_um + w[1].diameter_um)).sqrt() * per_root)
                .sum();
            Ok(odd((lambdas / share + 0.9) / 2.0))
        }
    }
}

/// Walks the axis and hands every compartment, with the distance of its middle from the section's start.
fn cut(section: &Section, count: usize, mut take: impl FnMut(Compartment, f64)) {
    let length = section.length_um();
    let step = length / count as f64;
    let mut walk = Walk { axis: &section.axis, pair: 0, done_um: 0.0, to_pair_end_um: 0.0 };
    walk.to_pair_end_um = section.axis[0].distance_um(&section.axis[1]);
    for k in 0..count {
        let (area_left, resistance_left) = walk.advance(0.5 * step);
        let (area_right, resistance_right) = walk.advance(0.5 * step);
        let compartment = Compartment {
            section: 0,
            x: (k as f64 + 0.5) / count as f64,
            length_um: step,
            area_um2: area_left + area_right,
            distance_um: 0.0,
            half_resistance_per_um: [resistance_left, resistance_right],
        };
        take(compartment, (k as f64 + 0.5) * step);
    }
}

struct Walk<'a> {
    axis: &'a [AxisPoint],
    pair: usize,
    /// Distance walked within the present pair of points.
    done_um: f64,
    to_pair_end_um: f64,
}

impl Walk<'_> {
    /// Area and integral of dx / (pi r^2) over the next stretch.
    fn advance(&mut self, mut distance: f64) -> (f64, f64) {
        let (mut area, mut resistance) = (0.0, 0.0);
        loop {
            let (a, b) = (&self.axis[self.pair], &self.axis[self.pair + 1]);
            let length = a.distance_um(b);
            let last = self.pair + 2 == self.axis.len();
            let step = if last { distance } else { distance.min(self.to_pair_end_um) };
            if length > 0.0 {
                let radius = |at: f64| 0.5 * (a.diameter_um + (b.diameter_um - a.diameter_um) * (at / length).min(1.0));
                let (r0, r1) = (radius(self.done_um), radius(self.done_um + step));
                area += std::f64::consts::PI * (r0 + r1) * (r0 - r1).hypot(step);
                resistance += step / (std::f64::consts::PI * r0 * r1);
            }
            self.done_um += step;
            self.to_pair_end_um -= step;
            distance -= step;
            if distance <= 0.0 || last {
                return (area, resistance);
            }
            self.pair += 1;
            self.done_um = 0.0;
            self.to_pair_end_um = self.axis[self.pair].distance_um(&self.axis[self.pair + 1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::morphology::cylinder;

    #[test]
    fn a_cone_keeps_its_area_and_resistance_whatever_the_number_of_compartments() {
        let mut section = cylinder(100.0, 2.0).unwrap().sections()[0].clone();
        section.axis[1].diameter_um = 6.0;
        let cone = Morphology::new(vec![section.clone()], vec![]).unwrap();
        for count in [1, 3, 10] {
            let compartments = Compartments::new(&cone, Discretisation::Fixed { count }).unwrap();
            let area: f64 = compartments.list().iter().map(|c| c.area_um2).sum();
            let resistance: f64 = compartments.list().iter().flat_map(|c| c.half_resistance_per_um).sum();
            // Closed forms: the cone's lateral area, and L / (pi r0 r1).
            assert!((area / section.area_um2() - 1.0).abs() < 1e-12, "{area}");
            assert!((resistance / (100.0 / (std::f64::consts::PI * 1.0 * 3.0)) - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn rules_count_as_neuron_does() {
        let section = |length: f64| {
            Compartments::new(&cylinder(length, 1.0).unwrap(), Discretisation::MaximumLength { um: 40.0 })
        };
        assert_eq!([39.0, 40.0, 79.9, 80.1].map(|l| section(l).unwrap().len()), [1, 3, 3, 5]);
        // lambda at 100 Hz of d 1 um, Ra 100, cm 1: 1e5 sqrt(1 / (4 pi 100 100 1)) = 282.09 um; 1000 um / 28.2 = 35.4 + .9.
        let rule = Discretisation::DLambda { share: 0.1, ra_ohm_cm: 100.0, cm_uf_cm2: 1.0 };
        assert_eq!(Compartments::new(&cylinder(1000.0, 1.0).unwrap(), rule).unwrap().len(), 37);
        assert!(section(100.0).unwrap().at(0, 1.0) == 4);
    }
}
