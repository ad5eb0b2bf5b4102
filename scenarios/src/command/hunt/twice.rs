//! The same seeds in a second process: one process misses what depends on addresses, on the order
//! of runs and on what an earlier run left behind.

use super::Tally;
use crate::cli::{Hunt, Talk};
use crate::command::Failed;
use crate::seeds::Seeds;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use zabra_reports::card::Failure;
use zabra_reports::exit::Exit;

/// Runs the seeds of `tally` again in another process and adds a failure for each that differs.
pub fn compare(args: &Hunt, first: u64, talk: &Talk, tally: &mut Tally) -> Result<(), Failed> {
    let other = second_process(args, first, talk)?;
    let names = names(&other)?;
    let hashes: BTreeMap<(String, String), String> = runs(&other).collect();
    let mut differing = Vec::new();
    for ((hunt, seed), hash) in tally.hashes() {
        let name = names.get(hunt).cloned().unwrap_or_default();
        let again = hashes.get(&(name.clone(), format!("{seed:#x}"))).cloned().unwrap_or("nothing".into());
        if again != format!("{hash:#x}") {
            differing.push((hunt, differs(name, seed, hash, &again)));
        }
    }
    for (hunt, failure) in differing {
        tally.fail(hunt, failure);
    }
    Ok(())
}

fn second_process(args: &Hunt, first: u64, talk: &Talk) -> Result<Value, Failed> {
    let program = std::env::current_exe().map_err(|e| Failed::tool(format!("this program cannot be found: {e}")))?;
    let mut command = Command::new(program);
    command.args(["hunt", "--json", "--hashes", "--no-progress", "--quiet", "--no-demands", "--jobs", "1"]);
    // What the first process ran before it gave up is compared: the second one must come as far.
    command.arg("--max-failures").arg(usize::MAX.to_string());
    match &args.seeds {
        Some(Seeds::Each(range)) => command.arg("--seeds").arg(format!("{}..{}", range.start, range.end)),
        Some(Seeds::Runs(runs)) => command.arg("--seeds").arg(runs.to_string()).arg("--seed").arg(first.to_string()),
        None => return Err(Failed::usage("--check-determinism needs --seeds")),
    };
    if let Some(shard) = args.shard {
        command.arg("--shard").arg(shard.to_string());
    }
    for rule in &args.without.without {
        command.arg("--without").arg(rule);
    }
    command.arg("--out").arg(talk.out.join("second"));
    if let Some(library) = &talk.library {
        command.arg("--library").arg(library);
    }
    if args.all {
        command.arg("--all")
    } else {
        command.args(&args.scenarios)
    };
    let output = command.stderr(Stdio::null()).output().map_err(|e| Failed::tool(format!("no second process: {e}")))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|e| Failed::tool(format!("the second process gave no document ({}): {e}", output.status)))
}

fn names(document: &Value) -> Result<Vec<String>, Failed> {
    let hunts = document["hunts"].as_array().ok_or_else(|| Failed::tool("the second process ran nothing"))?;
    Ok(hunts.iter().filter_map(|h| h["name"].as_str()).map(str::to_string).collect())
}

fn runs(document: &Value) -> impl Iterator<Item = ((String, String), String)> {
    let text = |value: &Value| value.as_str().unwrap_or("").to_string();
    document["runs"].as_array().into_iter().flatten().map(move |run| ((text(&run[0]), text(&run[1])), text(&run[2])))
}

fn differs(scenario: String, seed: u64, hash: u64, again: &str) -> Failure {
    Failure {
        again: vec![(
            "again".into(),
            format!("cargo lab hunt {scenario} --seeds {seed}..{} --check-determinism", seed.wrapping_add(1)),
        )],
        scenario,
        seed,
        exit: Exit::NonDeterminism,
        oracle: "determinism".into(),
        states: "a run is a function of scenario, seed and build".into(),
        sentence: "the same seed gave two different runs in two processes".into(),
        facts: vec![format!("trace hash {hash:#x} in the first"), format!("trace hash {again} in the second")],
        at_us: 0,
        servers: Vec::new(),
        zxid: None,
        session: None,
        path: None,
        without: Vec::new(),
        causes: Vec::new(),
        shrink: None,
        trace_hash: hash,
    }
}
