//! Neurons and their surrogates as probes: shown a window of input spikes, recorded from in its last millisecond.
//!
//! A frame is an image with a row for each input and a column for each millisecond, the last one the present; a pixel is the number of spikes
//! (rounded, negative ones none). Before the window nothing happened. So any instrument that shows images looks into a surrogate, and into
//! the neuron that it imitates.

mod neuron;
mod surrogate;

pub use neuron::NeuronProbe;
pub use surrogate::{OUTPUT, SurrogateProbe};

use ndarray::ArrayView2;
use rheobase_core::Stimulus;

use crate::spikes::InputSpikes;
use crate::{Error, Result};

/// Windows shown at a time, to bound memory.
const TOGETHER: usize = 64;

/// The frame (inputs, milliseconds) of a window of spikes, row after row.
pub fn frame_of(spikes: &InputSpikes) -> Vec<f32> {
    let mut frame = vec![0.0; spikes.inputs() * spikes.steps()];
    spikes.events().for_each(|(step, input)| frame[input * spikes.steps() + step] += 1.0);
    frame
}

/// Windows of spikes of frames (frames, inputs x milliseconds).
fn windows(frames: ArrayView2<'_, f64>, inputs: usize, milliseconds: usize) -> Result<Vec<InputSpikes>> {
    let of_frame = |frame: ndarray::ArrayView1<'_, f64>| {
        let mut events = vec![];
        for (place, pixel) in frame.iter().enumerate().filter(|(_, pixel)| **pixel >= 0.5) {
            let event = ((place % milliseconds) as u32, (place / milliseconds) as u32);
            events.extend(std::iter::repeat_n(event, pixel.round() as usize));
        }
        InputSpikes::new(inputs, milliseconds, events)
    };
    frames.outer_iter().map(of_frame).collect()
}

/// Milliseconds of the frames of a stimulus for so many inputs.
fn milliseconds_of(stimulus: &Stimulus, inputs: usize) -> rheobase_core::Result<usize> {
    match *stimulus.spatial_shape() {
        [rows, milliseconds] if rows == inputs && milliseconds > 0 => Ok(milliseconds),
        ref other => Err(rheobase_core::Error::Shape {
            what: "window of input spikes",
            found: format!("{other:?}"),
            expected: format!("[{inputs}, milliseconds]: a row for each input; cut them with `spike-windows`"),
        }),
    }
}

fn outside(error: Error) -> rheobase_core::Error {
    match error {
        Error::Core(inner) => inner,
        other => rheobase_core::Error::Model(other.to_string()),
    }
}
