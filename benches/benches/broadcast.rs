//! States per second of the model `broadcast` with complete replicas: 1 write, 1 break, 2 elections,
//! every move made or one order of those that commute, with one thread and with two.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use zabra_checker::{Bound, Budget, End, Explored, Go, Kind, Plain, Search, search_with};
use zabra_sim::rules::RuleSet;

fn explored(how: Search) -> Explored {
    let budget = Budget { writes: 1, breaks: 1, elections: 2, ..Budget::NONE };
    let model = Plain::new(Bound { kind: Kind::Broadcast, servers: 3, budget }, RuleSet::EMPTY);
    search_with(&model, how, |_| Go::On)
}

fn searches(c: &mut Criterion) {
    for (name, reduce) in [("broadcast, whole", false), ("broadcast, one order", true)] {
        let mut group = c.benchmark_group(name);
        group.sample_size(10);
        for threads in [1, 2] {
            let how = Search { threads, reduce };
            let found = explored(how);
            assert_eq!(found.end, End::Exhausted);
            group.throughput(Throughput::Elements(found.progress.states as u64));
            group.bench_function(BenchmarkId::from_parameter(threads), |b| b.iter(|| explored(how)));
        }
        group.finish();
    }
}

criterion_group!(benches, searches);
criterion_main!(benches);
