//! `[analysis.*] kind = "threshold-logic"`: what single threshold units and circuits of them compute.

use rheobase_data::Table;
use rheobase_pipeline::{Context, Outcome, OutputInfo, Role, StageError};
use rheobase_spiking::logic::{Circuit, function_of_nands, is_single_unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::metric;
use crate::kind::{Kind, main_output};

/// Parameters of `threshold-logic`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThresholdLogicParameters {
    /// Bits of the numbers that the adder adds; all pairs are tried.
    #[serde(default = "bits")]
    #[schemars(range(min = 1, max = 10))]
    pub adder_bits: usize,
}

fn bits() -> usize {
    8
}

/// Logic of threshold units.
pub struct ThresholdLogic;

impl Kind for ThresholdLogic {
    type Parameters = ThresholdLogicParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "threshold-logic";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "logic by McCulloch-Pitts units: all functions of two inputs, and adders of NAND gates";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("truth tables")];

    fn run(p: &ThresholdLogicParameters, _: &Context<'_>) -> Result<Outcome, StageError> {
        let mut outcome = Outcome::default();
        let row = |r: u8| [r & 2 != 0, r & 1 != 0];
        let (mut tables, mut gates, mut single, mut right) = (vec![], vec![], vec![], 0);
        for table in 0..16_u8 {
            let (circuit, output) = function_of_nands(table);
            let correct = (0..4).all(|r| circuit.run(&row(r))[output] == (table >> r & 1 == 1));
            right += usize::from(correct);
            tables.push(format!("{table:04b}"));
            gates.push(circuit.gates.len() as f64);
            single.push(if is_single_unit(table) { "yes" } else { "no" }.to_owned());
        }
        let alone = single.iter().filter(|s| *s == "yes").count();
        let mut nand = Circuit::new(2);
        let output = nand.nand(0, 1);
        let rows = (0..4).filter(|r| nand.run(&row(*r))[output] == (*r != 3)).count();
        metric(&mut outcome, "nand_rows", rows as f64, ("right rows of NAND", ""), (4, "rows"));
        metric(
            &mut outcome,
            "functions_of_nands",
            right as f64,
            ("functions of two inputs by NANDs", ""),
            (16, "functions"),
        );
        metric(&mut outcome, "single_unit_functions", alone as f64, ("functions of one unit", ""), (16, "functions"));
        let mut adder = Circuit::new(3);
        let (sum, carry) = adder.full_adder(0, 1, 2);
        let correct = |r: &u8| {
            let s = adder.run(&[r & 4 != 0, r & 2 != 0, r & 1 != 0]);
            u32::from(s[sum]) + 2 * u32::from(s[carry]) == r.count_ones()
        };
        let rows = (0..8).filter(correct).count();
        metric(
            &mut outcome,
            "full_adder_gates",
            adder.gates.len() as f64,
            ("gates of a full adder", ""),
            (1, "circuit"),
        );
        metric(&mut outcome, "full_adder_rows", rows as f64, ("right rows of the full adder", ""), (8, "rows"));
        let (ripple, sums) = Circuit::ripple_adder(p.adder_bits);
        let size = 1_usize << p.adder_bits;
        let mut right = 0;
        for a in 0..size {
            for b in 0..size {
                let bit = |k: usize| if k < p.adder_bits { a >> k & 1 == 1 } else { b >> (k - p.adder_bits) & 1 == 1 };
                let inputs: Vec<bool> = (0..2 * p.adder_bits).map(bit).collect();
                let states = ripple.run(&inputs);
                let found: usize = sums.iter().enumerate().map(|(k, s)| usize::from(states[*s]) << k).sum();
                right += usize::from(found == a + b);
            }
        }
        metric(&mut outcome, "adder_pairs", right as f64, ("pairs added rightly", ""), (size * size, "pairs"));
        let table = Table::new().with("truth_table", tables)?.with("nand_gates", gates)?.with("single_unit", single)?;
        outcome.table("functions", table);
        Ok(outcome)
    }
}
