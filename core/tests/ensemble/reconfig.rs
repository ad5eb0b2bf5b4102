//! An ensemble that changes while it runs.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for some of many")]

use super::*;
use zabra_core::wire::records::{GetDataReply, ReconfigRequest};

fn line(id: u8, role: &str) -> String {
    format!("server.{id}=h{id}:2888:3888:{role};0.0.0.0:2181\n")
}

fn described(voters: &[u8], observers: &[u8]) -> Arc<Ensemble> {
    let mut text: String = voters.iter().map(|id| line(*id, "participant")).collect();
    text.extend(observers.iter().map(|id| line(*id, "observer")));
    text.push_str("version=0");
    Arc::new(Ensemble::parse(text.as_bytes()).unwrap())
}

fn boot(voters: &[u8], observers: &[u8]) -> Net {
    let mut net = Net::empty();
    net.reconfig = true;
    let ensemble = described(voters, observers);
    for id in voters.iter().chain(observers) {
        net.start(*id, &ensemble, Epoch::ZERO);
    }
    net.settle();
    net.connect(net.leading());
    net
}

impl Net {
    fn leading(&self) -> u8 {
        let leads =
            |(id, replica): (&ServerId, &Replica)| (replica.view().state() == ServerState::Leading).then_some(id.0);
        self.replicas.iter().find_map(leads).expect("a leader")
    }

    fn connect(&mut self, server: u8) {
        let server = ServerId(server);
        let mut frame = [0i32.to_bytes(), 0i64.to_bytes(), 9_000i32.to_bytes(), 0i64.to_bytes()].concat();
        (&[0u8; 16][..]).encode(&mut frame);
        let from = ClientOrigin { address: IpAddr::V4(Ipv4Addr::LOCALHOST), subject: None };
        self.inputs.push_back((server, Input::ClientOpened { client: CLIENT, from }));
        self.inputs.push_back((server, Input::ClientFrame { client: CLIENT, frame: frame.leak() }));
        self.settle();
    }

    /// Asks the server for a reconfiguration: the new text.
    fn reconfig(&mut self, server: u8, joining: &[u8], leaving: &[u8]) -> Result<String, i32> {
        let joining: Vec<String> = joining.iter().map(|id| line(*id, "participant").trim_end().into()).collect();
        self.reconfig_as(server, &joining.join(","), leaving)
    }

    fn reconfig_as(&mut self, server: u8, joining: &str, leaving: &[u8]) -> Result<String, i32> {
        let leaving: Vec<String> = leaving.iter().map(ToString::to_string).collect();
        let leaving = leaving.join(",");
        let request = ReconfigRequest {
            joining: (!joining.is_empty()).then_some(joining.as_bytes()),
            leaving: (!leaving.is_empty()).then_some(leaving.as_bytes()),
            new_members: None,
            config_id: -1,
        };
        self.sent.clear();
        self.request(server, 50, Op::RECONFIG, &request);
        self.settle();
        let (_, _, frame) = self.sent.iter().find(|(from, ..)| from.0 == server).expect("an answer");
        let mut r = Reader::new(frame);
        let header = ReplyHeader::decode(&mut r).unwrap();
        if header.err != 0 {
            return Err(header.err);
        }
        let reply = GetDataReply::decode(&mut r).unwrap();
        Ok(String::from_utf8(reply.data.unwrap().to_vec()).unwrap())
    }

    fn goes_by(&self, server: u8) -> Vec<u8> {
        let configured = self.events.iter().rev().find_map(|(from, event)| match event {
            Event::Configured { voters, proposed: None, .. } if *from == ServerId(server) => Some(voters.voters()),
            _ => None,
        });
        configured.map_or(Vec::new(), |voters| voters.iter().map(|id| id.0).collect())
    }

    fn write(&mut self, server: u8, path: &str) {
        let open = vec![Acl { perms: 31, id: Id { scheme: b"world", id: b"anyone" } }];
        let request = CreateRequest { path: path.as_bytes(), data: None, acl: Some(open), flags: 0 };
        self.sent.clear();
        self.request(server, 60, Op::CREATE, &request);
        self.settle();
        let (_, _, frame) = self.sent.iter().find(|(from, ..)| from.0 == server).expect("an answer");
        assert_eq!(ReplyHeader::decode(&mut Reader::new(frame)).unwrap().err, 0, "{path}");
    }
}

fn state(net: &Net, server: u8) -> ServerState {
    net.replicas[&ServerId(server)].view().state()
}

#[test]
fn observers_come_and_go() {
    let mut net = boot(&[1, 2, 3], &[]);
    let leader = net.leading();
    let text = net.reconfig_as(leader, line(9, "observer").trim_end(), &[]).unwrap();
    assert!(text.contains(line(9, "observer").as_str()));
    net.start(9, &described(&[1, 2, 3], &[9]), Epoch::ZERO);
    net.settle();
    assert_eq!(state(&net, 9), ServerState::Observing);
    assert!(!net.reconfig(leader, &[], &[9]).unwrap().contains("server.9"));
    assert!((1..=3).all(|id| net.goes_by(id) == [1, 2, 3]));
    net.write(leader, "/after");
}

#[test]
fn a_voter_is_removed_and_the_rest_goes_on_without_it() {
    let mut net = boot(&[1, 2, 3], &[]);
    let leader = net.leading();
    let removed = if leader == 1 { 2 } else { 1 };
    net.reconfig(leader, &[], &[removed]).unwrap();
    net.lose(ServerId(removed));
    net.settle();
    net.write(leader, "/after");
    assert_eq!(net.goes_by(leader).len(), 2);
}

#[test]
fn who_joins_learns_first_and_votes_then() {
    let mut net = boot(&[1, 2, 3], &[]);
    let leader = net.leading();
    assert_eq!(net.reconfig(leader, &[4, 5, 6, 7], &[]), Err(-13), "nobody has heard of them");
    for id in [4, 5] {
        net.start(id, &described(&[1, 2, 3, 4, 5], &[]), Epoch::ZERO);
    }
    net.settle();
    net.reconfig(leader, &[4, 5], &[]).unwrap();
    assert!((1..=5).all(|id| net.goes_by(id) == [1, 2, 3, 4, 5]));
    assert!(net.all_serve());
    // Two of the old ones are lost: the new ones make the quorum.
    for id in (1..=3).filter(|id| *id != leader).collect::<Vec<_>>() {
        net.lose(ServerId(id));
    }
    net.settle();
    net.write(leader, "/after");
}

#[test]
fn a_leader_that_is_removed_commits_that_and_leads_no_more() {
    let mut net = boot(&[1, 2, 3], &[]);
    let leader = net.leading();
    net.reconfig(leader, &[], &[leader]).unwrap();
    assert!(net.events.iter().any(|(from, event)| {
        from.0 == leader && matches!(event, Event::Resigned { why: Resigned::Reconfigured, .. })
    }));
    net.settle();
    let next = net.leading();
    assert_ne!(next, leader);
    net.connect(next);
    net.write(next, "/after");
    assert_eq!(state(&net, leader), ServerState::Observing, "it learns from the others");
}

#[test]
fn an_observer_becomes_a_voter_and_a_voter_an_observer() {
    let mut net = boot(&[1, 2, 3], &[4]);
    let leader = net.leading();
    let other = if leader == 1 { 2 } else { 1 };
    let joining = format!("{},{}", line(4, "participant").trim_end(), line(other, "observer").trim_end());
    net.reconfig_as(leader, &joining, &[]).unwrap();
    net.settle();
    assert_eq!((state(&net, 4), state(&net, other)), (ServerState::Following, ServerState::Observing));
    assert!(net.all_serve());
    net.write(leader, "/after");
}

#[test]
fn one_that_was_away_hears_of_it_when_it_looks_for_a_leader() {
    let mut net = boot(&[1, 2, 3], &[]);
    let leader = net.leading();
    let away = if leader == 1 { 2 } else { 1 };
    for id in [4, 5] {
        net.start(id, &described(&[1, 2, 3, 4, 5], &[]), Epoch::ZERO);
    }
    net.settle();
    net.lose(ServerId(away));
    net.reconfig(leader, &[4, 5], &[]).unwrap();
    net.reconfig(leader, &[], &[leader]).unwrap();
    net.settle();
    net.start(away, &described(&[1, 2, 3], &[]), Epoch::ZERO);
    net.settle();
    assert!(net.all_serve(), "{:?}", net.states());
    assert_eq!(net.goes_by(away).len(), 4);
}

#[test]
fn without_the_setting_nothing_changes() {
    let mut net = boot(&[1, 2, 3], &[]);
    let mut off = Net::boot(3, 0);
    off.settle();
    off.connect(off.leading());
    assert_eq!(off.reconfig(off.leading(), &[], &[1]), Err(-123));
    let leader = net.leading();
    assert_eq!(net.reconfig(leader, &[], &[1, 2]), Err(-8), "one voter is too few");
}
