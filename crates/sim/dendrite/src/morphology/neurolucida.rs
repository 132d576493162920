//! Neurolucida ASC files (version 3): nested lists of points, with contours, markers and colours in between.

use super::points::error;
use super::soma::contour_to_axis;
use super::{AxisPoint, Morphology, Section, Tag, distance};
use crate::Result;

/// Deepest nesting of branches that is read.
const DEEPEST: usize = 400;

#[derive(Debug, PartialEq)]
enum Token {
    Open,
    Close,
    Bar,
    Word(String),
    Text(String),
}

/// Reads a Neurolucida text; `file` is the name for messages.
///
/// The `CellBody` contour becomes the soma: 21 points along its principal axis, as NEURON's Import3D makes them. Other
/// contours, markers and spines are left out and counted in the assumptions. Every tree begins at the middle of the soma.
///
/// # Errors
/// With the line: brackets that do not match, a point that is not three or four numbers, a tree without points.
pub fn read_neurolucida(text: &str, file: &str) -> Result<Morphology> {
    let tokens = tokens(text, file)?;
    let mut reader = Reader { tokens: &tokens, at: 0, file, left_out: [0; 3], trees: vec![], somata: vec![] };
    while reader.at < tokens.len() {
        reader.top_level()?;
    }
    reader.into_morphology()
}

fn tokens(text: &str, file: &str) -> Result<Vec<(Token, usize)>> {
    let mut tokens = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let mut rest = line.trim_start();
        while let Some(c) = rest.chars().next() {
            let taken = match c {
                ';' => break,
                '(' => {
                    tokens.push((Token::Open, number));
                    1
                }
                ')' => {
                    tokens.push((Token::Close, number));
                    1
                }
                '|' => {
                    tokens.push((Token::Bar, number));
                    1
                }
                ',' | '<' | '>' => 1,
                '"' => {
                    let end = rest[1..]
                        .find('"')
                        .ok_or_else(|| error(file, number, "a text without its closing quote".into()))?;
                    tokens.push((Token::Text(rest[1..=end].to_owned()), number));
                    end + 2
                }
                _ => {
                    let end = rest.find(|c: char| c.is_whitespace() || "()|;,<>\"".contains(c)).unwrap_or(rest.len());
                    tokens.push((Token::Word(rest[..end].to_owned()), number));
                    end
                }
            };
            rest = rest[taken..].trim_start();
        }
    }
    Ok(tokens)
}

struct Branch {
    points: Vec<AxisPoint>,
    children: Vec<Branch>,
}

struct Reader<'a> {
    tokens: &'a [(Token, usize)],
    at: usize,
    file: &'a str,
    /// Contours, markers, spines or other lists.
    left_out: [usize; 3],
    trees: Vec<(Tag, Branch, usize)>,
    somata: Vec<(Vec<AxisPoint>, usize)>,
}

impl Reader<'_> {
    fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |(_, line)| *line)
    }

    fn fail<T>(&self, problem: impl Into<String>) -> Result<T> {
        Err(error(self.file, self.line(), problem.into()))
    }

    fn token(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead).map(|(token, _)| token)
    }

    /// Skips one list, or one word.
    fn skip(&mut self) -> Result<()> {
        let mut depth = 0_usize;
        loop {
            match self.token(0) {
                Some(Token::Open) => depth += 1,
                Some(Token::Close) if depth == 0 => return self.fail("a closing bracket without an opening one"),
                Some(Token::Close) => depth -= 1,
                Some(_) => {}
                None => return self.fail("the file ends inside a list: a closing bracket is missing"),
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn top_level(&mut self) -> Result<()> {
        if self.token(0) != Some(&Token::Open) {
            return self.skip();
        }
        let (start, line) = (self.at, self.line());
        // Which part the list names, looked for among its first entries.
        self.at += 1;
        let (mut tag, mut is_text) = (None, false);
        loop {
            match (self.token(0), self.token(1)) {
                (Some(Token::Text(_)), _) => {
                    is_text = true;
                    self.at += 1;
                }
                (Some(Token::Open), Some(Token::Word(word))) if word.parse::<f64>().is_err() => {
                    tag = tag.or(match word.as_str() {
                        "Axon" => Some(Tag::Axon),
                        "Dendrite" => Some(Tag::Dendrite),
                        "Apical" => Some(Tag::Apical),
                        "CellBody" => Some(Tag::Soma),
                        _ => None,
                    });
                    self.skip()?;
                }
                _ => break,
            }
        }
        match tag {
            Some(Tag::Soma) => {
                let branch = self.branch(0)?;
                self.close()?;
                self.somata.push((branch.points, line));
            }
            Some(tag) => {
                let branch = self.branch(0)?;
                self.close()?;
                if branch.points.is_empty() {
                    return Err(error(self.file, line, "a tree without points".into()));
                }
                self.trees.push((tag, branch, line));
            }
            None => {
                self.at = start;
                self.skip()?;
                self.left_out[usize::from(!is_text) * 2] += 1;
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        if self.token(0) == Some(&Token::Close) {
            self.at += 1;
            Ok(())
        } else {
            self.fail("a closing bracket is missing here")
        }
    }

    /// Points, then perhaps one list of branches; stops before the closing bracket or bar.
    fn branch(&mut self, depth: usize) -> Result<Branch> {
        if depth > DEEPEST {
            return self.fail(format!("branches are nested more than {DEEPEST} deep"));
        }
        let mut branch = Branch { points: vec![], children: vec![] };
        loop {
            match (self.token(0), self.token(1)) {
                (Some(Token::Close | Token::Bar), _) => return Ok(branch),
                (None, _) => return self.fail("the file ends inside a tree: a closing bracket is missing"),
                (Some(Token::Open), Some(Token::Word(word))) if word.parse::<f64>().is_ok() => {
                    if !branch.children.is_empty() {
                        return self.fail("a point after the branches of its stem");
                    }
                    let point = self.point()?;
                    branch.points.push(point);
                }
                (Some(Token::Open), Some(Token::Open)) => {
                    if !branch.children.is_empty() {
                        return self.fail("a second list of branches on one stem");
                    }
                    self.at += 1;
                    loop {
                        let child = self.branch(depth + 1)?;
                        if !child.points.is_empty() {
                            branch.children.push(child);
                        }
                        match self.token(0) {
                            Some(Token::Bar) => self.at += 1,
                            _ => break,
                        }
                    }
                    self.close()?;
                }
                (Some(Token::Open), _) => {
                    self.skip()?;
                    self.left_out[1] += 1;
                }
                _ => self.at += 1,
            }
        }
    }

    fn point(&mut self) -> Result<AxisPoint> {
        self.at += 1;
        let mut numbers = Vec::new();
        while let Some(Token::Word(word)) = self.token(0) {
            match word.parse::<f64>() {
                Ok(value) if value.is_finite() => numbers.push(value),
                // A section name such as S1 ends the numbers.
                _ if numbers.len() >= 3 => {}
                _ => return self.fail(format!("\"{word}\" stands where a coordinate should be")),
            }
            self.at += 1;
        }
        if numbers.len() < 3 {
            return self.fail("a point has x, y, z and a diameter");
        }
        self.close()?;
        let diameter_um = numbers.get(3).copied().unwrap_or(1.0);
        if diameter_um <= 0.0 {
            return self.fail(format!("the diameter is {diameter_um}; it must be positive"));
        }
        Ok(AxisPoint { position_um: [numbers[0], numbers[1], numbers[2]], diameter_um })
    }

    fn into_morphology(mut self) -> Result<Morphology> {
        let mut assumptions = Vec::new();
        let mut sections = Vec::new();
        for (points, line) in &self.somata {
            if points.len() < 3 {
                return Err(error(self.file, *line, "a CellBody contour needs at least three points".into()));
            }
        }
        if let Some((contour, line)) = self.somata.first() {
            if self.somata.len() > 1 {
                assumptions.push(format!(
                    "{} CellBody contours; only the one of line {line} is used, stacks are not joined",
                    self.somata.len()
                ));
            }
            let axis = contour_to_axis(contour)
                .ok_or_else(|| error(self.file, *line, "the CellBody contour encloses no area".into()))?;
            assumptions.push(format!("the contour of {} points became a soma of 21 diameters", contour.len()));
            sections.push(Section { name: String::new(), tag: Tag::Soma, axis, parent: None });
        } else {
            assumptions.push("there is no CellBody contour; the first tree is the root".into());
        }
        let [contours, markers, others] = self.left_out;
        if contours + markers + others > 0 {
            assumptions
                .push(format!("left out: {contours} contours without a part, {markers} markers, {others} other lists"));
        }
        for (tag, branch, line) in std::mem::take(&mut self.trees) {
            let parent = (!sections.is_empty()).then_some((0, if self.somata.is_empty() { 0.0 } else { 0.5 }));
            grow(&mut sections, tag, branch, parent, None, self.file, line)?;
        }
        Morphology::new(sections, assumptions).map_err(|e| error(self.file, 0, e.to_string()))
    }
}

/// Adds a branch and what grows from it.
fn grow(
    sections: &mut Vec<Section>,
    tag: Tag,
    branch: Branch,
    parent: Option<(usize, f64)>,
    stem_end: Option<AxisPoint>,
    file: &str,
    line: usize,
) -> Result<()> {
    let mut axis: Vec<AxisPoint> = Vec::with_capacity(branch.points.len() + 1);
    // The stem's end is the first point, with the diameter of the branch, as in NEURON's Import3D.
    axis.extend(stem_end.map(|end| AxisPoint { diameter_um: branch.points[0].diameter_um, ..end }));
    axis.extend(&branch.points);
    axis.dedup_by(|b, a| distance(&a.position_um, &b.position_um) == 0.0);
    if axis.len() < 2 {
        return Err(error(file, line, "a branch of this tree has no length: all its points are in one place".into()));
    }
    let end = axis[axis.len() - 1];
    let index = sections.len();
    sections.push(Section { name: String::new(), tag, axis, parent });
    for child in branch.children {
        grow(sections, tag, child, Some((index, 1.0)), Some(end), file, line)?;
    }
    Ok(())
}
