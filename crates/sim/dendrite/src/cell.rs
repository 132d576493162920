//! What a cell is made of, independent of any simulation: shape, cable, membrane mechanisms.

use std::collections::BTreeMap;

use crate::compartments::{Compartments, Discretisation};
use crate::error::{POSITIVE, require_range};
use crate::mechanism::{Bank, CalciumPool, DescribedChannel, MechanismEntry, ParameterInfo, find};
use crate::morphology::Morphology;
use crate::region::{Places, location};
use crate::{Error, Result, Settings};

/// A parameter of a region: the same everywhere, or a formula over the place (see [`crate::region`]).
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// The same everywhere.
    Number(f64),
    /// A formula such as `"2e-4 * (-0.8696 + 2.087 * exp(3.6161 * distance / longest))"`.
    Formula(String),
}

impl serde::Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Formula(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Value;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "a number or a formula")
            }
            fn visit_f64<E>(self, number: f64) -> std::result::Result<Value, E> {
                Ok(Value::Number(number))
            }
            fn visit_i64<E>(self, number: i64) -> std::result::Result<Value, E> {
                Ok(Value::Number(number as f64))
            }
            fn visit_u64<E>(self, number: u64) -> std::result::Result<Value, E> {
                Ok(Value::Number(number as f64))
            }
            fn visit_str<E>(self, text: &str) -> std::result::Result<Value, E> {
                Ok(Value::Formula(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl schemars::JsonSchema for Value {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Value".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["number", "string"],
            "description": "A number, or a formula over the place such as \"1e-4 * (1 + distance / (100 um))\"."
        })
    }
    fn inline_schema() -> bool {
        true
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Formula(text.to_owned())
    }
}

/// Electrical properties of the cable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cable {
    /// Membrane capacitance in uF/cm2.
    pub cm_uf_cm2: f64,
    /// Axial resistivity in ohm cm.
    pub ra_ohm_cm: f64,
    /// Leak conductance in S/cm2.
    pub g_leak_s_per_cm2: f64,
    /// Leak reversal potential in mV.
    pub e_leak_mv: f64,
}

impl Default for Cable {
    /// 1 uF/cm2, 100 ohm cm, no leak.
    fn default() -> Self {
        Self { cm_uf_cm2: 1.0, ra_ohm_cm: 100.0, g_leak_s_per_cm2: 0.0, e_leak_mv: -65.0 }
    }
}

#[derive(Clone)]
enum Kind {
    Known(&'static MechanismEntry),
    Described(Box<DescribedChannel>),
}

/// A mechanism and its parameters in every compartment; `None` where it is not inserted.
#[derive(Clone)]
pub(crate) struct Inserted {
    kind: Kind,
    /// Shape (compartments, parameters).
    values: Vec<Option<Vec<f64>>>,
}

impl Inserted {
    pub(crate) fn name(&self) -> &str {
        match &self.kind {
            Kind::Known(entry) => entry.info.name,
            Kind::Described(channel) => &channel.name,
        }
    }

    pub(crate) fn is_in(&self, compartment: usize) -> bool {
        self.values[compartment].is_some()
    }

    fn parameter_names(&self) -> Vec<String> {
        match &self.kind {
            Kind::Known(entry) => entry.info.parameters.iter().map(|p| p.name.to_owned()).collect(),
            Kind::Described(channel) => channel.parameters.iter().map(|(name, _)| name.clone()).collect(),
        }
    }

    /// The bank for these compartments, conductances scaled to uS.
    pub(crate) fn bank(&self, compartments: &[usize], areas_um2: &[f64], settings: &Settings) -> Box<dyn Bank> {
        let lanes = settings.lanes;
        let names = self.parameter_names();
        let columns: Vec<Vec<f64>> = (0..names.len())
            .map(|k| {
                // S/cm2 um2 = .01 uS, and mA/cm2 um2 = .01 nA.
                let scale = |i: usize| if names[k].ends_with("_per_cm2") { 0.01 * areas_um2[i] } else { 1.0 };
                let value = |i: usize| self.values[i].as_ref().map_or(0.0, |values| values[k]);
                compartments.iter().map(|&i| value(i) * scale(i)).collect()
            })
            .collect();
        match &self.kind {
            Kind::Known(entry) => (entry.make)(columns, lanes, settings.kinetics),
            Kind::Described(channel) => channel.make(&columns, lanes),
        }
    }
}

/// A cell under construction: paint regions, then simulate it with [`crate::Simulation`].
#[derive(Clone)]
pub struct Cell {
    morphology: Morphology,
    compartments: Compartments,
    places: Places,
    pub(crate) cable: Vec<Cable>,
    pub(crate) inserted: Vec<Inserted>,
    pub(crate) pools: Vec<Option<CalciumPool>>,
    described: BTreeMap<String, DescribedChannel>,
}

impl Cell {
    /// A bare cell: the cable of [`Cable::default`] everywhere, no mechanisms.
    ///
    /// # Errors
    /// If the discretisation rule does not suit the morphology.
    pub fn new(morphology: Morphology, rule: Discretisation) -> Result<Self> {
        let compartments = Compartments::new(&morphology, rule)?;
        Self::from_compartments(morphology, compartments)
    }

    /// A bare cell with compartments made elsewhere, for example with its own number in every section.
    ///
    /// # Errors
    /// If the compartments are of another morphology.
    pub fn from_compartments(morphology: Morphology, compartments: Compartments) -> Result<Self> {
        if compartments.list().last().map(|c| c.section + 1) != Some(morphology.sections().len()) {
            return Err(Error::Description("the compartments belong to another morphology".into()));
        }
        let count = compartments.len();
        Ok(Self {
            places: Places::new(&morphology, &compartments),
            morphology,
            compartments,
            cable: vec![Cable::default(); count],
            inserted: vec![],
            pools: vec![None; count],
            described: BTreeMap::new(),
        })
    }

    /// Its shape.
    pub fn morphology(&self) -> &Morphology {
        &self.morphology
    }

    /// Its compartments.
    pub fn compartments(&self) -> &Compartments {
        &self.compartments
    }

    /// Compartments of a region such as `"apic and distance > 200 um"`.
    ///
    /// # Errors
    /// If the label does not parse or nothing lies in it.
    pub fn region(&self, label: &str) -> Result<Vec<usize>> {
        self.places.region(label, &self.compartments)
    }

    /// The variables of places, for drawing locations with [`crate::region::uniform_sample`].
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Compartment of a location such as `"apic[36](0.97)"`.
    ///
    /// # Errors
    /// If the section is not known or the place is not from 0 to 1.
    pub fn at(&self, label: &str) -> Result<usize> {
        location(label, &self.morphology, &self.compartments)
    }

    /// Sets properties of the cable in a region; names are the fields of [`Cable`].
    ///
    /// # Errors
    /// If the region or a name is not known, or a value is out of its range.
    pub fn set_cable(&mut self, region: &str, values: &[(&str, Value)]) -> Result<()> {
        let inside = self.region(region)?;
        for (name, value) in values {
            let (low, high) = match *name {
                "cm_uf_cm2" => (0.0, 1e6),
                "ra_ohm_cm" => (POSITIVE, 1e9),
                "g_leak_s_per_cm2" => (0.0, 1e3),
                "e_leak_mv" => (-500.0, 500.0),
                _ => {
                    let known = "cm_uf_cm2, ra_ohm_cm, g_leak_s_per_cm2, e_leak_mv".to_owned();
                    return Err(Error::Unknown { what: "cable property".into(), name: (*name).into(), known });
                }
            };
            let numbers = self.numbers(value)?;
            for &i in &inside {
                let number = require_range(format!("{name} in region \"{region}\""), numbers(i), low, high)?;
                let cable = &mut self.cable[i];
                match *name {
                    "cm_uf_cm2" => cable.cm_uf_cm2 = number,
                    "ra_ohm_cm" => cable.ra_ohm_cm = number,
                    "g_leak_s_per_cm2" => cable.g_leak_s_per_cm2 = number,
                    _ => cable.e_leak_mv = number,
                }
            }
        }
        Ok(())
    }

    /// Makes a channel described by a TOML text insertable by its name.
    ///
    /// # Errors
    /// What [`DescribedChannel::read`] refuses, and names that are taken.
    pub fn add_channel(&mut self, text: &str) -> Result<String> {
        let channel = DescribedChannel::read(text)?;
        if find(&channel.name).is_ok() {
            return Err(Error::Description(format!("the channel name {} is taken by a built-in one", channel.name)));
        }
        let name = channel.name.clone();
        self.described.insert(name.clone(), channel);
        Ok(name)
    }

    /// Inserts a mechanism into a region, or changes its parameters where it is already.
    ///
    /// # Errors
    /// If the region, the mechanism or a parameter is not known, or a value is out of its range.
    pub fn insert(&mut self, region: &str, mechanism: &str, values: &[(&str, Value)]) -> Result<()> {
        let inside = self.region(region)?;
        let place = match self.inserted.iter().position(|i| i.name() == mechanism) {
            Some(place) => place,
            None => {
                let kind = match self.described.get(mechanism) {
                    Some(channel) => Kind::Described(Box::new(channel.clone())),
                    None => Kind::Known(find(mechanism)?),
                };
                self.inserted.push(Inserted { kind, values: vec![None; self.compartments.len()] });
                self.inserted.len() - 1
            }
        };
        let names = self.inserted[place].parameter_names();
        let (defaults, infos): (Vec<f64>, Option<&'static [ParameterInfo]>) = match &self.inserted[place].kind {
            Kind::Known(entry) => {
                (entry.info.parameters.iter().map(|p| p.default).collect(), Some(entry.info.parameters))
            }
            Kind::Described(channel) => (channel.parameters.iter().map(|(_, value)| *value).collect(), None),
        };
        for &i in &inside {
            self.inserted[place].values[i].get_or_insert_with(|| defaults.clone());
        }
        for (name, value) in values {
            let Some(k) = names.iter().position(|known| known == name) else {
                return Err(Error::Unknown {
                    what: format!("parameter of {mechanism}"),
                    name: (*name).into(),
                    known: names.join(", "),
                });
            };
            let (low, high) = infos.map_or((f64::MIN, f64::MAX), |infos| (infos[k].low, infos[k].high));
            let low = if names[k].ends_with("s_per_cm2") { low.max(0.0) } else { low };
            let what = format!("{name} of {mechanism} in region \"{region}\"");
            let checked: Vec<f64> = {
                let numbers = self.numbers(value)?;
                inside.iter().map(|&i| require_range(what.as_str(), numbers(i), low, high)).collect::<Result<_>>()?
            };
            for (&i, number) in inside.iter().zip(checked) {
                if let Some(slot) = &mut self.inserted[place].values[i] {
                    slot[k] = number;
                }
            }
        }
        Ok(())
    }

    /// Gives a region a calcium pool.
    ///
    /// # Errors
    /// If the region is not known or a constant is out of its range.
    pub fn set_calcium_pool(&mut self, region: &str, pool: CalciumPool) -> Result<()> {
        let what = |name: &str| format!("{name} of calcium-pool in region \"{region}\"");
        require_range(what("gamma"), pool.gamma, 0.0, 1.0)?;
        require_range(what("decay_ms"), pool.decay_ms, 1e-3, 1e9)?;
        require_range(what("depth_um"), pool.depth_um, 1e-6, 1e6)?;
        require_range(what("rest_mm"), pool.rest_mm, 0.0, 1e3)?;
        require_range(what("start_mm"), pool.start_mm, 1e-12, 1e3)?;
        require_range(what("outside_mm"), pool.outside_mm, 1e-9, 1e6)?;
        require_range(what("nernst_mv"), pool.nernst_mv, 0.0, 100.0)?;
        for i in self.region(region)? {
            self.pools[i] = Some(pool);
        }
        Ok(())
    }

    /// Removes a mechanism from a region: blocks its channels. `"passive"` stands for the leak.
    ///
    /// # Errors
    /// If the region is not known or the mechanism is not in the cell.
    pub fn block(&mut self, region: &str, mechanism: &str) -> Result<()> {
        let inside = self.region(region)?;
        if mechanism == "passive" {
            inside.iter().for_each(|&i| self.cable[i].g_leak_s_per_cm2 = 0.0);
            return Ok(());
        }
        let known: Vec<String> = self.inserted.iter().map(|i| i.name().to_owned()).collect();
        let Some(found) = self.inserted.iter_mut().find(|i| i.name() == mechanism) else {
            let (what, name) = ("mechanism of this cell".into(), mechanism.into());
            return Err(Error::Unknown { what, name, known: known.join(", ") });
        };
        inside.iter().for_each(|&i| found.values[i] = None);
        Ok(())
    }

    /// Amputates a region: nothing flows along its axis any more, so that the rest ends where it began.
    ///
    /// # Errors
    /// If the region is not known.
    pub fn amputate(&mut self, region: &str) -> Result<()> {
        // A billion times the usual resistivity leaves a billionth of the coupling.
        self.set_cable(region, &[("ra_ohm_cm", Value::Number(1e9))])
    }

    /// Name and place of a compartment, for messages.
    pub fn describe(&self, compartment: usize) -> String {
        let c = &self.compartments.list()[compartment];
        format!("{}({:.3})", self.morphology.sections()[c.section].name, c.x)
    }

    /// Areas in um2.
    pub(crate) fn areas_um2(&self) -> Vec<f64> {
        self.compartments.list().iter().map(|c| c.area_um2).collect()
    }

    fn numbers(&self, value: &Value) -> Result<impl Fn(usize) -> f64 + use<>> {
        let (constant, list) = match value {
            Value::Number(number) => (*number, vec![]),
            Value::Formula(text) => (0.0, self.places.value(text, &self.compartments)?),
        };
        Ok(move |i: usize| if list.is_empty() { constant } else { list[i] })
    }
}
