use super::*;
use proptest::prelude::*;
use zabra_core::wire::multi::{AnyCreate, decode_multi, decode_multi_read};

fn body(request: &Request) -> Vec<u8> {
    let Operation::Raw { op, body } = request.operation() else { panic!("a request travels raw") };
    assert_eq!(op, request.code());
    body
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Persistent),
        Just(Kind::Ephemeral),
        Just(Kind::PersistentSequential),
        Just(Kind::EphemeralSequential),
        Just(Kind::Container),
        any::<i64>().prop_map(Kind::Ttl),
        any::<i64>().prop_map(Kind::SequentialTtl),
    ]
}

fn changes() -> impl Strategy<Value = Change> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..20);
    prop_oneof![
        (bytes(), bytes(), kinds()).prop_map(|(path, data, kind)| Change::Create {
            path,
            data,
            acl: Grant::open(),
            kind
        }),
        (bytes(), any::<i32>()).prop_map(|(path, version)| Change::Delete { path, version }),
        (bytes(), bytes(), any::<i32>()).prop_map(|(path, data, version)| Change::SetData { path, data, version }),
        (bytes(), any::<i32>()).prop_map(|(path, version)| Change::Check { path, version }),
    ]
}

/// What the server reads, told as the client said it.
fn heard(part: &multi::Part<'_>) -> Change {
    match part {
        multi::Part::Create(AnyCreate { path, data, flags, ttl, .. }) => Change::Create {
            path: path.to_vec(),
            data: data.expect("data were sent").to_vec(),
            acl: Grant::open(),
            kind: match flags {
                0 => Kind::Persistent,
                1 => Kind::Ephemeral,
                2 => Kind::PersistentSequential,
                3 => Kind::EphemeralSequential,
                4 => Kind::Container,
                5 => Kind::Ttl(*ttl),
                _ => Kind::SequentialTtl(*ttl),
            },
        },
        multi::Part::Delete(DeleteRequest { path, version }) => {
            Change::Delete { path: path.to_vec(), version: *version }
        }
        multi::Part::SetData(SetDataRequest { path, data, version }) => {
            Change::SetData { path: path.to_vec(), data: data.expect("data were sent").to_vec(), version: *version }
        }
        multi::Part::Check(CheckVersionRequest { path, version }) => {
            Change::Check { path: path.to_vec(), version: *version }
        }
    }
}

proptest! {
    #[test]
    fn the_server_reads_of_a_multi_what_the_client_said(said in proptest::collection::vec(changes(), 0..6)) {
        let body = body(&Request::Multi(said.clone()));
        let read = decode_multi(&body).expect("a multi");
        prop_assert_eq!(read.iter().map(heard).collect::<Vec<_>>(), said);
    }

    #[test]
    fn the_server_reads_of_a_create_what_the_client_said(path: Vec<u8>, data: Option<Vec<u8>>, kind in kinds()) {
        let request = Request::Create { path: path.clone(), data: data.clone(), acl: Grant::open(), kind };
        let body = body(&request);
        let mut r = Reader::new(&body);
        let read = AnyCreate::decode(request.code(), &mut r).expect("a create");
        prop_assert_eq!((read.path, read.data, read.flags), (path.as_slice(), data.as_deref(), kind.flags()));
        prop_assert_eq!(r.left(), 0);
    }

    #[test]
    fn no_bytes_of_a_server_make_an_answer_panic(bytes: Vec<u8>) {
        let path = b"/a".to_vec();
        for request in [
            Request::GetAcl { path: path.clone() },
            Request::Multi(Vec::new()),
            Request::WhoAmI,
            Request::GetEphemerals { prefix: path.clone() },
            Request::AddWatch { path, recursive: true },
        ] {
            let _either = request.answer(&bytes);
        }
    }
}

#[test]
fn a_multi_read_is_read_as_it_was_said() {
    let body =
        body(&Request::MultiRead(vec![Read::Data { path: b"/a".to_vec() }, Read::Children { path: b"/b".to_vec() }]));
    let read = decode_multi_read(&body).expect("a multiRead");
    let read: Vec<_> = read.iter().map(|part| (part.op, part.path)).collect();
    assert_eq!(read, [(Op::GET_DATA, b"/a".as_slice()), (Op::GET_CHILDREN, b"/b".as_slice())]);
}

#[test]
fn an_answer_has_nothing_behind_it() {
    let removed = Request::RemoveWatches { path: b"/a".to_vec(), kind: 3 };
    assert_eq!(removed.answer(&[]), Ok(Answer::Done));
    assert!(removed.answer(&[0]).is_err());
    let watch = Request::AddWatch { path: b"/a".to_vec(), recursive: false };
    assert_eq!(watch.answer(&[0, 0, 0, 0]), Ok(Answer::Done));
    assert!(watch.answer(&[]).is_err());
}
