//! Which models are leaky neurons, in whatever words.

use rheobase_core::expression::{Formula, Node, Operator, Program};

use super::super::Lif;
use super::Formulas;
use crate::Float;

/// The leaky neuron that a model is whose only variable is v: v' = (rest - v + input) / tau, a threshold from which on it spikes, and a
/// constant reset below that.
pub(super) fn leaky<F: Float>(formulas: &Formulas, refractory_ms: f64) -> Option<Lif> {
    let Formulas { rates, threshold, resets, .. } = formulas;
    let ([rate], [(_, reset)]) = (&rates[..], &resets[..]) else { return None };
    let constant = |formula: Formula| {
        let zeros = [0.0; 3];
        (formula.degree(&[0, 1, 2])? == 0).then(|| Program::new(&[formula]).evaluate::<f64>(&zeros)[0])
    };
    if rate.degree(&[0, 1])? > 1 || rate.uses(2) {
        return None;
    }
    let (leak, gain) = (-constant(rate.slope(0)?)?, constant(rate.slope(1)?)?);
    if leak <= 0.0 || (gain - leak).abs() > 1e-12 * leak {
        return None;
    }
    let at_zero: f64 = Program::new(std::slice::from_ref(rate)).evaluate(&[0.0; 3])[0];
    let Node::Binary(operator, limit, v) = threshold.nodes[threshold.result] else { return None };
    let limit = constant(Formula { result: limit, ..threshold.clone() })?;
    let threshold_mv = match operator {
        _ if threshold.nodes[v] != Node::Variable(0) => return None,
        Operator::LessEqual => limit,
        // Above a number is at or above the next one.
        Operator::Less if size_of::<F>() == size_of::<f32>() => f64::from((limit as f32).next_up()),
        Operator::Less => limit.next_up(),
        _ => return None,
    };
    let lif = Lif {
        tau_ms: 1.0 / leak,
        rest_mv: at_zero / leak,
        threshold_mv,
        reset_mv: constant(reset.clone())?,
        refractory_ms,
        drive_mv: 0.0,
    };
    lif.check("a described model").is_ok().then_some(lif)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neuron::Described;

    fn found<F: Float>(v: &str, threshold: &str, reset: &str) -> Option<Lif> {
        let text = format!(
            r#"{{ "equations": {{ "v": "{v}" }}, "threshold": "{threshold}", "reset": {{ "v": "{reset}" }}, "refractory_ms": 2.0 }}"#
        );
        let model: Described = serde_json::from_str(&text).expect("a model");
        model.kernel::<F>("a model", 0.1, false).expect("a kernel").leaky
    }

    #[test]
    fn a_leaky_neuron_is_recognised_in_whatever_words() {
        let expected = Lif {
            tau_ms: 20.0,
            rest_mv: -60.0,
            threshold_mv: -50.0,
            reset_mv: -65.0,
            refractory_ms: 2.0,
            drive_mv: 0.0,
        };
        for v in ["(-60 mV - v + input) / (20 ms)", "(input - v) / (20 ms) - 3 mV / (1 ms)"] {
            for threshold in ["v >= -50 mV", "-50 mV <= v"] {
                assert_eq!(found::<f64>(v, threshold, "-65 mV"), Some(expected), "{v} {threshold}");
            }
            let above = found::<f64>(v, "v > -50 mV", "-65 mV").map(|lif| lif.threshold_mv);
            assert_eq!(above, Some((-50.0_f64).next_up()));
            let above = found::<f32>(v, "v > -50 mV", "-65 mV").map(|lif| lif.threshold_mv as f32);
            assert_eq!(above, Some((-50.0_f32).next_up()));
        }
    }

    #[test]
    fn what_is_another_neuron_is_left_to_the_compiler() {
        let (v, threshold, reset) = ("(-60 mV - v + input) / (20 ms)", "v >= -50 mV", "-65 mV");
        assert!(found::<f64>(v, threshold, reset).is_some());
        for (v, threshold, reset) in [
            ("(-60 mV - v + 2 * input) / (20 ms)", threshold, reset),
            ("(-60 mV + v + input) / (20 ms)", threshold, reset),
            ("(-60 mV - v * exp(v / (1 mV)) + input) / (20 ms)", threshold, reset),
            ("(-60 mV - v + input) / (20 ms) + t * 1 mV / (1 ms) / (1 ms)", threshold, reset),
            (v, "v <= -50 mV", reset),
            (v, "v >= 2 * v + 50 mV", reset),
            (v, threshold, "v - 10 mV"),
            (v, threshold, "-40 mV"),
        ] {
            assert_eq!(found::<f64>(v, threshold, reset), None, "{v}, {threshold}, {reset}");
        }
    }
}
