//! `cargo xtask ratchet` writes today's maxima into `xtask/ratchet.toml`; the tidy test holds them.
//! `cargo xtask interop` runs kazoo's test suite against `zabra serve`: a sample, or `--whole`.
//! `cargo xtask peers` compares Zabra with Apache ZooKeeper on this machine, under the same loads.
//! `cargo xtask explore-page` opens the page of `zabra-lab explore` in a browser and takes a step.

use std::process::ExitCode;
use zabra_xtask::interop::{self, Interop, Part};
use zabra_xtask::{explore_page, peers, sizes, source::Tree};

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
        Some("interop") => interop(&tree),
        Some("peers") => match peers::run(&tree.root, &std::env::args().skip(2).collect::<Vec<_>>()) {
            Ok(table) => {
                println!("{table}");
                ExitCode::SUCCESS
            }
            Err(wrong) => {
                eprintln!("{wrong}");
                ExitCode::FAILURE
            }
        },
        _ => {
            eprintln!("usage: cargo xtask ratchet | interop [--whole] [PYTEST ARGUMENTS] | explore-page [PNG]");
            eprintln!(
                "       cargo xtask peers [--rounds N] [--seconds N] [--watchers N] [--znodes N] [--binary ZABRA]"
            );
            ExitCode::from(2)
        }
    }
}

/// Exits 3 where the clients cannot be had: then nothing is known about the server.
fn interop(tree: &Tree) -> ExitCode {
    let mut more: Vec<String> = std::env::args().skip(2).collect();
    let is_whole = more.first().is_some_and(|first| first == "--whole");
    if is_whole {
        more.remove(0);
    }
    let part = if is_whole { Part::Whole } else { Part::Sample };
    match interop::kazoo(&tree.root, part, &more) {
        Ok(seen) => {
            println!("{seen}");
            ExitCode::SUCCESS
        }
        Err(Interop::Failed(wrong)) => {
            eprintln!("{wrong}");
            ExitCode::FAILURE
        }
        Err(Interop::Unavailable(why)) => {
            eprintln!("{why}");
            ExitCode::from(3)
        }
    }
}
