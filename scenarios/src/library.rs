//! The library: hunts, stories and regressions by name, and files by path.

use crate::place::{Misfit, hint};
use std::fs;
use std::path::{Path, PathBuf};

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Hunt,
    Story,
    Regression,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Hunt, Kind::Story, Kind::Regression];

    pub fn word(self) -> &'static str {
        match self {
            Kind::Hunt => "hunt",
            Kind::Story => "story",
            Kind::Regression => "regression",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Kind::Hunt => "hunts",
            Kind::Story => "stories",
            Kind::Regression => "regressions",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Kind::Hunt => "toml",
            Kind::Story | Kind::Regression => "scn",
        }
    }
}

/// A file of the library, or one given by path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    pub kind: Kind,
    /// The path below the folder, without the extension: `zookeeper-4643`, `election/tie`.
    pub name: String,
    pub path: PathBuf,
}

pub struct Library {
    root: PathBuf,
}

impl Library {
    /// The library of the folder given, of the workspace that this program was built in, or of `scenarios/`.
    pub fn find(given: Option<&Path>) -> Library {
        let built = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = given.unwrap_or(if built.join("hunts").is_dir() { built } else { Path::new("scenarios") });
        Library { root: root.to_path_buf() }
    }

    /// A file of the library by its path within it.
    pub fn file(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Everything of one kind, by name.
    pub fn all(&self, kind: Kind) -> Result<Vec<Item>, Misfit> {
        let folder = self.root.join(kind.folder());
        let mut items = Vec::new();
        if folder.is_dir() {
            collect(&folder, &folder, kind, &mut items)?;
        }
        items.sort();
        Ok(items)
    }

    /// The item that `word` means: a file if there is one, else a name of the library.
    pub fn named(&self, word: &str, kinds: &[Kind]) -> Result<Item, Misfit> {
        let path = Path::new(word);
        if path.is_file() {
            let kind = if path.extension().is_some_and(|e| e == "toml") { Kind::Hunt } else { Kind::Story };
            let wanted = kinds.contains(&kind) || (kind == Kind::Story && kinds.contains(&Kind::Regression));
            if !wanted {
                return Err(Misfit::whole(word, format!("this is a {}; expected a {}", kind.word(), words(kinds))));
            }
            return Ok(Item {
                kind,
                name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
                path: path.to_path_buf(),
            });
        }
        let mut names = Vec::new();
        for kind in kinds {
            for item in self.all(*kind)? {
                if item.name == word {
                    return Ok(item);
                }
                names.push(item.name);
            }
        }
        let looks_like_path =
            word.contains(std::path::MAIN_SEPARATOR) || word.ends_with(".toml") || word.ends_with(".scn");
        if looks_like_path && !names.iter().any(|n| n == word) {
            return Err(Misfit::whole(word, "no such file"));
        }
        let hint = hint(word, names.iter().map(String::as_str));
        Err(Misfit::whole(word, format!("no {} of this name in the library{hint} (cargo lab list)", words(kinds))))
    }
}

fn words(kinds: &[Kind]) -> String {
    kinds.iter().map(|k| k.word()).collect::<Vec<_>>().join(" or ")
}

fn collect(root: &Path, folder: &Path, kind: Kind, items: &mut Vec<Item>) -> Result<(), Misfit> {
    let unreadable = |e: std::io::Error| Misfit::whole(folder.display().to_string(), format!("cannot be read: {e}"));
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            collect(root, &path, kind, items)?;
        } else if path.extension().is_some_and(|e| e == kind.extension()) {
            let name = path.strip_prefix(root).unwrap_or(&path).with_extension("").to_string_lossy().replace('\\', "/");
            items.push(Item { kind, name, path });
        }
    }
    Ok(())
}

/// The text of a file, or why there is none.
pub fn text(path: &Path) -> Result<String, Misfit> {
    let name = path.display().to_string();
    let bytes = fs::read(path).map_err(|e| Misfit::whole(&name, format!("cannot be read: {e}")))?;
    String::from_utf8(bytes).map_err(|e| {
        let good = e.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(&e.as_bytes()[..good]).into_owned();
        Misfit::at(name, &text, good..good, "this byte is no UTF-8: expected a text file")
    })
}
