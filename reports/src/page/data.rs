//! The document of a page. Timelines are arrays of arrays, and texts stand once, for there are many.

use super::{Page, SCHEMA, View};
use crate::timeline::{Cut, Event, Fate, Kind, Lane, Unit};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Serialize)]
pub struct Data<'a> {
    schema: &'static str,
    title: &'a str,
    verdict: &'a str,
    exit: u8,
    oracle: &'a str,
    states: &'a str,
    source: &'a str,
    sentence: &'a str,
    facts: &'a [String],
    servers: &'a [u8],
    without: &'a [String],
    causes: &'a [String],
    shrunk: Option<&'a str>,
    again: &'a [(String, String)],
    numbers: &'a [(String, String)],
    faults: &'a [(String, u64)],
    marks: &'a [(String, u64, String)],
    notes: &'a [String],
    kinds: Vec<&'static str>,
    views: Vec<Drawn>,
}

#[derive(Serialize)]
struct Drawn {
    name: String,
    about: String,
    unit: Unit,
    end: u64,
    at: Option<u64>,
    servers: Vec<(u8, bool)>,
    clients: u16,
    texts: Vec<String>,
    /// `[at, kind, lane, text]`, and for messages `from, sent, fate`.
    events: Vec<Value>,
    /// `[server, from, until, state, epoch]`.
    spans: Vec<Value>,
    bands: Vec<Value>,
    /// `[client, from, until, outcome, text, answer]`.
    operations: Vec<Value>,
    cut: Cut,
}

impl<'a> Data<'a> {
    pub fn of(page: &'a Page) -> Data<'a> {
        Data {
            schema: SCHEMA,
            title: &page.title,
            verdict: &page.verdict,
            exit: page.exit,
            oracle: &page.oracle,
            states: &page.states,
            source: &page.source,
            sentence: &page.sentence,
            facts: &page.facts,
            servers: &page.servers,
            without: &page.without,
            causes: &page.causes,
            shrunk: page.shrunk.as_deref(),
            again: &page.again,
            numbers: &page.numbers,
            faults: &page.faults,
            marks: &page.marks,
            notes: &page.notes,
            kinds: Kind::ALL.map(Kind::word).to_vec(),
            views: page.views.iter().map(drawn).collect(),
        }
    }
}

/// Texts by number, each once.
#[derive(Default)]
struct Texts {
    known: BTreeMap<String, usize>,
    all: Vec<String>,
}

impl Texts {
    fn of(&mut self, text: &str) -> usize {
        if let Some(at) = self.known.get(text) {
            return *at;
        }
        let at = self.all.len();
        self.known.insert(text.to_owned(), at);
        self.all.push(text.to_owned());
        at
    }
}

fn drawn(view: &View) -> Drawn {
    let timeline = &view.timeline;
    let mut texts = Texts::default();
    let events = timeline.events.iter().map(|event| event_of(event, &mut texts)).collect();
    let bands = timeline.bands.iter().map(|b| json!([b.from, b.until, texts.of(&b.text)])).collect();
    let operations = timeline
        .operations
        .iter()
        .map(|o| json!([o.client, o.from, o.until, o.outcome.word(), texts.of(&o.text), texts.of(&o.answer)]));
    let operations = operations.collect();
    Drawn {
        name: view.name.clone(),
        about: view.about.clone(),
        unit: timeline.unit,
        end: timeline.end,
        at: view.at,
        servers: timeline.servers.clone(),
        clients: timeline.clients,
        events,
        spans: timeline.spans.iter().map(|s| json!([s.server, s.from, s.until, s.state.word(), s.epoch])).collect(),
        bands,
        operations,
        cut: timeline.cut,
        texts: texts.all,
    }
}

fn event_of(event: &Event, texts: &mut Texts) -> Value {
    let lane = match event.lane {
        Lane::World => 0,
        Lane::Server(id) => i32::from(id),
        Lane::Client(id) => -1 - i32::from(id),
    };
    let (kind, text) = (event.kind as u8, texts.of(&event.text));
    match event.message {
        None => json!([event.at, kind, lane, text]),
        Some(message) => {
            let fate = match message.fate {
                Fate::Arrived => 0,
                Fate::Lost => 1,
                Fate::Travels => 2,
            };
            json!([event.at, kind, lane, text, message.from, message.sent, fate])
        }
    }
}
