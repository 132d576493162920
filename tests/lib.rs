//! A folder to run the `rheobase` command in, as a user would.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A temporary folder with its own reports.
pub struct Workplace {
    folder: tempfile::TempDir,
    binary: PathBuf,
}

impl Workplace {
    /// An empty folder for the command at this path: `Workplace::new(env!("CARGO_BIN_EXE_rheobase"))`.
    ///
    /// # Panics
    /// If the system has no place for it.
    pub fn new(binary: &str) -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), binary: binary.into() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file and returns its path.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("a writable folder");
        path
    }

    /// The command, ready to run in the folder; only its own data and reports are used.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .current_dir(self.path())
            .args(arguments)
            .env_remove("RHEOBASE_REPORTS")
            .env("RHEOBASE_DATA", self.path().join("data"))
            .env("NO_COLOR", "1");
        command
    }

    /// Runs the command.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the command starts")
    }

    /// A file below the reports folder.
    ///
    /// # Panics
    /// If it cannot be read.
    pub fn report(&self, name: &str) -> Vec<u8> {
        let path = self.path().join("reports").join(name);
        std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// Files of all objects in the store with their bytes, without the cost of making them.
    ///
    /// # Panics
    /// If the store cannot be read.
    pub fn objects(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let root = self.path().join("reports/store/objects");
        let mut files = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("a readable store").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.file_name().is_some_and(|n| n != "cost.json") {
                    let name = path.strip_prefix(&root).expect("inside the store").to_path_buf();
                    files.push((name, std::fs::read(&path).expect("a readable file")));
                }
            }
        }
        files.sort();
        files
    }
}

/// Folder of the project, as cargo names it when the test runs: one target folder may serve several clones.
///
/// # Panics
/// If the test was not started by cargo.
pub fn root() -> PathBuf {
    let package = std::env::var("CARGO_MANIFEST_DIR").expect("cargo starts the tests");
    Path::new(&package).ancestors().nth(3).expect("crates/workbench/cli is inside the project").to_path_buf()
}

/// stderr as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// stdout as text.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
