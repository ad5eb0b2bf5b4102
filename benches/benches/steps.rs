//! Steps of the core alone: three replicas in one process, without disk, network or simulator. A
//! write is everything from the client's frame at the leader to its reply: one write step, two
//! proposals, three syncs, two ACKs, two commits.

#[path = "../../core/tests/trio/mod.rs"]
mod trio;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::time::{Duration, Instant};
use trio::{Kind, Trio};

const DATA: [u8; 100] = [b'x'; 100];
/// A history is bounded by its window, so each sample begins with a new ensemble.
const WRITES: u64 = 1000;

/// The time that steps of some kinds take within writes.
fn time_of(kinds: &[Kind], rounds: u64) -> Duration {
    let mut trio = Trio::serving(&DATA);
    let mut total = Duration::ZERO;
    for _ in 0..rounds {
        trio.write(&DATA, &mut |kind, step| {
            if kinds.contains(&kind) {
                let began = Instant::now();
                step();
                total += began.elapsed();
            } else {
                step();
            }
        });
    }
    total
}

fn steps(c: &mut Criterion) {
    let mut trio = Trio::serving(&DATA);
    let before = trio.steps;
    trio.write(&DATA, &mut |_, step| step());
    let per_write = trio.steps - before;

    let mut group = c.benchmark_group("core");
    group.throughput(Throughput::Elements(per_write * WRITES));
    group.bench_function("steps of 1,000 writes, three servers", |b| {
        b.iter_batched_ref(
            || Trio::serving(&DATA),
            |trio| (0..WRITES).for_each(|_| trio.write(&DATA, &mut |_, step| step())),
            BatchSize::PerIteration,
        );
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("a write at its leader: request, proposal", |b| b.iter_custom(|n| time_of(&[Kind::Write], n)));
    group.bench_function("a write at one follower: PROPOSAL, ACK, COMMIT (of two)", |b| {
        b.iter_custom(|n| time_of(&[Kind::Proposal, Kind::Durable, Kind::Commit], n) / 2)
    });
    group.bench_function("a write's acknowledgements and commit at its leader", |b| {
        b.iter_custom(|n| time_of(&[Kind::OwnDurable, Kind::Ack], n))
    });
    group.bench_function("a read of 100 bytes", |b| b.iter(|| trio.read(&mut |_, step| step())));
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
