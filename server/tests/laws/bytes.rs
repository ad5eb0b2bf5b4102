//! What the laws are tried on.
#![expect(clippy::disallowed_methods, reason = "seeds are files")]

use proptest::prelude::*;
use std::fs;
use std::path::Path;

/// Places of a seed that are damaged.
const PLACES: usize = 48;

pub fn check(name: &str, law: fn(&[u8])) {
    let seeds = seeds(name);
    for seed in &seeds {
        law(seed);
        for at in (0..seed.len()).step_by((seed.len() / PLACES).max(1)) {
            law(&seed[..at]);
            for byte in [0x00, 0x7f, 0xff, seed[at] ^ 1] {
                let mut damaged = seed.clone();
                damaged[at] = byte;
                law(&damaged);
            }
        }
    }
    let seeds = if seeds.is_empty() { vec![Vec::new()] } else { seeds };
    let around = (prop::sample::select(seeds), any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..64));
    let spliced = around.prop_map(|(mut seed, at, bytes)| {
        let at = at.index(seed.len() + 1);
        seed.splice(at..at, bytes);
        seed
    });
    let input = prop_oneof![spliced, prop::collection::vec(any::<u8>(), 0..300)];
    let mut runner = prop::test_runner::TestRunner::new(ProptestConfig { cases: 128, ..ProptestConfig::default() });
    let held = runner.run(&input, |bytes| {
        law(&bytes);
        Ok(())
    });
    if let Err(broken) = held {
        panic!("{name}: {broken}");
    }
}

/// What stands in the corpus, in the order of the names.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("the corpus is readable").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("the corpus is readable")).collect()
}
