//! Small loops over values, compiled for wide vectors.

use rheobase_core::vectorised::{Kernel, vectorised};
use rheobase_rate::scalar::Scalar;

macro_rules! kernel {
    ($(#[$doc:meta])* $function:ident, $name:ident, |$($field:ident: $type:ty),+| $body:block) => {
        struct $name<'a, F> { $($field: $type),+ }

        impl<F: Scalar> Kernel for $name<'_, F> {
            type Output = ();
            #[inline(always)]
            fn run(self) {
                let Self { $($field),+ } = self;
                $body
            }
        }

        $(#[$doc])*
        pub fn $function<'a, F: Scalar>($($field: $type),+) {
            vectorised($name { $($field),+ });
        }
    };
}

kernel!(
    /// a += b.
    add, Add, |a: &'a mut [F], b: &'a [F]| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += *b);
    }
);

kernel!(
    /// a += k b.
    add_scaled, AddScaled, |a: &'a mut [F], k: F, b: &'a [F]| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a = k.mul_add(*b, *a));
    }
);

kernel!(
    /// a = a b, in rows of the length of b.
    scale_rows, ScaleRows, |a: &'a mut [F], b: &'a [F]| {
        for row in a.chunks_exact_mut(b.len()) {
            row.iter_mut().zip(b).for_each(|(a, b)| *a = *a * *b);
        }
    }
);

kernel!(
    /// x = tanh(x).
    tanh, Tanh, |x: &'a mut [F]| {
        x.iter_mut().for_each(|x| *x = x.tanh());
    }
);

kernel!(
    /// x above zero, `below` x under it.
    rectify, Rectify, |x: &'a mut [F], below: F| {
        x.iter_mut().for_each(|x| *x = if *x > F::ZERO { *x } else { below * *x });
    }
);

kernel!(
    /// The derivative of [`rectify`] by its input, from that by its output and from the output.
    rectify_back, RectifyBack, |error: &'a mut [F], output: &'a [F], below: F| {
        error.iter_mut().zip(output).for_each(|(e, h)| *e = if *h > F::ZERO { *e } else { below * *e });
    }
);

kernel!(
    /// after = kept + gain d and kept = decay after, for one row of memories.
    remember, Remember, |after: &'a mut [F], kept: &'a mut [F], d: &'a [F], gains: &'a [F], decays: &'a [F]| {
        let n = after.len();
        let (kept, d, gains, decays) = (&mut kept[..n], &d[..n], &gains[..n], &decays[..n]);
        for i in 0..n {
            after[i] = gains[i].mul_add(d[i], kept[i]);
            kept[i] = decays[i] * after[i];
        }
    }
);

kernel!(
    /// error = by_memory gain (1 - d^2), for one row of memories.
    propose_back, ProposeBack, |error: &'a mut [F], by_memory: &'a [F], d: &'a [F], gains: &'a [F]| {
        let n = error.len();
        let (by_memory, d, gains) = (&by_memory[..n], &d[..n], &gains[..n]);
        for i in 0..n {
            error[i] = by_memory[i] * gains[i] * (F::ONE - d[i] * d[i]);
        }
    }
);
