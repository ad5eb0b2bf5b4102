//! Hunt files and stories: what is wrong with them is said, never by a panic. A story's commands and steps are read back
//! as themselves.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zabra_lab::hunt_file;
use zabra_sim::step::text;
use zabra_sim::story::Story;

fuzz_target!(|bytes: &[u8]| {
    let (&[kind, ref bytes @ ..], true) = (bytes, bytes.len() > 1) else { return };
    let Ok(input) = std::str::from_utf8(bytes) else { return };
    match kind % 3 {
        0 => drop(hunt_file::parse("a.toml", input)),
        1 => drop(Story::parse("a.story", input)),
        _ => {
            if let Ok(step) = text::parse(input) {
                let again = step.to_string();
                assert_eq!(text::parse(&again).ok().map(|step| step.to_string()), Some(again));
            }
        }
    }
});
