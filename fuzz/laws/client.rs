//! The session of a client to which a server says anything: it does not panic, and no operation that was submitted is
//! completed twice.
use std::collections::BTreeSet;
use std::sync::Arc;
use zabra_client::{Config, CreateMode, Handle, Input, Operation, Output, Session};

/// A ConnectResponse of session 1 with a timeout of nine seconds: without it little of the input is looked at.
const WELCOME: [u8; 41] = {
    let mut frame = [0; 41];
    frame[3] = 37;
    (frame[10], frame[11]) = (0x23, 0x28);
    frame[19] = 1;
    frame[23] = 16;
    frame
};

pub fn holds(bytes: &[u8]) {
    let (&[is_welcome, piece, ref bytes @ ..], true) = (bytes, bytes.len() > 2) else { return };
    let mut session = Session::new(Arc::new(Config::new(vec![1, 2], 9_000)));
    let (mut out, mut completed, mut submitted) = (Vec::new(), BTreeSet::new(), 0);
    session.step(Input::Start, &mut out);
    for piece in bytes.chunks(usize::from(piece).max(1)) {
        for output in std::mem::take(&mut out) {
            match output {
                Output::Connect { .. } => {
                    session.step(Input::Connected, &mut out);
                    if is_welcome & 1 == 1 {
                        session.step(Input::Received(&WELCOME), &mut out);
                    }
                }
                Output::Completed { handle, .. } => assert!(completed.insert(handle), "an operation ends once"),
                Output::Arm { timer, .. } if is_welcome & 2 == 2 => session.step(Input::Fired(timer), &mut out),
                _ => {}
            }
        }
        submitted += 1;
        let operation = Operation::create("/a", b"x", CreateMode::Persistent);
        session.step(Input::Submit { handle: Handle(submitted), operation }, &mut out);
        session.step(Input::Received(piece), &mut out);
        if session.is_over() {
            session.step(Input::Start, &mut out);
        }
    }
}
