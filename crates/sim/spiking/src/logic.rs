//! Logic by threshold units (McCulloch & Pitts 1943 Bull Math Biophys 5:115): one unit suffices for NAND, and NAND for everything.

use crate::neuron::ThresholdUnit;

/// A gate: units or inputs it listens to, with weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// Number of each source: inputs first, then gates in order.
    pub sources: Vec<usize>,
    /// Its weights.
    pub weights: Vec<f64>,
    /// The unit.
    pub unit: ThresholdUnit,
}

/// Gates in an order in which each comes after what it listens to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Circuit {
    /// Number of inputs.
    pub inputs: usize,
    /// Gates.
    pub gates: Vec<Gate>,
}

impl Circuit {
    /// An empty circuit.
    pub fn new(inputs: usize) -> Self {
        Self { inputs, gates: vec![] }
    }

    /// Adds a NAND gate, weights (-1, -1) and threshold -1, and returns its number.
    pub fn nand(&mut self, a: usize, b: usize) -> usize {
        let unit = ThresholdUnit { threshold: -1.0, ..ThresholdUnit::default() };
        self.gates.push(Gate { sources: vec![a, b], weights: vec![-1.0, -1.0], unit });
        self.inputs + self.gates.len() - 1
    }

    /// Adds exclusive or of four NAND gates.
    pub fn xor(&mut self, a: usize, b: usize) -> usize {
        let both = self.nand(a, b);
        let (left, right) = (self.nand(a, both), self.nand(both, b));
        self.nand(left, right)
    }

    /// Adds a full adder of nine NAND gates; returns sum and carry.
    pub fn full_adder(&mut self, a: usize, b: usize, carry: usize) -> (usize, usize) {
        let both = self.nand(a, b);
        let (left, right) = (self.nand(a, both), self.nand(both, b));
        let half = self.nand(left, right);
        let chain = self.nand(half, carry);
        let (left, right) = (self.nand(half, chain), self.nand(chain, carry));
        (self.nand(left, right), self.nand(chain, both))
    }

    /// Adds an adder of two numbers of `bits` bits, a chain of full adders; inputs are a, b and a 0. Returns the sum's bits.
    pub fn ripple_adder(bits: usize) -> (Self, Vec<usize>) {
        let mut circuit = Self::new(2 * bits + 1);
        let (mut carry, mut sum) = (2 * bits, Vec::new());
        for k in 0..bits {
            let (s, c) = circuit.full_adder(k, bits + k, carry);
            sum.push(s);
            carry = c;
        }
        sum.push(carry);
        (circuit, sum)
    }

    /// States of inputs and gates for some inputs.
    pub fn run(&self, inputs: &[bool]) -> Vec<bool> {
        let mut states = inputs[..self.inputs.min(inputs.len())].to_vec();
        states.resize(self.inputs, false);
        for gate in &self.gates {
            let input: f64 =
                gate.sources.iter().zip(&gate.weights).map(|(s, w)| if states[*s] { *w } else { 0.0 }).sum();
            states.push(gate.unit.is_active(input));
        }
        states
    }
}

/// The 16 functions of two inputs, numbered by their truth table (bit 2 a + b), as NAND circuits: circuit and output.
pub fn function_of_nands(table: u8) -> (Circuit, usize) {
    let mut c = Circuit::new(2);
    let (a, b) = (0, 1);
    let not = |c: &mut Circuit, x: usize| c.nand(x, x);
    let one = |c: &mut Circuit| {
        let inverse = c.nand(0, 0);
        c.nand(0, inverse)
    };
    // Sum of products: NAND of the NANDs of each row that is true.
    let rows: Vec<(bool, bool)> = (0..4).filter(|r| table >> r & 1 == 1).map(|r| (r & 2 != 0, r & 1 != 0)).collect();
    let mut terms = Vec::new();
    for (x, y) in rows {
        let left = if x { a } else { not(&mut c, a) };
        let right = if y { b } else { not(&mut c, b) };
        terms.push(c.nand(left, right));
    }
    // The NAND of all terms, two at a time.
    let output = match terms[..] {
        [] => {
            let one = one(&mut c);
            not(&mut c, one)
        }
        [only] => not(&mut c, only),
        _ => {
            let mut all = terms[0];
            for (k, term) in terms[1..].iter().enumerate() {
                all = c.nand(all, *term);
                if k + 2 < terms.len() {
                    all = not(&mut c, all);
                }
            }
            all
        }
    };
    (c, output)
}

/// Whether one threshold unit computes a function of two inputs: searched over small whole weights and thresholds, which suffice for
/// all that are linearly separable.
pub fn is_single_unit(table: u8) -> bool {
    let range = || (-2..=2).map(f64::from);
    range().any(|w| {
        range().any(|u| {
            (-5..=5).map(|t| f64::from(t) - 0.5).any(|threshold| {
                let unit = ThresholdUnit { threshold, ..ThresholdUnit::default() };
                (0..4).all(|r| {
                    let (a, b) = (f64::from(r >> 1), f64::from(r & 1));
                    unit.is_active(w * a + u * b) == (table >> r & 1 == 1)
                })
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nands_compute_everything_and_single_units_all_but_two() {
        for table in 0..16 {
            let (circuit, output) = function_of_nands(table);
            for row in 0..4 {
                assert_eq!(circuit.run(&[row & 2 != 0, row & 1 != 0])[output], table >> row & 1 == 1, "{table} {row}");
            }
        }
        let single: Vec<u8> = (0..16).filter(|t| is_single_unit(*t)).collect();
        assert_eq!((single.len(), is_single_unit(0b0110), is_single_unit(0b1001)), (14, false, false));
        let mut adder = Circuit::new(3);
        let (sum, carry) = adder.full_adder(0, 1, 2);
        assert_eq!(adder.gates.len(), 9);
        for row in 0..8_u8 {
            let states = adder.run(&[row & 4 != 0, row & 2 != 0, row & 1 != 0]);
            assert_eq!(u32::from(states[sum]) + 2 * u32::from(states[carry]), row.count_ones());
        }
        let mut xor = Circuit::new(2);
        xor.xor(0, 1);
        assert_eq!(xor.gates.len(), 4);
    }
}
