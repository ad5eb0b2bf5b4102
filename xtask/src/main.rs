//! `cargo xtask ratchet` writes today's maxima into `xtask/ratchet.toml`; the tidy test holds them.
//! `cargo xtask explore-page` opens the page of `zabra-lab explore` in a browser and takes a step.

use std::process::ExitCode;
use zabra_xtask::{explore_page, sizes, source::Tree};

fn main() -> ExitCode {
    let tree = Tree::of_workspace();
    match std::env::args().nth(1).as_deref() {
        Some("ratchet") => {
            std::fs::write(tree.root.join(sizes::RATCHET), sizes::render(&sizes::measure(&tree)))
                .expect("the ratchet is writable");
            ExitCode::SUCCESS
        }
        Some("explore-page") => {
            let picture = std::env::args().nth(2).unwrap_or_else(|| "target/explore-page.png".to_owned());
            match explore_page::check(&picture) {
                Ok(seen) => {
                    println!("{seen}");
                    ExitCode::SUCCESS
                }
                Err(wrong) => {
                    eprintln!("{wrong}");
                    ExitCode::FAILURE
                }
            }
        }
        _ => {
            eprintln!("usage: cargo xtask ratchet | explore-page [PNG]");
            ExitCode::from(2)
        }
    }
}
