//! `cargo xtask ratchet` writes today's maxima into `xtask/ratchet.toml`; the tidy test holds them.
//! `cargo xtask interop` runs the clients that others wrote against `zabra serve`: the command lines
//! that come with ZooKeeper (only those: `--clis`), and a sample of kazoo's tests, or all (`--whole`), or
//! all against a lone server (`--alone`).
//! `cargo xtask peers` compares Zabra with Apache ZooKeeper on this machine, under the same loads.
//! `cargo xtask explore-page` opens the page of `zabra-lab explore` in a browser and takes a step.

use clap::Parser;
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
        Some("peers") => match peers::run(&tree.root, peers::Arguments::parse_from(std::env::args().skip(2))) {
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
            eprintln!(
                "usage: cargo xtask ratchet | interop [--clis | --whole | --alone] [PYTEST ARGUMENTS] | explore-page [PNG]"
            );
            eprintln!("       cargo xtask peers [--help]");
            ExitCode::from(2)
        }
    }
}

/// Exits 3 where no client can be had: then nothing is known about the server.
fn interop(tree: &Tree) -> ExitCode {
    let mut more: Vec<String> = std::env::args().skip(2).collect();
    let first = more.first().cloned().unwrap_or_default();
    let is_clis = first == "--clis";
    let part = match first.as_str() {
        "--whole" => Part::Whole,
        "--alone" => Part::Alone,
        _ => Part::Sample,
    };
    if is_clis || part != Part::Sample {
        more.remove(0);
    }
    let mut verdicts = vec![interop::clis(&tree.root)];
    if !is_clis {
        verdicts.push(interop::kazoo(&tree.root, part, &more));
    }
    let (mut is_known, mut is_bad) = (false, false);
    for verdict in verdicts {
        match verdict {
            Ok(seen) => println!("{seen}"),
            Err(Interop::Failed(ref wrong)) => {
                is_bad = true;
                eprintln!("{wrong}");
            }
            Err(Interop::Unavailable(why)) => {
                eprintln!("skipped: {why}");
                continue;
            }
        }
        is_known = true;
    }
    match (is_known, is_bad) {
        (true, false) => ExitCode::SUCCESS,
        (_, true) => ExitCode::FAILURE,
        (false, false) => ExitCode::from(3),
    }
}
