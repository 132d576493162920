//! Trials as bytes: little-endian, each array with its length in front.

use super::{Response, Trial};
use crate::spikes::InputSpikes;

/// Trials as bytes.
pub fn encode(trials: &[Trial]) -> Vec<u8> {
    let mut bytes = (trials.len() as u32).to_le_bytes().to_vec();
    let mut put = |values: &mut dyn Iterator<Item = u32>| {
        let values: Vec<u32> = values.collect();
        bytes.extend((values.len() as u32).to_le_bytes());
        values.iter().for_each(|v| bytes.extend(v.to_le_bytes()));
    };
    for Trial { input, response } in trials {
        put(&mut [input.inputs() as u32, input.steps() as u32].into_iter());
        put(&mut input.events().map(|(step, _)| step as u32));
        put(&mut input.events().map(|(_, input)| input as u32));
        put(&mut response.spikes.iter().copied());
        put(&mut response.voltage_mv.iter().map(|v| v.to_bits()));
        put(&mut response.dendrites_mv.iter().map(|v| v.to_bits()));
    }
    bytes
}

/// Trials from bytes; none if they are not whole.
pub fn decode(bytes: &[u8]) -> Option<Vec<Trial>> {
    let mut rest = bytes;
    let mut next = || -> Option<u32> {
        let (value, after) = rest.split_first_chunk::<4>()?;
        rest = after;
        Some(u32::from_le_bytes(*value))
    };
    let count = next()?;
    let mut trials = Vec::new();
    for _ in 0..count {
        let mut array = || -> Option<Vec<u32>> {
            let length = next()?;
            (0..length).map(|_| next()).collect()
        };
        let shape = array()?;
        let &[inputs, steps] = shape.as_slice() else { return None };
        let (at, of) = (array()?, array()?);
        if at.len() != of.len() {
            return None;
        }
        let events = at.into_iter().zip(of).collect();
        let input = InputSpikes::new(inputs as usize, steps as usize, events).ok()?;
        let spikes = array()?;
        let mut voltages = || Some(array()?.into_iter().map(f32::from_bits).collect());
        let response = Response { spikes, voltage_mv: voltages()?, dendrites_mv: voltages()? };
        trials.push(Trial { input, response });
    }
    rest.is_empty().then_some(trials)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_come_back_to_the_bit_and_cut_bytes_are_refused() {
        let input = InputSpikes::new(3, 4, vec![(0, 2), (3, 1), (3, 1)]).unwrap();
        let voltage_mv = vec![-70.1, f32::MIN_POSITIVE, -1.0, 0.3];
        let response = Response { spikes: vec![1, 3], voltage_mv, dendrites_mv: vec![-60.5, 1.25] };
        let trials = vec![Trial { input, response }, Trial::default()];
        let bytes = encode(&trials);
        assert_eq!(decode(&bytes).unwrap(), trials);
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length]), None, "{length}");
        }
        assert_eq!(decode(&[bytes, vec![0]].concat()), None);
    }
}
