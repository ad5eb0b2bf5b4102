//! A lone server that serves two clients which say anything: it neither panics nor stops, and whatever it answers is whole frames.
//!
//! The input is pieces: who (its lowest bit) and what (an operation, an operator's question, or a raw frame), a length,
//! and so many bytes.
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use zabra_core::admin::{Command, Configuration, Latency, Sizes, Surroundings, Whitelist};
use zabra_core::config::{Config, Ensemble, Password, Sasl};
use zabra_core::contract::{Action, Actions, ClientOrigin, Input, Timer};
use zabra_core::id::{ClientId, ServerId, ServerSet, SessionId, Stamp};
use zabra_core::log::Recovered;
use zabra_core::quorum::Quorum;
use zabra_core::replica::Replica;
use zabra_core::rule::AllRules;
use zabra_core::wire::Jute;
use zabra_core::wire::records::ConnectRequest;

/// The operations that clients ask for, and one that there is not.
const OPS: [i32; 32] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 100, 101, 102, 103, 104, 105, 106, 107,
    -11, -10, 99,
];

struct Lone {
    replica: Replica,
    out: Actions,
    at: i64,
    due: Vec<Timer>,
    xid: i32,
}

impl Lone {
    fn serving() -> Lone {
        let me = ServerId(1);
        let quorum = Quorum::majority([me].into_iter().collect()).expect("one voter is a quorum");
        let text = Arc::from(&b"version=0"[..]);
        let ensemble = Arc::new(Ensemble { quorum, observers: ServerSet::EMPTY, version: 0, text });
        let mut config = Config::new(me, ensemble);
        let users = [("a".into(), Password::new("b"))].into();
        config.access.sasl =
            Some(Arc::new(Sasl { users, superusers: ["a".into()].into(), lets_failed_stay: true, secret: [7; 32] }));
        config.access.super_digest = Some(Arc::from(&b"super:D/InIHSb7yEEbrWz8b9l71RjZJU="[..]));
        config.access.x509 = true;
        let config = Arc::new(config);
        let mut out = Actions::new();
        let replica = Replica::restore(config, Recovered::empty(), SessionId(1 << 56), Stamp(1), &mut out);
        let mut lone = Lone { replica, out, at: 1, due: Vec::new(), xid: 0 };
        lone.perform();
        while !lone.replica.view().serving() {
            lone.fire();
        }
        lone
    }

    fn step(&mut self, input: Input<'_>) {
        self.at += 1_000;
        self.replica.step(AllRules, Stamp(self.at), input, &mut self.out);
        self.perform();
    }

    /// Does what was asked for: the disk is as fast as can be.
    fn perform(&mut self) {
        loop {
            assert!(!self.out.is_stopped(), "no client can stop a server");
            let mut durable = 0;
            let actions: Vec<Action> = self.out.drain().collect();
            for action in &actions {
                match action {
                    Action::Append(_) | Action::SaveAccepted(_) | Action::SaveCurrent(_) => durable += 1,
                    Action::Arm { timer, .. } if !self.due.contains(timer) => self.due.push(*timer),
                    Action::Disarm { timer } => self.due.retain(|due| due != timer),
                    Action::Reply { frame, .. } | Action::Watch { frame, .. } => {
                        let (length, body) = self.out.bytes(*frame).split_first_chunk().expect("a frame has a length");
                        assert_eq!(u32::from_be_bytes(*length) as usize, body.len());
                    }
                    _ => {}
                }
            }
            self.out.clear();
            if durable == 0 {
                break;
            }
            self.replica.step(AllRules, Stamp(self.at), Input::Durable { count: durable }, &mut self.out);
        }
    }

    fn fire(&mut self) {
        for timer in std::mem::take(&mut self.due) {
            self.step(Input::Fired { timer });
        }
    }

    /// An operator's question: a four-letter word with a mask, or a command of the admin server.
    fn ask(&self, question: &[u8]) {
        let configuration = Configuration::default();
        let around = Surroundings {
            version: "",
            alone: true,
            now_ms: self.at,
            latency: Latency::default(),
            received: 0,
            sent: 0,
            proposals: Sizes::default(),
            responses: Sizes::default(),
            connections: &[],
            configuration: &configuration,
            environment: &[],
            data_bytes: 0,
            log_bytes: 0,
            trace_mask: 0,
            expiries: &[],
            digests: &[],
            measures: &[],
            snapshot: None,
        };
        let server = self.replica.view().admin();
        if let Some((word, mask)) = question.split_first_chunk::<4>() {
            let mask = mask.first_chunk().map(|mask| i64::from_be_bytes(*mask));
            if let Some(Ok(word)) = zabra_core::admin::word(*word, &Whitelist::parse("*")) {
                drop(word.answer(mask, &server, &around));
            }
        }
        let Ok(text) = std::str::from_utf8(question) else { return };
        let (name, mask) = text.split_once('=').map_or((text, None), |(name, mask)| (name, Some(mask)));
        let response = match Command::named(name) {
            Some(command) => command.answer(mask, &server, &around),
            None => Command::unknown(name),
        };
        response.body.to_json();
    }

    fn connect(&mut self, client: ClientId) {
        let subject = (client == ClientId(2)).then(|| Arc::from(&b"CN=ann"[..]));
        let from = ClientOrigin { address: IpAddr::V4(Ipv4Addr::LOCALHOST), subject };
        self.step(Input::ClientOpened { client, from });
        let hello = ConnectRequest {
            protocol: 0,
            last_zxid_seen: 0,
            timeout_ms: 9_000,
            session: 0,
            password: Some(&[0; 16]),
            read_only: Some(false),
        };
        let hello = hello.to_bytes();
        self.step(Input::ClientFrame { client, frame: &hello });
    }
}

pub fn holds(bytes: &[u8]) {
    let mut lone = Lone::serving();
    let clients = [ClientId(1), ClientId(2)];
    clients.into_iter().for_each(|client| lone.connect(client));
    let mut rest = bytes;
    while let [what, length, behind @ ..] = rest {
        let (body, next) = behind.split_at((*length as usize).min(behind.len()));
        rest = next;
        let client = clients[usize::from(what & 1)];
        let op = usize::from(what >> 1);
        let mut frame = Vec::new();
        if let Some(op) = OPS.get(op) {
            lone.xid += 1;
            frame.extend_from_slice(&lone.xid.to_be_bytes());
            frame.extend_from_slice(&op.to_be_bytes());
        }
        frame.extend_from_slice(body);
        match op {
            59 => lone.ask(body),
            60 => lone.fire(),
            61 => {
                lone.step(Input::ClientClosed { client });
                lone.connect(client);
            }
            _ => lone.step(Input::ClientFrame { client, frame: &frame }),
        }
    }
}
