//! A small HDF5 writer: groups, contiguous data sets, attributes, variable-length text and references, in the layout of HDF5 1.8 (superblock
//! 2, object headers 2). The same tree gives the same bytes. (The library that reads has no references in attributes, which NWB needs.)
//!
//! Format: The HDF Group, HDF5 File Format Specification Version 3.0.

use std::collections::BTreeMap;

/// A value of a data set or attribute.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Double precision.
    Floats(Vec<f64>),
    /// Integers of 64 bits.
    Integers(Vec<i64>),
    /// Unsigned integers of 64 bits.
    Unsigned(Vec<u64>),
    /// Text of variable length, UTF-8.
    Texts(Vec<String>),
    /// Truth values, as the enumeration FALSE, TRUE.
    Bools(Vec<bool>),
    /// References to objects by absolute path.
    References(Vec<String>),
}

/// A value with its shape; no dimensions for a single one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Data {
    pub value: Value,
    pub shape: Vec<usize>,
}

impl Data {
    pub fn text(text: &str) -> Self {
        Self { value: Value::Texts(vec![text.to_owned()]), shape: vec![] }
    }
    pub fn number(number: f64) -> Self {
        Self { value: Value::Floats(vec![number]), shape: vec![] }
    }
    pub fn list(value: Value) -> Self {
        let shape = vec![value.len()];
        Self { value, shape }
    }
}

impl Value {
    fn len(&self) -> usize {
        match self {
            Self::Floats(v) => v.len(),
            Self::Integers(v) => v.len(),
            Self::Unsigned(v) => v.len(),
            Self::Texts(v) | Self::References(v) => v.len(),
            Self::Bools(v) => v.len(),
        }
    }

    fn element_size(&self) -> usize {
        match self {
            Self::Texts(_) => 16,
            Self::Bools(_) => 1,
            _ => 8,
        }
    }

    fn datatype(&self) -> Vec<u8> {
        let integer = |size: u32, signed: bool| {
            let mut bytes = vec![0x10, if signed { 8 } else { 0 }, 0, 0];
            bytes.extend(size.to_le_bytes());
            bytes.extend([0, 0]);
            bytes.extend((8 * size as u16).to_le_bytes());
            bytes
        };
        match self {
            Self::Floats(_) => {
                let mut bytes = vec![0x11, 0x20, 63, 0];
                bytes.extend(8_u32.to_le_bytes());
                bytes.extend([0, 0, 64, 0, 52, 11, 0, 52]);
                bytes.extend(1023_u32.to_le_bytes());
                bytes
            }
            Self::Integers(_) => integer(8, true),
            Self::Unsigned(_) => integer(8, false),
            Self::Texts(_) => {
                // A sequence of 1-byte characters that is text, terminated by zero, UTF-8.
                let mut bytes = vec![0x19, 0x01, 0x01, 0];
                bytes.extend(16_u32.to_le_bytes());
                bytes.extend([0x13, 0x10, 0, 0]);
                bytes.extend(1_u32.to_le_bytes());
                bytes
            }
            Self::Bools(_) => {
                let mut bytes = vec![0x18, 2, 0, 0];
                bytes.extend(1_u32.to_le_bytes());
                bytes.extend(integer(1, true));
                bytes.extend(b"FALSE\0\0\0TRUE\0\0\0\0\x00\x01");
                bytes
            }
            Self::References(_) => {
                let mut bytes = vec![0x17, 0, 0, 0];
                bytes.extend(8_u32.to_le_bytes());
                bytes
            }
        }
    }
}

/// A group or a data set.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Node {
    pub attributes: BTreeMap<String, Data>,
    pub content: Content,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    Group(BTreeMap<String, Node>),
    Dataset(Data),
}

impl Default for Content {
    fn default() -> Self {
        Self::Group(BTreeMap::new())
    }
}

impl Node {
    pub fn dataset(data: Data) -> Self {
        Self { attributes: BTreeMap::new(), content: Content::Dataset(data) }
    }

    pub fn with(mut self, name: &str, data: Data) -> Self {
        self.attributes.insert(name.to_owned(), data);
        self
    }

    /// Puts a node at a path below this group, making groups on the way.
    pub fn put(&mut self, path: &str, node: Self) {
        let Content::Group(children) = &mut self.content else { return };
        match path.split_once('/') {
            None => drop(children.insert(path.to_owned(), node)),
            Some((first, rest)) => children.entry(first.to_owned()).or_default().put(rest, node),
        }
    }
}

const UNDEFINED: u64 = u64::MAX;
const SUPERBLOCK: u64 = 48;

/// Places of everything in the file.
#[derive(Default)]
struct Plan {
    headers: BTreeMap<String, u64>,
    raw: BTreeMap<String, u64>,
    /// Where each text lies: address of its heap and number in it.
    texts: BTreeMap<String, (u64, u32)>,
    end: u64,
}

/// The bytes of a file with this root group.
pub(crate) fn to_bytes(root: &Node) -> Vec<u8> {
    let mut texts = Vec::new();
    walk(root, "", &mut |_, node| {
        let own = if let Content::Dataset(data) = &node.content { Some(data) } else { None };
        for data in node.attributes.values().chain(own) {
            if let Value::Texts(values) = &data.value {
                texts.extend(values.iter().filter(|t| !t.is_empty()).cloned());
            }
        }
    });
    texts.sort();
    texts.dedup();
    let mut plan = Plan { end: SUPERBLOCK, ..Plan::default() };
    let heaps = plan_heaps(&texts, &mut plan);
    let mut order = Vec::new();
    walk(root, "", &mut |path, node| order.push((path.to_owned(), node.clone())));
    for (path, node) in &order {
        plan.headers.insert(path.clone(), plan.end);
        // Sizes do not depend on addresses.
        plan.end += header(path, node, &Plan::default()).len().next_multiple_of(8) as u64;
        if let Content::Dataset(data) = &node.content {
            plan.raw.insert(path.clone(), plan.end);
            plan.end += (data.value.len() * data.value.element_size()).next_multiple_of(8) as u64;
        }
    }
    let mut file = superblock(plan.end, plan.headers[""]);
    heaps.into_iter().for_each(|heap| file.extend(heap));
    for (path, node) in &order {
        pad(&mut file, plan.headers[path]);
        file.extend(header(path, node, &plan));
        if let Content::Dataset(data) = &node.content {
            pad(&mut file, plan.raw[path]);
            file.extend(raw(&data.value, &plan));
        }
    }
    pad(&mut file, plan.end);
    file
}

fn pad(file: &mut Vec<u8>, to: u64) {
    file.resize(file.len().max(to as usize), 0);
}

fn walk(node: &Node, path: &str, f: &mut impl FnMut(&str, &Node)) {
    f(path, node);
    if let Content::Group(children) = &node.content {
        for (name, child) in children {
            walk(child, &format!("{path}/{name}"), f);
        }
    }
}

/// Global heaps: collections of numbered objects.
fn plan_heaps(texts: &[String], plan: &mut Plan) -> Vec<Vec<u8>> {
    const MOST: usize = 60_000;
    texts
        .chunks(MOST)
        .map(|chunk| {
            let address = plan.end;
            let mut body = Vec::new();
            for (index, text) in chunk.iter().enumerate() {
                let number = index as u16 + 1;
                plan.texts.insert(text.clone(), (address, number.into()));
                body.extend(number.to_le_bytes());
                body.extend([0; 6]);
                body.extend((text.len() as u64).to_le_bytes());
                body.extend(text.as_bytes());
                body.resize(body.len().next_multiple_of(8), 0);
            }
            // Object 0 is the free space, at least its own header of 16 bytes.
            let size = (16 + body.len() + 16).max(4096).next_multiple_of(8);
            let free = size - 16 - body.len();
            let mut heap = b"GCOL\x01\0\0\0".to_vec();
            heap.extend((size as u64).to_le_bytes());
            heap.extend(body);
            heap.extend([0; 8]);
            heap.extend((free as u64).to_le_bytes());
            heap.resize(size, 0);
            plan.end += size as u64;
            heap
        })
        .collect()
}

fn superblock(end: u64, root: u64) -> Vec<u8> {
    let mut bytes = b"\x89HDF\r\n\x1a\n\x02\x08\x08\x00".to_vec();
    for address in [0, UNDEFINED, end, root] {
        bytes.extend(address.to_le_bytes());
    }
    let sum = lookup3(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

fn dataspace(shape: &[usize]) -> Vec<u8> {
    let mut bytes = vec![2, shape.len() as u8, 0, u8::from(!shape.is_empty())];
    shape.iter().for_each(|d| bytes.extend((*d as u64).to_le_bytes()));
    bytes
}

fn raw(value: &Value, plan: &Plan) -> Vec<u8> {
    match value {
        Value::Floats(v) => v.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Value::Integers(v) => v.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Value::Unsigned(v) => v.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Value::Bools(v) => v.iter().map(|v| u8::from(*v)).collect(),
        Value::References(paths) => {
            paths.iter().flat_map(|path| plan.headers.get(path).copied().unwrap_or(UNDEFINED).to_le_bytes()).collect()
        }
        Value::Texts(texts) => texts
            .iter()
            .flat_map(|text| {
                let (address, number) = plan.texts.get(text).copied().unwrap_or((0, 0));
                [&(text.len() as u32).to_le_bytes()[..], &address.to_le_bytes(), &number.to_le_bytes()].concat()
            })
            .collect(),
    }
}

fn message(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend((data.len() as u16).to_le_bytes());
    bytes.push(0);
    bytes.extend(data);
    bytes
}

fn header(path: &str, node: &Node, plan: &Plan) -> Vec<u8> {
    let mut messages = Vec::new();
    match &node.content {
        Content::Group(children) => {
            let mut info = vec![0, 0];
            info.extend([UNDEFINED.to_le_bytes(), UNDEFINED.to_le_bytes()].concat());
            messages.extend(message(0x02, &info));
            messages.extend(message(0x0a, &[0, 0]));
            for name in children.keys() {
                let address = plan.headers.get(&format!("{path}/{name}")).copied().unwrap_or(UNDEFINED);
                let mut link = vec![1, 0x10, 1, name.len() as u8];
                link.extend(name.as_bytes());
                link.extend(address.to_le_bytes());
                messages.extend(message(0x06, &link));
            }
        }
        Content::Dataset(data) => {
            messages.extend(message(0x01, &dataspace(&data.shape)));
            messages.extend(message(0x03, &data.value.datatype()));
            messages.extend(message(0x05, &[3, 0x0a]));
            let size = (data.value.len() * data.value.element_size()) as u64;
            let address = if size == 0 { UNDEFINED } else { plan.raw.get(path).copied().unwrap_or(UNDEFINED) };
            let mut layout = vec![3, 1];
            layout.extend(address.to_le_bytes());
            layout.extend(size.to_le_bytes());
            messages.extend(message(0x08, &layout));
        }
    }
    for (name, data) in &node.attributes {
        let (datatype, space) = (data.value.datatype(), dataspace(&data.shape));
        let mut attribute = vec![3, 0];
        for length in [name.len() + 1, datatype.len(), space.len()] {
            attribute.extend((length as u16).to_le_bytes());
        }
        attribute.push(1);
        attribute.extend(name.as_bytes());
        attribute.push(0);
        attribute.extend(datatype);
        attribute.extend(space);
        attribute.extend(raw(&data.value, plan));
        messages.extend(message(0x0c, &attribute));
    }
    // Flag 2: the size of the messages takes four bytes.
    let mut bytes = b"OHDR\x02\x02".to_vec();
    bytes.extend((messages.len() as u32).to_le_bytes());
    bytes.extend(messages);
    let sum = lookup3(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

/// Jenkins' lookup3 (hashlittle with initial value 0), the checksum of HDF5 metadata.
fn lookup3(bytes: &[u8]) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let (mut a, mut b, mut c) = (start, start, start);
    let mut rest = bytes;
    let word = |bytes: &[u8], at: usize| {
        (0..4).fold(0_u32, |w, k| w | u32::from(bytes.get(4 * at + k).copied().unwrap_or(0)) << (8 * k))
    };
    while rest.len() > 12 {
        a = a.wrapping_add(word(rest, 0));
        b = b.wrapping_add(word(rest, 1));
        c = c.wrapping_add(word(rest, 2));
        for (turn, shift) in [4, 6, 8, 16, 19, 4].into_iter().enumerate() {
            let (x, y, z) = match turn % 3 {
                0 => (&mut a, &mut b, &mut c),
                1 => (&mut b, &mut c, &mut a),
                _ => (&mut c, &mut a, &mut b),
            };
            *x = x.wrapping_sub(*z) ^ z.rotate_left(shift);
            *z = z.wrapping_add(*y);
        }
        rest = &rest[12..];
    }
    if rest.is_empty() {
        return c;
    }
    a = a.wrapping_add(word(rest, 0));
    b = b.wrapping_add(word(rest, 1));
    c = c.wrapping_add(word(rest, 2));
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_its_author() {
        // Values of Bob Jenkins' own driver for hashlittle.
        assert_eq!(lookup3(b""), 0xdead_beef);
        assert_eq!(lookup3(b"Four score and seven years ago"), 0x1777_0551);
    }

    #[test]
    fn a_file_is_read_back_by_the_other_library() {
        let mut root = Node::default().with("title", Data::text("a µ"));
        root.put("a/x", Node::dataset(Data { value: Value::Floats(vec![1.0, 2.0, 3.0, 4.0]), shape: vec![2, 2] }));
        let names = Value::Texts(vec!["one".into(), String::new(), "three".into()]);
        root.put(
            "a/names",
            Node::dataset(Data::list(names))
                .with("to", Data { value: Value::References(vec!["/a/x".into()]), shape: vec![] }),
        );
        root.put("flags", Node::dataset(Data::list(Value::Bools(vec![true, false]))));
        root.put("empty", Node::dataset(Data::list(Value::Integers(vec![]))));
        root.put("links", Node::dataset(Data::list(Value::References(vec!["/a/x".into(), "/a".into()]))));
        let bytes = to_bytes(&root);
        assert_eq!(bytes, to_bytes(&root));
        let file = hdf5_pure::File::from_bytes(bytes).unwrap();
        assert_eq!(file.root().attrs().unwrap()["title"].as_str(), Some("a µ"));
        let x = file.dataset("a/x").unwrap();
        assert_eq!((x.shape().unwrap(), x.read_f64().unwrap()), (vec![2, 2], vec![1.0, 2.0, 3.0, 4.0]));
        assert_eq!(file.dataset("a/names").unwrap().read_string().unwrap(), ["one", "", "three"]);
        assert_eq!(file.dataset("flags").unwrap().read_u8().unwrap(), [1, 0]);
        assert!(file.dataset("empty").unwrap().read_i64().unwrap().is_empty());
        let links = file.dataset("links").unwrap().dereference().unwrap();
        assert!(matches!(links[..], [hdf5_pure::Object::Dataset(_), hdf5_pure::Object::Group(_)]));
    }
}
