//! `zabra-lab replay`: a saved failure again. It must happen again, or the exit says that it did not.

use super::{Failed, run};
use crate::cli::{Replay, Talk};
use crate::engine;
use crate::library::{Item, Kind, Library};
use crate::voice::Voice;
use zabra_reports::exit::Exit;

pub fn replay(args: &Replay, talk: &Talk, voice: &Voice) -> Result<Exit, Failed> {
    let library = Library::find(talk.library.as_deref());
    let item = library.named(&args.file, &[Kind::Hunt, Kind::Story, Kind::Regression])?;
    match (item.kind, args.seed) {
        (Kind::Hunt, Some(seed)) => {
            let scenario = engine::loaded(&item, &args.without.without)?;
            voice.insist(&format!("{} seed {seed}", scenario.name));
            run::one(&args.file, &scenario, seed.0, talk, voice)
        }
        (Kind::Hunt, None) => Err(Failed::usage("a hunt is replayed with its --seed")),
        (Kind::Story | Kind::Regression, _) => story(&item, voice),
    }
}

/// Plays a story and compares what happens with what was recorded.
pub fn story(_item: &Item, _voice: &Voice) -> Result<Exit, Failed> {
    Err(Failed::tool("stories cannot be played yet"))
}
