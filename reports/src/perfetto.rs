//! Chrome's trace format, which Perfetto and chrome://tracing open: for runs of millions of events.
//!
//! A process is a server, a client or the world; its threads are what it is, what it does, and its
//! messages. A message is a flow from a slice at its sender to a slice at its receiver. Times are
//! microseconds; a step of a story counts as a millisecond.

use crate::timeline::{Event, Fate, Lane, Message, Timeline, Unit};
use serde_json::{Value, json};

/// Clients count from here, beyond every server.
const CLIENTS: u32 = 1000;

/// Threads of a process.
const IS: u8 = 1;
const DOES: u8 = 2;
const MESSAGES: u8 = 3;

pub fn perfetto(timeline: &Timeline) -> String {
    let scale = match timeline.unit {
        Unit::Micros => 1,
        Unit::Steps => 1000,
    };
    let mut events = names(timeline);
    let slice = |lane: Lane, thread: u8, name: &str, from: u64, until: u64| {
        let (ts, dur) = (from * scale, (until.saturating_sub(from) * scale).max(1));
        json!({ "ph": "X", "pid": process(lane), "tid": thread, "ts": ts, "dur": dur, "name": name })
    };
    for span in &timeline.spans {
        let name = format!("{} epoch {}", span.state.word(), span.epoch);
        events.push(slice(Lane::Server(span.server), IS, &name, span.from, span.until));
    }
    for band in &timeline.bands {
        events.push(slice(Lane::World, IS, &band.text, band.from, band.until));
    }
    for operation in &timeline.operations {
        let until = operation.until.unwrap_or(timeline.end);
        let mut told = slice(Lane::Client(operation.client), IS, &operation.text, operation.from, until);
        told["args"] = json!({ "outcome": operation.outcome.word(), "answer": operation.answer });
        events.push(told);
    }
    for (id, event) in timeline.events.iter().enumerate() {
        match event.message {
            Some(message) => events.extend(flow(id, event, message, scale)),
            None => events.push(json!({
                "ph": "i", "s": "t", "pid": process(event.lane), "tid": DOES, "ts": event.at * scale,
                "name": event.text, "cat": event.kind.word(),
            })),
        }
    }
    let cut = json!({ "events_cut": timeline.cut.events, "heartbeats_not_told": timeline.cut.pings });
    let document = json!({ "displayTimeUnit": "ms", "otherData": cut, "traceEvents": events });
    serde_json::to_string(&document).expect("a document has only string keys")
}

fn process(lane: Lane) -> u32 {
    match lane {
        Lane::World => 0,
        Lane::Server(id) => u32::from(id),
        Lane::Client(id) => CLIENTS + u32::from(id),
    }
}

fn names(timeline: &Timeline) -> Vec<Value> {
    let servers = timeline.servers.iter().map(|(id, _)| (Lane::Server(*id), format!("server {id}")));
    let clients = (0..timeline.clients).map(|id| (Lane::Client(id), format!("client {id}")));
    let lanes = std::iter::once((Lane::World, "world".to_owned())).chain(servers).chain(clients);
    let meta = |what: &str, pid: u32, tid: u8, name: &str| json!({ "ph": "M", "name": what, "pid": pid, "tid": tid, "args": { "name": name } });
    lanes
        .flat_map(|(lane, name)| {
            let pid = process(lane);
            let threads = [(IS, "is"), (DOES, "does"), (MESSAGES, "messages")];
            let threads = threads.into_iter().map(move |(tid, name)| meta("thread_name", pid, tid, name));
            std::iter::once(meta("process_name", pid, 0, &name)).chain(threads)
        })
        .collect()
}

/// A slice at each end, for flows bind to slices. What did not arrive has no flow.
fn flow(id: usize, event: &Event, message: Message, scale: u64) -> Vec<Value> {
    let (from, to) = (u32::from(message.from), process(event.lane));
    let (sent, at, kind) = (message.sent * scale, event.at * scale, event.kind.word());
    let slice = |pid: u32, ts: u64, name: String| json!({ "ph": "X", "pid": pid, "tid": MESSAGES, "ts": ts, "dur": 1, "name": name, "cat": kind });
    let to_name = event.lane.id();
    match message.fate {
        Fate::Arrived => vec![
            slice(from, sent, format!("to {to_name}: {}", event.text)),
            json!({ "ph": "s", "id": id, "pid": from, "tid": MESSAGES, "ts": sent, "name": event.text, "cat": kind }),
            slice(to, at, format!("from n{from}: {}", event.text)),
            json!({ "ph": "f", "bp": "e", "id": id, "pid": to, "tid": MESSAGES, "ts": at, "name": event.text, "cat": kind }),
        ],
        Fate::Lost => vec![slice(from, sent, format!("to {to_name}: {} (lost)", event.text))],
        Fate::Travels => vec![slice(from, sent, format!("to {to_name}: {} (on its way)", event.text))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::tests::{STORY, watched};

    #[test]
    fn every_flow_begins_and_ends_on_a_slice_of_its_thread() {
        let timeline = watched(STORY);
        let trace: Value = serde_json::from_str(&perfetto(&timeline)).expect("it is JSON");
        let events = trace["traceEvents"].as_array().expect("events");
        let place = |e: &Value| (e["pid"].clone(), e["tid"].clone(), e["ts"].clone());
        let slices: Vec<_> = events.iter().filter(|e| e["ph"] == "X").map(place).collect();
        let flows: Vec<_> = events.iter().filter(|e| e["ph"] == "s" || e["ph"] == "f").collect();
        let arrived = timeline.events.iter().filter(|e| e.message.is_some_and(|m| m.fate == Fate::Arrived)).count();
        assert!(arrived > 10 && flows.len() == 2 * arrived, "{arrived} messages arrived, {} ends", flows.len());
        assert!(flows.iter().all(|flow| slices.contains(&place(flow))));
        let keys = ["ph", "pid", "tid", "name"];
        assert!(events.iter().all(|e| keys.iter().all(|key| !e[*key].is_null())), "every event has what is demanded");
    }

    #[test]
    fn the_end_of_a_trace_reads_like_this() {
        let trace: Value = serde_json::from_str(&perfetto(&watched(STORY))).expect("it is JSON");
        let events = trace["traceEvents"].as_array().expect("events");
        let lines: Vec<String> = events.iter().rev().take(6).map(Value::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
