//! The temporal convolutional network, one millisecond at a time.
//!
//! A spike adds its kernel to the frames that lie ahead of the first layer. Each later layer looks at a window of the frames before it; they
//! are kept twice, a window's length apart, so that every window is one contiguous row.

use rheobase_rate::product::{Packed, Strided};

use super::super::convolution::Taps;
use super::super::kernels::{add, rectify};
use super::super::tcn::{Activation, Tcn};
use super::Past;

/// The weights of copies.
pub struct Stream {
    tcn: Tcn,
    weights: Vec<Vec<f32>>,
    taps: Vec<Taps<f32>>,
    output: Packed<f32>,
}

impl Stream {
    pub fn new(tcn: &Tcn, weights: &[Vec<f32>]) -> Self {
        let depth = tcn.kernels.len();
        Self {
            tcn: tcn.clone(),
            taps: (1..depth).map(|l| Taps::new(&weights[2 * l], tcn.width, tcn.width)).collect(),
            output: Packed::new(Strided::rows(&weights[2 * depth], tcn.heads), tcn.width, tcn.heads),
            weights: weights.to_vec(),
        }
    }

    /// Frames ahead of the first layer (kernel, copies, width); before each later layer, twice its kernel (copies, frames, width).
    pub fn start(&self, copies: usize) -> Vec<Vec<f32>> {
        let width = self.tcn.width;
        let twice = |l: usize| if l == 0 { 1 } else { 2 };
        self.tcn.kernels.iter().enumerate().map(|(l, k)| vec![0.0; twice(l) * k * copies * width]).collect()
    }

    pub fn advance(&self, past: &mut Past, active: &[Vec<u32>], outputs: &mut [f32]) {
        let (width, copies) = (self.tcn.width, active.len());
        let mut frames = self.first_layer(past, active);
        for (l, &kernel) in self.tcn.kernels.iter().enumerate().skip(1) {
            let kept = &mut past.values[l];
            let (place, stride) = (past.steps % kernel, 2 * kernel * width);
            for (frame, own) in frames.chunks_exact(width).zip(kept.chunks_exact_mut(stride)) {
                own[place * width..][..width].copy_from_slice(frame);
                own[(place + kernel) * width..][..width].copy_from_slice(frame);
            }
            frames = self.weights[2 * l + 1].repeat(copies);
            self.taps[l - 1].add_windows(&kept[(place + 1) * width..], stride, copies, &mut frames);
            self.bend(&mut frames);
        }
        outputs.chunks_exact_mut(self.tcn.heads).for_each(|o| o.copy_from_slice(&self.weights[self.weights.len() - 1]));
        self.output.multiply(Strided::rows(&frames, width), copies, outputs, true);
    }

    fn first_layer(&self, past: &mut Past, active: &[Vec<u32>]) -> Vec<f32> {
        let (width, lags, copies) = (self.tcn.width, self.tcn.kernels[0], active.len());
        let now = past.steps % lags;
        let ahead = &mut past.values[0];
        for (copy, inputs) in active.iter().enumerate() {
            for &input in inputs {
                let kernel = &self.weights[0][input as usize * lags * width..][..lags * width];
                for (lag, values) in kernel.chunks_exact(width).enumerate() {
                    add(&mut ahead[((now + lag) % lags * copies + copy) * width..][..width], values);
                }
            }
        }
        let mut frames = self.weights[1].repeat(copies);
        let present = &mut ahead[now * copies * width..][..copies * width];
        add(&mut frames, present);
        present.fill(0.0);
        self.bend(&mut frames);
        frames
    }

    fn bend(&self, frames: &mut [f32]) {
        if self.tcn.activation != Activation::Linear {
            rectify(frames, self.tcn.activation.slope_below());
        }
    }
}
