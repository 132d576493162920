//! Times for benches that record more than time.

use std::time::Instant;

use rheobase_perf::Measure;

/// Runs nine times; the median in ns between the second and the eighth: 96 % whatever the distribution (binomial).
pub fn median_ns(mut work: impl FnMut()) -> Measure {
    let mut times: Vec<f64> = (0..9)
        .map(|_| {
            let begin = Instant::now();
            work();
            begin.elapsed().as_nanos() as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    Measure::estimate(times[4], times[1], times[7])
}
