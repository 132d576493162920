//! `data list`, `data verify`, `data import`, `data export`, `data fetch`.

use std::path::{Path, PathBuf};

use rheobase_data::fetch::{Fetched, fetch_dataset};
use rheobase_data::library::{Library, Place};
use rheobase_data::nwb::write::{Session, write};
use rheobase_data::recording::Recording;
use serde_json::json;

use crate::arguments::{DataCommand, Settings};
use crate::failure::Outcome;
use crate::observer::Screen;
use crate::output;

/// Runs a data command.
pub fn data(command: &DataCommand, settings: &Settings) -> Outcome {
    let library = Library::new(settings.data_folder())?;
    match command {
        DataCommand::List => list(&library, settings),
        DataCommand::Verify { names } => verify(&library, names, settings),
        DataCommand::Import { files } => import(&library, files, settings),
        DataCommand::Export { name, path, start } => export(&library, name, path, start, settings),
        DataCommand::Fetch { names } => fetch(&library, names, settings),
    }
}

fn place(library: &Library, dataset: &str, file: &str) -> String {
    match library.place(dataset, file) {
        Place::Embedded => "in the program".into(),
        Place::Local(path) => path.display().to_string(),
        Place::Absent => "not here".into(),
    }
}

fn list(library: &Library, settings: &Settings) -> Outcome {
    let describe = |m: &rheobase_data::manifest::Manifest| {
        let mut places: Vec<String> = m.files.iter().map(|f| place(library, &m.name, &f.name)).collect();
        places.sort();
        places.dedup();
        let here = if places.len() == 1 { places[0].clone() } else { "partly here".to_owned() };
        (m.name.clone(), here, m.licence.clone(), m.description.clone(), m.citation.clone())
    };
    let all: Vec<_> = library.manifests().iter().map(describe).collect();
    if settings.json {
        let all: Vec<_> = all
            .into_iter()
            .map(|(name, place, licence, about, citation)| json!({ "name": name, "place": place, "licence": licence, "about": about, "citation": citation }))
            .collect();
        output::json(&all);
    } else {
        let rows: Vec<Vec<String>> =
            all.into_iter().map(|(name, place, licence, about, _)| vec![name, place, licence, about]).collect();
        output::data(&output::table(&["data set", "place", "licence", "what it is"], &rows));
        output::message(&format!("local copies are looked for in {}", library.directory().display()));
    }
    Ok(0)
}

fn verify(library: &Library, names: &[String], settings: &Settings) -> Outcome {
    let mut rows = Vec::new();
    let mut good = true;
    for name in names {
        library.manifest(name)?;
    }
    for manifest in library.manifests().iter().filter(|m| names.is_empty() || names.contains(&m.name)) {
        for file in &manifest.files {
            if library.place(&manifest.name, &file.name) == Place::Absent {
                good &= names.is_empty();
                rows.push((manifest.name.clone(), file.name.clone(), "not here".to_owned()));
                continue;
            }
            let verdict = match library.bytes(&manifest.name, &file.name) {
                Ok(_) => "ok".to_owned(),
                Err(error) => {
                    good = false;
                    error.to_string()
                }
            };
            rows.push((manifest.name.clone(), file.name.clone(), verdict));
        }
    }
    if settings.json {
        output::json(
            &rows.iter().map(|(d, f, v)| json!({ "dataset": d, "file": f, "verdict": v })).collect::<Vec<_>>(),
        );
    } else {
        let rows: Vec<Vec<String>> = rows.into_iter().map(|(d, f, v)| vec![d, f, v]).collect();
        output::data(&output::table(&["data set", "file", "verdict"], &rows));
    }
    Ok(u8::from(!good))
}

fn import(library: &Library, files: &[PathBuf], settings: &Settings) -> Outcome {
    let mut lines = Vec::new();
    for path in files {
        let (dataset, file) = library.import(path)?;
        lines.push(vec![path.display().to_string(), dataset, file]);
    }
    if settings.json {
        output::json(&lines);
    } else {
        output::data(&output::table(&["file", "data set", "as"], &lines));
    }
    Ok(0)
}

fn export(library: &Library, name: &str, path: &Path, start: &str, settings: &Settings) -> Outcome {
    let recording = Recording::of_dataset(library, name, &[])?;
    let manifest = library.manifest(name)?;
    let session = Session {
        description: format!("{}; {}", manifest.description, manifest.citation),
        identifier: name.to_owned(),
        start_time: start.to_owned(),
    };
    write(path, &session, &recording)?;
    let (units, trials) = (recording.spikes.units(), recording.trials.rows());
    if settings.json {
        output::json(&json!({ "file": path, "units": units, "trials": trials, "signals": recording.signals.len() }));
    } else {
        let text = format!("{}: {units} units, {trials} trials, {} signals", path.display(), recording.signals.len());
        output::data(&text);
    }
    Ok(0)
}

fn fetch(library: &Library, names: &[String], settings: &Settings) -> Outcome {
    let screen = Screen::new(settings.progress);
    let mut lines = Vec::new();
    for name in names {
        for (file, fetched) in fetch_dataset(library, name, &screen)? {
            let text = match fetched {
                Fetched::Present => "already here".to_owned(),
                Fetched::Downloaded { resumed_from: 0 } => "downloaded".to_owned(),
                Fetched::Downloaded { resumed_from } => format!("downloaded, going on after {resumed_from} bytes"),
            };
            lines.push(vec![name.clone(), file, text]);
        }
    }
    if settings.json {
        output::json(&lines);
    } else {
        output::data(&output::table(&["data set", "file", "what happened"], &lines));
    }
    Ok(0)
}
