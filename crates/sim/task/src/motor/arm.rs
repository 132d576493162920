//! A planar arm with two joints and six muscles (Li & Todorov 2004, Proc ICINCO 1:222).
//!
//! M(q) q'' + C(q, q') + B q' = torque, with the masses, lengths and inertias of a human arm; each muscle pulls with a force
//! proportional to its activation and has constant moment arms at the shoulder and the elbow.

/// Angles or torques of shoulder and elbow.
pub type Joints = [f64; 2];

/// Number of muscles.
pub const MUSCLES: usize = 6;

/// Names of the muscles.
pub const MUSCLE_NAMES: [&str; MUSCLES] = [
    "shoulder flexor",
    "shoulder extensor",
    "elbow flexor",
    "elbow extensor",
    "biarticular flexor",
    "biarticular extensor",
];

const UPPER_M: f64 = 0.30;
const LOWER_M: f64 = 0.33;
const UPPER_KG_M2: f64 = 0.025;
const LOWER_KG_M2: f64 = 0.045;
const LOWER_KG: f64 = 1.1;
const LOWER_CENTRE_M: f64 = 0.16;
const FRICTION: [[f64; 2]; 2] = [[0.05, 0.025], [0.025, 0.05]];
/// Torque in N m at full activation, shoulder and elbow, of each muscle.
const TORQUE: [Joints; MUSCLES] = [[8.0, 0.0], [-8.0, 0.0], [0.0, 6.0], [0.0, -6.0], [4.0, 5.0], [-5.0, -4.0]];

/// Position and velocity of the joints.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmState {
    /// Angles in rad.
    pub angle: Joints,
    /// Velocities in rad/s.
    pub velocity: Joints,
}

/// Place of the hand in m.
pub fn hand(angle: Joints) -> [f64; 2] {
    let sum = angle[0] + angle[1];
    [UPPER_M * angle[0].cos() + LOWER_M * sum.cos(), UPPER_M * angle[0].sin() + LOWER_M * sum.sin()]
}

/// Angles that put the hand at a place, elbow bent forward; `None` out of reach.
pub fn posture(place: [f64; 2]) -> Option<Joints> {
    let squared = place[0] * place[0] + place[1] * place[1];
    let cosine = (squared - UPPER_M * UPPER_M - LOWER_M * LOWER_M) / (2.0 * UPPER_M * LOWER_M);
    (cosine.abs() <= 1.0).then(|| {
        let elbow = cosine.acos();
        let shoulder = place[1].atan2(place[0]) - (LOWER_M * elbow.sin()).atan2(UPPER_M + LOWER_M * elbow.cos());
        [shoulder, elbow]
    })
}

fn inertia(angle: Joints) -> [[f64; 2]; 2] {
    let a1 = UPPER_KG_M2 + LOWER_KG_M2 + LOWER_KG * UPPER_M * UPPER_M;
    let a2 = LOWER_KG * UPPER_M * LOWER_CENTRE_M;
    let c = a2 * angle[1].cos();
    [[a1 + 2.0 * c, LOWER_KG_M2 + c], [LOWER_KG_M2 + c, LOWER_KG_M2]]
}

/// Torques of motion: Coriolis, centripetal and friction.
fn resistance(state: ArmState) -> Joints {
    let a2 = LOWER_KG * UPPER_M * LOWER_CENTRE_M;
    let [v0, v1] = state.velocity;
    let s = a2 * state.angle[1].sin();
    [
        -v1 * (2.0 * v0 + v1) * s + FRICTION[0][0] * v0 + FRICTION[0][1] * v1,
        v0 * v0 * s + FRICTION[1][0] * v0 + FRICTION[1][1] * v1,
    ]
}

/// Torques that give these accelerations (rad/s^2).
pub fn inverse_dynamics(state: ArmState, acceleration: Joints) -> Joints {
    let (m, r) = (inertia(state.angle), resistance(state));
    std::array::from_fn(|i| m[i][0] * acceleration[0] + m[i][1] * acceleration[1] + r[i])
}

/// Torques of muscles with these activations; negative activations count as none.
pub fn muscle_torque(activation: &[f64; MUSCLES]) -> Joints {
    let mut torque = [0.0; 2];
    for (a, arms) in activation.iter().zip(TORQUE) {
        for (t, arm) in torque.iter_mut().zip(arms) {
            *t += a.max(0.0) * arm;
        }
    }
    torque
}

/// The smallest non-negative activations (in the sum of squares) that give a torque: a = max(0, T' m) with m such that T a is
/// the torque, by Newton's method on the two multipliers.
pub fn activations(torque: Joints) -> [f64; MUSCLES] {
    let mut multiplier = [0.0, 0.0];
    let at = |m: Joints| -> [f64; MUSCLES] { TORQUE.map(|arms| (arms[0] * m[0] + arms[1] * m[1]).max(0.0)) };
    for _ in 0..50 {
        let found = muscle_torque(&at(multiplier));
        let miss = [torque[0] - found[0], torque[1] - found[1]];
        // Before any muscle is active the slope is that of all of them.
        let mut slope = [[1e-9, 0.0], [0.0, 1e-9]];
        for (a, arms) in at(multiplier).iter().zip(TORQUE) {
            if *a > 0.0 || multiplier == [0.0, 0.0] {
                for i in 0..2 {
                    for j in 0..2 {
                        slope[i][j] += arms[i] * arms[j];
                    }
                }
            }
        }
        let determinant = slope[0][0] * slope[1][1] - slope[0][1] * slope[1][0];
        multiplier[0] += (slope[1][1] * miss[0] - slope[0][1] * miss[1]) / determinant;
        multiplier[1] += (slope[0][0] * miss[1] - slope[1][0] * miss[0]) / determinant;
        if miss[0].abs() + miss[1].abs() < 1e-13 {
            break;
        }
    }
    at(multiplier)
}

/// One step of the arm under a constant torque, by the classical Runge-Kutta rule.
pub fn step(state: ArmState, torque: Joints, dt_s: f64) -> ArmState {
    let slope = |s: ArmState| -> ([f64; 2], [f64; 2]) {
        let (m, r) = (inertia(s.angle), resistance(s));
        let f = [torque[0] - r[0], torque[1] - r[1]];
        let determinant = m[0][0] * m[1][1] - m[0][1] * m[1][0];
        let acceleration =
            [(m[1][1] * f[0] - m[0][1] * f[1]) / determinant, (m[0][0] * f[1] - m[1][0] * f[0]) / determinant];
        (s.velocity, acceleration)
    };
    let moved = |k: ([f64; 2], [f64; 2]), h: f64| ArmState {
        angle: std::array::from_fn(|i| state.angle[i] + h * k.0[i]),
        velocity: std::array::from_fn(|i| state.velocity[i] + h * k.1[i]),
    };
    let k1 = slope(state);
    let k2 = slope(moved(k1, dt_s / 2.0));
    let k3 = slope(moved(k2, dt_s / 2.0));
    let k4 = slope(moved(k3, dt_s));
    let mix = |a: f64, b: f64, c: f64, d: f64| dt_s / 6.0 * (a + 2.0 * b + 2.0 * c + d);
    ArmState {
        angle: std::array::from_fn(|i| state.angle[i] + mix(k1.0[i], k2.0[i], k3.0[i], k4.0[i])),
        velocity: std::array::from_fn(|i| state.velocity[i] + mix(k1.1[i], k2.1[i], k3.1[i], k4.1[i])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hand_is_where_its_posture_puts_it() {
        for place in [[0.1, 0.4], [0.0, 0.35], [-0.2, 0.45]] {
            let found = hand(posture(place).unwrap());
            assert!((found[0] - place[0]).hypot(found[1] - place[1]) < 1e-12);
        }
        assert_eq!(posture([1.0, 0.0]), None);
    }

    #[test]
    fn muscles_give_any_torque_and_never_push() {
        for k in 0..64 {
            let angle = f64::from(k) * 0.1;
            let torque = [3.0 * angle.cos(), 2.0 * angle.sin()];
            let a = activations(torque);
            assert!(a.iter().all(|a| *a >= 0.0));
            let found = muscle_torque(&a);
            assert!((found[0] - torque[0]).abs() + (found[1] - torque[1]).abs() < 1e-9, "{torque:?} {found:?}");
        }
        assert_eq!(activations([0.0, 0.0]), [0.0; MUSCLES]);
    }

    #[test]
    fn a_step_undoes_inverse_dynamics_and_friction_only_loses_energy() {
        let state = ArmState { angle: [0.6, 1.2], velocity: [1.0, -0.5] };
        let torque = inverse_dynamics(state, [2.0, -3.0]);
        let h = 1e-5;
        let after = step(state, torque, h);
        // First-order difference quotient: error of order h.
        assert!(((after.velocity[0] - 1.0) / h - 2.0).abs() < 1e-3);
        assert!(((after.velocity[1] + 0.5) / h + 3.0).abs() < 1e-3);
        let energy = |s: ArmState| {
            let m = inertia(s.angle);
            let [a, b] = s.velocity;
            0.5 * (m[0][0] * a * a + 2.0 * m[0][1] * a * b + m[1][1] * b * b)
        };
        let (mut s, mut last) = (state, energy(state));
        for _ in 0..200 {
            s = step(s, [0.0, 0.0], 0.005);
            assert!(energy(s) < last);
            last = energy(s);
        }
    }
}
