//! `zabra-lab shrink`: the smallest schedule that still violates the same property.

use super::Failed;
use crate::cli::{Shrink, Talk};
use crate::voice::Voice;
use zabra_reports::exit::Exit;

pub fn shrink(_args: &Shrink, _talk: &Talk, _voice: &Voice) -> Result<Exit, Failed> {
    Err(Failed::tool("schedules cannot be shrunk yet"))
}
