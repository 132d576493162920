mod cells;
use cells::*;
use rheobase_dendrite::simulation::*;
use rheobase_dendrite::*;
#[test]
fn zz() {
    for (m, a, s1,s2,s3,last) in [(HayModel::Biophys3, 0.619, 728.129, 741.585, 772.308,2673.717), (HayModel::Biophys5b, 0.793, 722.474, 735.443, 822.267,2681.056)] {
    for dt in [0.025, 0.0125, 0.005] {
    let cell = hay_cell(m).unwrap();
    let mut s = Simulation::new(&cell, Settings { dt_ms: dt, method: Method::CrankNicolson, v_init_mv: -80.0, lanes: 1 }).unwrap();
    let soma = cell.at("soma(0.5)").unwrap();
    s.inject(soma, None, Current::Step { start_ms: 700.0, duration_ms: 2000.0, amplitude_na: a }).unwrap();
    let d = s.detect_spikes(soma, -10.0).unwrap();
    s.run_until(3000.0).unwrap();
    let t = s.spikes_ms(d, 0);
    println!("{m:?} {dt}: {} {:.3} {:.3} {:.3} {:.3}", t.len(), t[1]-s1, t[2]-s2, t[3]-s3, t.last().unwrap()-last);
    }}
}
