//! Tests of the tables, alone and against a list of watches.

use super::*;

use proptest::prelude::*;

const A: ClientId = ClientId(1);
const B: ClientId = ClientId(2);

#[test]
fn a_deletion_concerns_both_tables_and_each_connection_once() {
    let mut watches = Watches::default();
    watches.add(Kind::Data, b"/a", A, Mode::OneShot);
    watches.add(Kind::Child, b"/a", A, Mode::OneShot);
    watches.add(Kind::Child, b"/a", B, Mode::OneShot);
    assert_eq!(watches.fire(EventKind::NodeDeleted, b"/a"), [A, B]);
    assert_eq!(watches, Watches::default());
}

#[test]
fn each_change_concerns_its_own_table() {
    let mut watches = Watches::default();
    watches.add(Kind::Data, b"/a", A, Mode::OneShot);
    watches.add(Kind::Child, b"/a", B, Mode::OneShot);
    assert_eq!(watches.fire(EventKind::NodeDataChanged, b"/b"), []);
    assert_eq!(watches.fire(EventKind::NodeDataChanged, b"/a"), [A]);
    assert_eq!(watches.fire(EventKind::NodeDataChanged, b"/a"), [], "a one-shot watch fires once");
    assert_eq!(watches.fire(EventKind::NodeChildrenChanged, b"/a"), [B]);
    assert_eq!(watches.len(), 0);
}

#[test]
fn a_persistent_watch_hears_everything_of_its_path_and_a_recursive_one_of_what_is_below() {
    let mut watches = Watches::default();
    watches.add_lasting(b"/a", A, Mode::Persistent);
    watches.add_lasting(b"/a", B, Mode::Recursive);
    for _ in 0..2 {
        assert_eq!(watches.fire(EventKind::NodeDataChanged, b"/a"), [A, B]);
        assert_eq!(
            watches.fire(EventKind::NodeChildrenChanged, b"/a"),
            [A],
            "a recursive one hears of the child itself"
        );
        assert_eq!(watches.fire(EventKind::NodeCreated, b"/a/b/c"), [B]);
        assert_eq!(watches.fire(EventKind::NodeDeleted, b"/ab"), []);
    }
    assert!(watches.contains(b"/a", A, Selection::Persistent));
    assert!(!watches.contains(b"/a", A, Selection::Data));
    assert!(!watches.remove(b"/a", B, Selection::Persistent));
    assert!(watches.remove(b"/a", B, Selection::Recursive));
    assert!(watches.remove(b"/a", A, Selection::Any));
    assert_eq!(watches, Watches::default());
}

#[test]
fn a_recursive_watch_at_the_root_hears_of_all() {
    let mut watches = Watches::default();
    watches.add_lasting(b"/", A, Mode::Recursive);
    assert_eq!(watches.fire(EventKind::NodeCreated, b"/a/b"), [A]);
    assert_eq!(watches.fire(EventKind::NodeDataChanged, b"/"), [A]);
}

/// A watch of the model: table, path, connection, mode.
type Entry = (Kind, &'static [u8], ClientId, Mode);

#[derive(Clone, Default)]
struct Model(Vec<Entry>);

impl Model {
    fn add(&mut self, entry: Entry) {
        if !self.0.contains(&entry) {
            self.0.push(entry);
        }
    }

    fn fire(&mut self, kind: EventKind, path: &[u8]) -> Vec<ClientId> {
        let tables: &[Kind] = match kind {
            EventKind::NodeCreated | EventKind::NodeDataChanged => &[Kind::Data],
            EventKind::NodeChildrenChanged => &[Kind::Child],
            EventKind::NodeDeleted => &[Kind::Data, Kind::Child],
        };
        let hears = |(table, at, _, mode): &Entry| {
            let is_below = path.strip_prefix(*at).is_some_and(|rest| *at == b"/" || rest.starts_with(b"/"));
            tables.contains(table) && (path == *at || *mode == Mode::Recursive && is_below)
        };
        let mut fired: Vec<ClientId> = self.0.iter().filter(|entry| hears(entry)).map(|entry| entry.2).collect();
        self.0.retain(|entry| entry.3 != Mode::OneShot || !hears(entry));
        fired.sort_unstable();
        fired.dedup();
        fired
    }

    fn remove(&mut self, path: &[u8], client: ClientId, selection: Selection) -> bool {
        let before = self.0.len();
        let meant = |(kind, at, who, mode): &Entry| {
            let way = match selection {
                Selection::Children => *kind == Kind::Child && *mode == Mode::OneShot,
                Selection::Data => *kind == Kind::Data && *mode == Mode::OneShot,
                Selection::Any => true,
                Selection::Persistent => *mode == Mode::Persistent,
                Selection::Recursive => *mode == Mode::Recursive,
            };
            *at == path && *who == client && way
        };
        self.0.retain(|entry| !meant(entry));
        self.0.len() < before
    }
}

const PATHS: [&[u8]; 5] = [b"/", b"/a", b"/a/b", b"/a/b/c", b"/ab"];

proptest! {
    #[test]
    fn the_tables_say_what_a_list_of_watches_says(
        steps in proptest::collection::vec((0..6u8, 0..5usize, 0..3u32, 0..5usize), 0..60),
    ) {
        let (mut watches, mut model) = (Watches::default(), Model::default());
        for (what, path, client, which) in steps {
            let (path, client) = (PATHS[path], ClientId(client));
            let selection = Selection::from_wire(which as i32 + 1).expect("1 to 5");
            match what {
                0 | 1 => {
                    let kind = if what == 0 { Kind::Data } else { Kind::Child };
                    watches.add(kind, path, client, Mode::OneShot);
                    model.add((kind, path, client, Mode::OneShot));
                }
                2 => {
                    let mode = if which < 3 { Mode::Persistent } else { Mode::Recursive };
                    watches.add_lasting(path, client, mode);
                    model.add((Kind::Data, path, client, mode));
                    if mode == Mode::Persistent {
                        model.add((Kind::Child, path, client, mode));
                    }
                }
                3 => {
                    let kinds = [
                        EventKind::NodeCreated, EventKind::NodeDeleted, EventKind::NodeDataChanged, EventKind::NodeChildrenChanged,
                    ];
                    let kind = kinds[which % 4];
                    prop_assert_eq!(watches.fire(kind, path), model.fire(kind, path));
                }
                4 => {
                    let mut gone = model.clone();
                    prop_assert_eq!(watches.contains(path, client, selection), gone.remove(path, client, selection));
                    prop_assert_eq!(watches.remove(path, client, selection), model.remove(path, client, selection));
                }
                _ => {
                    watches.forget(client);
                    model.0.retain(|entry| entry.2 != client);
                }
            }
            let mut pairs = model.0.iter().map(|e| (e.0, e.1, e.2)).collect::<Vec<_>>();
            pairs.sort_unstable();
            pairs.dedup();
            prop_assert_eq!(watches.len(), pairs.len());
        }
        for client in 0..3 {
            watches.forget(ClientId(client));
        }
        prop_assert_eq!(watches, Watches::default());
    }
}
