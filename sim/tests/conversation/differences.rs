//! Where Zabra answers differently on purpose. Each has its section in `docs/differences.md`.

use super::is_before_3_9;
use super::java::Server;
use super::script::{Opening, Shown, Step, bare, create, delete, enter, multi, request, say, sync};
use zabra_core::wire::Op;
use zabra_core::wire::records::PathRequest;

pub struct Difference {
    /// The section of `docs/differences.md`.
    pub heading: &'static str,
    pub steps: Vec<Step>,
    /// The first line in which the two servers part.
    pub zabra: &'static str,
    /// `None`: this version answers as Zabra does.
    pub apache_38: Option<&'static str>,
    pub apache_39: Option<&'static str>,
}

impl Difference {
    pub fn apache(&self, server: &Server) -> Option<&'static str> {
        if is_before_3_9(server) { self.apache_38 } else { self.apache_39 }
    }
}

pub fn all() -> Vec<Difference> {
    let mut all = sessions();
    all.extend(requests());
    all
}

/// The answer with the timeout that was asked for the second time.
const RAISED: &str = concat!(
    r"1 < session \x00\x00\x00\x00\x00\x07\xa1 \x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x10",
    r"\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x00"
);

fn sessions() -> Vec<Difference> {
    let back = |opening| [Step::Open(1), Step::Connect(1, opening)];
    let later = Opening { timeout_ms: 500_000, ..Opening::again(0) };
    let stranger = Opening { password: Shown::Wrong, ..Opening::again(0) };
    vec![
        Difference {
            heading: "A session keeps the timeout that it was created with",
            steps: enter(0).into_iter().chain([Step::Close(0)]).chain(back(later)).collect(),
            zabra: concat!(
                r"1 < session \x00\x00\x00\x00\x00\x03\r@\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x10",
                r"\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x00"
            ),
            apache_38: Some(RAISED),
            apache_39: Some(RAISED),
        },
        Difference {
            heading: "A wrong password disturbs nobody",
            steps: enter(0).into_iter().chain(back(stranger)).collect(),
            zabra: "0 < xid -2 zxid 2.1 err 0 ",
            apache_38: Some("0 Closed"),
            apache_39: Some("0 Closed"),
        },
    ]
}

fn requests() -> Vec<Difference> {
    let asked = |frames: Vec<Vec<u8>>| {
        let said = frames.into_iter().map(|frame| say(0, frame));
        enter(0).into_iter().chain(said).collect::<Vec<Step>>()
    };
    vec![
        Difference {
            heading: "A write that cannot be read takes a zxid of its own",
            steps: asked(vec![bare(1, Op::CREATE, &create(0, b"/cut", None, 0)[8..20])]),
            zabra: "0 < xid 1 zxid 2.2 err -5 ",
            apache_38: None,
            apache_39: Some("0 < xid 1 zxid 2.1 err -5 "),
        },
        Difference {
            heading: "Text goes back as it came",
            steps: asked(vec![sync(1, "/\u{1f600}".as_bytes())]),
            zabra: r"0 < xid 1 zxid 2.1 err 0 \x00\x00\x00\x05/\xf0\x9f\x98\x80",
            apache_38: Some(r"0 < xid 1 zxid 2.1 err 0 \x00\x00\x00\x07/\xed\xa0\xbd\xed\xb8\x80"),
            apache_39: Some(r"0 < xid 1 zxid 2.1 err 0 \x00\x00\x00\x07/\xed\xa0\xbd\xed\xb8\x80"),
        },
        Difference {
            heading: "Servers' operations are refused to clients",
            steps: asked(vec![
                create(1, b"/removed", None, 0),
                request(2, Op::DELETE_CONTAINER, &PathRequest { path: b"/removed" }),
            ]),
            zabra: "0 < xid 2 zxid -1.4294967295 err -6 ",
            // 3.8 takes the request's header for a part of the path, and so finds no such znode.
            apache_38: Some("0 < xid 2 zxid 2.3 err -8 "),
            apache_39: Some("0 < xid 2 zxid 2.3 err 0 "),
        },
        Difference {
            heading: "An answer with an error has no body",
            steps: asked(vec![multi(1, Op::MULTI_READ, vec![delete(0, b"/none", -1)])]),
            zabra: "0 < xid 1 zxid 2.1 err -5 ",
            apache_38: Some(r"0 < xid 1 zxid 2.1 err -5 \xff\xff\xff\xff\x01\xff\xff\xff\xff"),
            apache_39: Some(r"0 < xid 1 zxid 2.1 err -5 \xff\xff\xff\xff\x01\xff\xff\xff\xff"),
        },
        Difference {
            heading: "check stands in a multi only",
            steps: asked(vec![bare(1, Op::CHECK, &delete(0, b"/", -1)[8..])]),
            zabra: "0 < xid 1 zxid -1.4294967295 err -6 ",
            apache_38: Some("0 Silence"),
            apache_39: None,
        },
    ]
}
