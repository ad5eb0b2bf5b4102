//! Metrics as Prometheus reads them: Apache's names, without `mntr`'s prefix. A counter appears
//! under the name of 3.9, and with the `_total` of the version after it.

use super::Stats;
use std::fmt::Write;
use tokio::time::Instant;
use zabra_core::admin::{Server, Surroundings, Value, gauges};

/// The text of `/metrics`.
pub fn exposition(stats: &Stats, now: Instant, server: &Server<'_>, around: &Surroundings<'_>) -> String {
    let mut text = String::new();
    for (name, value) in gauges(server, around) {
        match value {
            Value::Integer(number) => sample(&mut text, "gauge", &name, &number.to_string()),
            Value::Average(average) => sample(&mut text, "gauge", &name, &average.to_string()),
            Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {}
        }
    }
    for (name, value) in stats.gauges(now) {
        sample(&mut text, "gauge", name, &value.to_string());
    }
    for (name, value) in stats.counters.list() {
        sample(&mut text, "counter", name, &value.to_string());
        if !name.ends_with("_total") {
            sample(&mut text, "counter", &format!("{name}_total"), &value.to_string());
        }
    }
    for (name, summary) in stats.summaries() {
        let mut add = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("a String takes everything");
        add(format_args!("# HELP {name} {name}\n# TYPE {name} summary"));
        for (quantile, value) in summary.quantiles(now) {
            let value = value.map_or("NaN".into(), |value| value.to_string());
            add(format_args!("{name}{{quantile=\"{quantile}\"}} {value}"));
        }
        add(format_args!("{name}_count {}\n{name}_sum {}", summary.count(), summary.sum()));
    }
    text
}

fn sample(text: &mut String, kind: &str, name: &str, value: &str) {
    writeln!(text, "# HELP {name} {name}\n# TYPE {name} {kind}\n{name} {value}").expect("a String takes everything");
}
