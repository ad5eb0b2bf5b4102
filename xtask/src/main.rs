//! `cargo xtask ratchet` writes today's maxima into `xtask/ratchet.toml`; the tidy test holds them.

use std::process::ExitCode;
use zabra_xtask::{sizes, source::Tree};

fn main() -> ExitCode {
    let tree = Tree::of_workspace();
    match std::env::args().nth(1).as_deref() {
        Some("ratchet") => {
            std::fs::write(tree.root.join(sizes::RATCHET), sizes::render(&sizes::measure(&tree)))
                .expect("the ratchet is writable");
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: cargo xtask ratchet");
            ExitCode::from(2)
        }
    }
}
