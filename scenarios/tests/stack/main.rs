//! The shell of the deployed server, unchanged, on a simulated runtime: three servers elect, serve
//! and survive kills, power cuts, graceful restarts and partitions, and the clients' histories are
//! judged as those of any other engine. `cargo stack` builds and runs it (docs/decisions/0024).

#[cfg(madsim)]
mod clients;
#[cfg(madsim)]
mod disk;
#[cfg(madsim)]
mod draws;
#[cfg(madsim)]
mod faults;
#[cfg(madsim)]
mod judge;
#[cfg(madsim)]
mod world;

/// A lost flag must not pass for a simulation.
#[cfg(not(madsim))]
#[test]
fn the_stack_is_not_simulated_without_its_flag() {
    let is_meant = std::env::var_os("ZABRA_STACK").is_some();
    assert!(!is_meant, "`--cfg madsim` did not reach the compiler: is RUSTFLAGS set? It hides the flags of stack.toml");
}

#[cfg(madsim)]
mod tests {
    use super::disk::Honesty;
    use super::world::{Report, launch, run};
    use std::time::Duration;

    /// Runs seeds, each in two fresh threads.
    fn hunt(seeds: impl IntoIterator<Item = u64>) {
        let mut total = Report::default();
        let mut failed = Vec::new();
        let mut count = 0;
        for seed in seeds {
            count += 1;
            let Some(report) = run(seed, Honesty::Honest) else {
                failed.push(seed);
                continue;
            };
            assert!(Some(&report) == run(seed, Honesty::Honest).as_ref(), "seed {seed}: two runs of it differ");
            total.add(&report);
        }
        println!("{count} seeds, twice each: {}", total.tell());
        assert!(failed.is_empty(), "seeds that failed, see above: {failed:?}");
        assert!(total.reached_everything(), "something was never reached: {}", total.tell());
    }

    #[test]
    fn histories_are_legal_through_kills_power_cuts_and_partitions() {
        // The last two: a leader whose followers all came again while a client's `sync` waited for the
        // earlier connections of theirs.
        hunt((0..24).chain([1002, 1012]));
    }

    /// A server that nobody has met may be starting: who elects another without it in the same moment leaves
    /// one of the two leading alone, and its clients without an answer, for initLimit.
    #[test]
    fn servers_that_are_launched_one_after_the_other_wait_for_the_last_one() {
        let init_limit = Duration::from_secs(2);
        let times: Vec<_> = (0..100).map(|seed| launch(seed).expect("a launch")).collect();
        println!("100 launches: the longest takes {:?}", times.iter().max());
        assert!(times.iter().all(|time| *time < init_limit), "{times:?}");
    }

    #[test]
    fn a_disk_that_only_says_that_it_synced_is_found_out() {
        let found = (0..12).filter(|seed| run(*seed, Honesty::Lies).is_none()).count();
        assert!(found > 0, "no power cut of twelve runs lost anything that mattered");
    }

    #[test]
    #[ignore = "takes minutes"]
    fn histories_are_legal_in_a_thousand_runs() {
        hunt(1000..2000);
    }

    /// `ZABRA_SEEDS="1002 1500-1600"`
    #[test]
    #[ignore = "for seeds that are named"]
    fn histories_are_legal_in_the_runs_that_are_asked_for() {
        let asked = std::env::var("ZABRA_SEEDS").expect("ZABRA_SEEDS names seeds");
        let number = |text: &str| text.parse::<u64>().expect("seeds are numbers");
        let mut failed = Vec::new();
        for part in asked.split_whitespace() {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            failed.extend((number(first)..=number(last)).filter(|seed| run(*seed, Honesty::Honest).is_none()));
        }
        assert!(failed.is_empty(), "seeds that failed, see above: {failed:?}");
    }
}
