//! Places in an array whose nodes follow each other, so that they are worked on as one.

/// Places from `place` on, with nodes from `node` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub place: usize,
    pub node: usize,
    pub len: usize,
}

/// The longest runs of a list with the node of each place.
pub(crate) fn runs(nodes: &[u32]) -> Vec<Run> {
    let mut place = 0;
    let run = |nodes: &[u32]| {
        let run = Run { place, node: nodes[0] as usize, len: nodes.len() };
        place += nodes.len();
        run
    };
    nodes.chunk_by(|a, b| *b == a + 1).map(run).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_every_place_once() {
        let run = |place, node, len| Run { place, node, len };
        assert_eq!(runs(&[3, 4, 5, 7, 6, 7]), [run(0, 3, 3), run(3, 7, 1), run(4, 6, 2)]);
        assert_eq!(runs(&[]), []);
    }
}
