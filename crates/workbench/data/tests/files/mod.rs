//! Small MAT and NWB files, written here byte by byte or through the HDF5 library.

use hdf5_pure::{AttrValue, EnumTypeBuilder, FileBuilder};

fn element(kind: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// One variable of MAT version 5: class, flags, dimensions, name and the elements that follow.
fn variable(class: u32, flags: u32, dims: &[u32], name: &str, parts: &[Vec<u8>]) -> Vec<u8> {
    let mut data = element(6, &words(&[class | flags, 16]));
    data.extend(element(5, &words(dims)));
    data.extend(element(1, name.as_bytes()));
    parts.iter().for_each(|part| data.extend(part));
    element(14, &data)
}

/// A MAT file of version 5 with one variable of each sort, the last one compressed.
pub fn mat_v5() -> Vec<u8> {
    let mut file = vec![b' '; 124];
    file.extend([0, 1]);
    file.extend(b"IM");
    // Numbers of class double stored as bytes, in column order.
    file.extend(variable(6, 0, &[2, 3], "numbers", &[element(2, &[1, 2, 3, 4, 5, 6])]));
    file.extend(variable(9, 0x200, &[1, 2], "truth", &[element(2, &[1, 0])]));
    let utf16: Vec<u8> = "spikeμ".encode_utf16().flat_map(u16::to_le_bytes).collect();
    file.extend(variable(4, 0, &[1, 6], "text", &[element(17, &utf16)]));
    let cells = [
        variable(6, 0, &[1, 1], "", &[element(9, &2.5_f64.to_le_bytes())]),
        variable(4, 0, &[1, 1], "", &[element(16, b"x")]),
    ];
    file.extend(variable(1, 0, &[1, 2], "cells", &cells));
    // A sparse 3 x 2 array with 7 at (2, 0) and -1 at (0, 1).
    let values = [7.0_f64.to_le_bytes(), (-1.0_f64).to_le_bytes()].concat();
    file.extend(variable(
        5,
        0,
        &[3, 2],
        "sparse",
        &[element(5, &words(&[2, 0])), element(5, &words(&[0, 1, 2])), element(9, &values)],
    ));
    // Field names of 8 bytes each; the small form of an element for their length.
    let mut names = [0_u8; 16];
    names[..4].copy_from_slice(b"rate");
    names[8..12].copy_from_slice(b"area");
    let small = [(4_u32 << 16 | 5).to_le_bytes(), 8_u32.to_le_bytes()].concat();
    let fields = [
        variable(6, 0, &[1, 1], "", &[element(3, &(-3_i16).to_le_bytes())]),
        variable(4, 0, &[1, 2], "", &[element(16, b"V1")]),
    ];
    let parts = [vec![small, element(1, &names)], fields.to_vec()].concat();
    let structure = variable(2, 0, &[1, 1], "unit", &parts);
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, &structure).unwrap();
    let compressed = encoder.finish().unwrap();
    file.extend(15_u32.to_le_bytes());
    file.extend((compressed.len() as u32).to_le_bytes());
    file.extend(compressed);
    file
}

/// A MAT file of version 7.3 with the same sorts of variables.
pub fn mat_v73() -> Vec<u8> {
    let mut builder = FileBuilder::new();
    let class = |name: &str| AttrValue::AsciiString(name.into());
    let numbers = builder.create_dataset("numbers");
    // MATLAB's 2 x 3 in column order is 3 x 2 in row order.
    numbers
        .with_f64_data(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        .with_shape(&[3, 2])
        .set_attr("MATLAB_class", class("double"));
    let truth = builder.create_dataset("truth");
    truth.with_u8_data(&[1, 0]).with_shape(&[2, 1]).set_attr("MATLAB_class", class("logical"));
    truth.set_attr("MATLAB_int_decode", AttrValue::I32(1));
    let units: Vec<u16> = "spikeμ".encode_utf16().collect();
    builder.create_dataset("text").with_u16_data(&units).with_shape(&[6, 1]).set_attr("MATLAB_class", class("char"));
    let empty = builder.create_dataset("empty");
    empty.with_u64_data(&[0, 4]).set_attr("MATLAB_class", class("double"));
    empty.set_attr("MATLAB_empty", AttrValue::U8(1));
    let mut hidden = builder.create_group("#refs#");
    hidden.create_dataset("a").with_f64_data(&[2.5]).with_shape(&[1, 1]).set_attr("MATLAB_class", class("double"));
    hidden
        .create_dataset("b")
        .with_u16_data(&[b'x'.into()])
        .with_shape(&[1, 1])
        .set_attr("MATLAB_class", class("char"));
    builder.add_group(hidden.finish());
    let cells = builder.create_dataset("cells");
    cells.with_path_references(&["#refs#/a", "#refs#/b"]).with_shape(&[2, 1]).set_attr("MATLAB_class", class("cell"));
    let mut unit = builder.create_group("unit");
    unit.set_attr("MATLAB_class", class("struct"));
    unit.create_dataset("rate").with_f64_data(&[-3.0]).with_shape(&[1, 1]).set_attr("MATLAB_class", class("double"));
    builder.add_group(unit.finish());
    let mut many = builder.create_group("many");
    many.set_attr("MATLAB_class", class("struct"));
    many.create_dataset("rate").with_path_references(&["#refs#/a", "#refs#/a"]).with_shape(&[2, 1]);
    builder.add_group(many.finish());
    builder.finish().unwrap()
}

/// An NWB file in the new form of HDF5 groups, with a column that is ragged twice and a truth value as enumeration.
pub fn nwb() -> Vec<u8> {
    let mut builder = FileBuilder::new();
    builder.set_attr("nwb_version", AttrValue::VarLenString("2.7.0".into()));
    builder.create_dataset("identifier").with_vlen_strings(&["small"]);
    let mut units = builder.create_group("units");
    let names = ["spike_times", "waveforms", "good"].map(str::to_owned).to_vec();
    units.set_attr("colnames", AttrValue::VarLenStringArray(names));
    units.create_dataset("id").with_i64_data(&[7, 8]);
    units
        .create_dataset("spike_times")
        .with_f64_data(&[0.1, 0.2, 0.3])
        .with_chunks(&[2])
        .with_shuffle()
        .with_deflate(4);
    units.create_dataset("spike_times_index").with_u64_data(&[2, 3]);
    units.create_dataset("waveforms").with_f32_data(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).with_shape(&[3, 2]);
    units.create_dataset("waveforms_index").with_u8_data(&[1, 2, 3]);
    units.create_dataset("waveforms_index_index").with_u8_data(&[2, 3]);
    let truth = EnumTypeBuilder::u8_based().u8_value("FALSE", 0).u8_value("TRUE", 1).build().unwrap();
    units.create_dataset("good").with_enum_u8_data(truth, &[1, 0]);
    builder.add_group(units.finish());
    builder.finish().unwrap()
}

/// A netCDF-4 file as xarray writes it: the array `data` over named dimensions, and text or numbers along them.
pub fn netcdf(
    dimensions: &[(&str, usize)],
    values: &[f64],
    texts: &[(&str, &[&str])],
    numbers: &[(&str, &[f64])],
) -> Vec<u8> {
    let mut builder = FileBuilder::new();
    for (k, (name, length)) in dimensions.iter().enumerate() {
        builder
            .create_dataset(name)
            .with_f32_data(&vec![0.0; *length])
            .set_attr("CLASS", AttrValue::String("DIMENSION_SCALE".into()))
            .set_attr("_Netcdf4Dimid", AttrValue::I32(k as i32));
    }
    let shape: Vec<u64> = dimensions.iter().map(|(_, n)| *n as u64).collect();
    let order = (0..dimensions.len() as i32).collect();
    builder
        .create_dataset("data")
        .with_f64_data(values)
        .with_shape(&shape)
        .set_attr("_Netcdf4Coordinates", AttrValue::I32Array(order));
    for (name, column) in texts {
        builder.create_dataset(name).with_vlen_strings(column);
    }
    for (name, column) in numbers {
        builder.create_dataset(name).with_f64_data(column);
    }
    builder.finish().unwrap()
}
