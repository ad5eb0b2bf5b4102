//! A server that has lost its quorum answers reads, and a quorum ends that.

use super::*;
use zabra_core::contract::DropReason;
use zabra_core::wire::Code;
use zabra_core::wire::records::ConnectResponse;

const ALONE: ServerId = ServerId(1);

fn connect(net: &mut Net, client: ClientId, allows: bool) {
    let mut frame = [0i32.to_bytes(), 0i64.to_bytes(), 9_000i32.to_bytes(), 0i64.to_bytes()].concat();
    (&[0u8; 16][..]).encode(&mut frame);
    allows.encode(&mut frame);
    let from = ClientOrigin { address: IpAddr::V4(Ipv4Addr::LOCALHOST), subject: None };
    net.inputs.push_back((ALONE, Input::ClientOpened { client, from }));
    net.inputs.push_back((ALONE, Input::ClientFrame { client, frame: frame.leak() }));
}

/// Until nothing is in flight. A server alone says its vote again and again: its timers do not fire.
fn run(net: &mut Net) {
    while let Some((server, input)) = net.inputs.pop_front() {
        net.step(server, input);
    }
}

/// Server 1 of three is left alone, after a write that all have applied.
fn alone() -> Net {
    let mut net = Net { read_only: true, ..Net::empty() };
    (1..=3).for_each(|id| net.start(id, &ensemble(3, 0), Epoch::ZERO));
    net.settle();
    net.connect_everywhere();
    net.request(1, 1, Op::CREATE, &create(b"/n", 0));
    net.settle();
    net.inputs.push_back((ALONE, Input::ClientClosed { client: CLIENT }));
    net.lose(ServerId(3));
    net.lose(ServerId(2));
    run(&mut net);
    net.sent.clear();
    net.shapes.clear();
    net
}

fn opened(net: &Net) -> Vec<Option<bool>> {
    let flag = |frame: &Vec<u8>| ConnectResponse::from_bytes(frame).ok()?.read_only;
    net.sent.iter().map(|(_, _, frame)| flag(frame)).collect()
}

#[test]
fn without_a_quorum_reads_are_answered_to_those_who_allow_for_it() {
    let mut net = alone();
    connect(&mut net, CLIENT, true);
    connect(&mut net, ClientId(1), false);
    run(&mut net);
    assert_eq!(net.sent, [], "an election may still end soon");
    assert!(net.timers.remove(&(ALONE, Timer::ReadOnly)));
    net.step(ALONE, Input::Fired { timer: Timer::ReadOnly });
    assert_eq!(opened(&net), [Some(true)]);
    net.sent.clear();
    let before = trees(&net);
    net.request(1, 1, Op::GET_DATA, &ReadRequest { path: b"/n", watch: false });
    net.request(1, 2, Op::CREATE, &create(b"/other", 0));
    run(&mut net);
    assert_eq!(net.answers(1), [(1, 0), (2, Code::NotReadOnly.to_wire())]);
    assert_eq!(trees(&net), before);
    let view = net.replicas[&ALONE].view();
    assert!(view.read_only() && !view.serving());
    assert!(!net.shapes.iter().any(|(_, shape)| shape.starts_with("Append")), "nothing that it does is logged");
}

#[test]
fn a_quorum_ends_it_and_who_comes_back_is_served_by_the_ensemble() {
    let mut net = alone();
    net.step(ALONE, Input::Fired { timer: Timer::ReadOnly });
    connect(&mut net, CLIENT, true);
    connect(&mut net, ClientId(1), false);
    run(&mut net);
    assert_eq!(opened(&net), [Some(true)]);
    net.sent.clear();
    net.start(2, &ensemble(3, 0), Epoch::ZERO);
    net.settle();
    assert!(net.all_serve() && !net.replicas[&ALONE].view().read_only());
    let over = format!("{:?}", Action::Drop { client: CLIENT, reason: DropReason::ReadOnlyEnded });
    assert!(net.shapes.contains(&(ALONE, over)));
    assert_eq!(opened(&net), [Some(false)], "who waited for a leader has one");
    assert!(!net.timers.contains(&(ALONE, Timer::ReadOnly)));
    net.step(ALONE, Input::Fired { timer: Timer::ReadOnly });
    assert!(net.all_serve() && !net.replicas[&ALONE].view().read_only(), "a timer that fires late");
    net.sent.clear();
    connect(&mut net, CLIENT, true);
    net.request(1, 1, Op::CREATE, &create(b"/other", 0));
    net.settle();
    assert_eq!(opened(&net)[0], Some(false));
    assert_eq!(net.answers(1).last(), Some(&(1, 0)));
}
