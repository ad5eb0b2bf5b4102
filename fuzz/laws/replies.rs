//! What a client reads of a successful reply, of each kind of request; and a connect string.
use zabra_client::request::{Kind, Request};
use zabra_client::{CreateMode, Operation, Target};

pub fn holds(bytes: &[u8]) {
    let path = || b"/a".to_vec();
    for request in [
        Request::Create { path: path(), data: None, acl: Vec::new(), kind: Kind::Persistent },
        Request::GetAcl { path: path() },
        Request::SetAcl { path: path(), acl: Vec::new(), version: 1 },
        Request::Auth { scheme: Vec::new(), auth: Vec::new() },
        Request::Multi(Vec::new()),
        Request::MultiRead(Vec::new()),
        Request::AddWatch { path: path(), recursive: true },
        Request::RemoveWatches { path: path(), kind: 1 },
        Request::GetEphemerals { prefix: path() },
        Request::GetAllChildrenNumber { path: path() },
        Request::WhoAmI,
        Request::Reconfig { joining: None, leaving: None, members: None, config: 1 },
    ] {
        drop(request.answer(bytes));
    }
    for operation in [
        Operation::create("/a", b"", CreateMode::Persistent),
        Operation::Sync { path: path() },
        Operation::Exists { path: path(), watch: false },
        Operation::GetData { path: path(), watch: false },
        Operation::GetChildren { path: path(), watch: false },
        Operation::GetChildren2 { path: path(), watch: false },
        Operation::Delete { path: path(), version: 1 },
        Operation::Close,
    ] {
        drop(operation.decode_reply(bytes));
    }
    if let Ok(Ok(target)) = std::str::from_utf8(bytes).map(Target::parse) {
        assert!(!target.servers.is_empty());
    }
}
