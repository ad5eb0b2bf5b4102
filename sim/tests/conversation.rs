//! Zabra's service answers like Apache's server: the same frames go to both, and every reply, watch
//! event and end of a connection is compared, byte for byte but for what `conversation/mask.rs` masks.
//!
//! Apache's server runs standalone on a port of its own; Zabra's core is stepped in this process as
//! an ensemble of one. Where Apache's answer is a fault of its own, Zabra differs on purpose:
//! `docs/differences.md` lists those cases and `conversation/differences.rs` pins both answers. Without Java or a server the test says so and
//! compares nothing.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "Apache's server is started and spoken to over TCP, outside any simulated run"
)]

#[path = "conversation/access.rs"]
mod access;
#[path = "conversation/apache.rs"]
mod apache;
#[path = "conversation/differences.rs"]
mod differences;
#[path = "storage/java.rs"]
#[expect(dead_code, reason = "the tools and data directories serve the comparison of files")]
mod java;
#[path = "conversation/lasting.rs"]
mod lasting;
#[path = "conversation/mask.rs"]
mod mask;
#[path = "conversation/multi.rs"]
mod multi;
#[path = "conversation/opening.rs"]
mod opening;
#[path = "conversation/play.rs"]
mod play;
#[path = "conversation/random.rs"]
mod random;
#[path = "conversation/reading.rs"]
mod reading;
#[path = "conversation/script.rs"]
mod script;
#[path = "conversation/writing.rs"]
mod writing;
#[path = "conversation/zabra.rs"]
mod zabra;

use apache::Apache;
use differences::Difference;
use java::{DataDirectory, Java, TICK_MS};
use mask::Events;
use play::Player;
use random::Reach;
use script::Step;
use zabra::Zabra;
use zabra_core::log::{StorageAction, Store, StoreLimits};
use zabra_sim::disk::SectorDisk;

/// What arrives at a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// A frame, without its length.
    Frame(Vec<u8>),
    Closed,
    Silence,
}

/// A server with connections that the test numbers.
pub trait Server {
    fn open(&mut self, connection: usize);
    fn send(&mut self, connection: usize, bytes: &[u8]);
    fn receive(&mut self, connection: usize) -> Got;
    fn close(&mut self, connection: usize);
}

/// A script with a name.
#[derive(Clone, Debug)]
pub struct Conversation {
    pub name: String,
    pub steps: Vec<Step>,
}

impl Conversation {
    pub fn new(name: &str, steps: impl IntoIterator<Item = Step>) -> Conversation {
        Conversation { name: name.to_string(), steps: steps.into_iter().collect() }
    }
}

/// Both servers, hearing the same.
struct Pair {
    zabra: Player<Zabra>,
    apache: Player<Apache>,
}

impl Pair {
    fn new(server: &java::Server) -> Pair {
        let events = if is_before_3_9(server) { Events::Without } else { Events::WithZxid };
        let (zabra, apache) = (Zabra::start(TICK_MS), Apache::at(server.port));
        Pair { zabra: Player::new(zabra, events), apache: Player::new(apache, events) }
    }

    /// Holds a conversation with both; returns where they part, if they do: both from there on, and
    /// what was said before.
    fn hold(&mut self, conversation: &Conversation) -> Option<Parted> {
        let (ours, theirs) = (self.zabra.play(&conversation.steps), self.apache.play(&conversation.steps));
        let same = ours.iter().zip(&theirs).take_while(|(ours, theirs)| ours == theirs).count();
        if same == ours.len() && same == theirs.len() {
            return None;
        }
        let rest = |lines: &[String]| lines[same..].iter().take(6).cloned().collect();
        Some(Parted {
            name: conversation.name.clone(),
            before: ours[same.saturating_sub(4)..same].to_vec(),
            zabra: rest(&ours),
            apache: rest(&theirs),
        })
    }
}

/// Where two servers answer differently.
struct Parted {
    name: String,
    before: Vec<String>,
    zabra: Vec<String>,
    apache: Vec<String>,
}

impl std::fmt::Display for Parted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Parted { name, before, zabra, apache } = self;
        write!(f, "{name}:\n  {}\n  Zabra:\n    {}", before.join("\n  "), zabra.join("\n    "))?;
        write!(f, "\n  Apache:\n    {}", apache.join("\n    "))
    }
}

/// 3.8 tells no zxid with its events, and differs in a few other answers.
fn is_before_3_9(server: &java::Server) -> bool {
    server.report().expect("the server serves").contains("version: 3.8.")
}

/// What 3.8 answers otherwise: a multi's create2 without its stat, exists without a look at the list,
/// no newer kinds of watches to look for.
const SINCE_3_9: [&str; 3] =
    ["multi of everything", "a znode that one client may use", "watches looked for and taken away"];

fn compare(conversations: impl Fn(Reach) -> Vec<Conversation>) {
    for java in Java::all() {
        let data = DataDirectory::empty();
        let server = java.serve(&data);
        let mut pair = Pair::new(&server);
        let conversations = conversations(if is_before_3_9(&server) { Reach::Before39 } else { Reach::Everything });
        let parted = conversations.iter().filter_map(|told| pair.hold(told)).map(|p| p.to_string());
        let parted: Vec<String> = parted.collect();
        assert!(parted.is_empty(), "{} parts from Zabra in\n{}", java.from, parted.join("\n"));
        eprintln!("{}: {} conversations, no difference", java.from, conversations.len());
    }
}

#[test]
fn zabra_answers_written_conversations_like_apache() {
    let told = [opening::all(), writing::all(), reading::all(), multi::all(), access::all(), lasting::all()];
    let told = told.concat();
    compare(|reach| {
        let is_compared = |told: &&Conversation| reach == Reach::Everything || !SINCE_3_9.contains(&told.name.as_str());
        told.iter().filter(is_compared).cloned().collect()
    });
}

/// `ZABRA_CONVERSATIONS` says how many.
#[test]
fn zabra_answers_drawn_conversations_like_apache() {
    let many = std::env::var("ZABRA_CONVERSATIONS").ok().and_then(|many| many.parse().ok()).unwrap_or(60);
    compare(|reach| random::draw(many, 30, reach));
}

/// Every kind of transaction, as Zabra's leader logs it, is read and applied by Apache's server: the
/// digest that stands behind each is the one that it counts.
#[test]
fn apache_opens_the_log_of_these_conversations() {
    let told = [writing::all(), multi::all(), access::all(), lasting::all(), random::draw(20, 30, Reach::Everything)];
    let mut player = Player::new(Zabra::start(TICK_MS), Events::WithZxid);
    for conversation in told.concat() {
        player.play(&conversation.steps);
    }
    let zabra = player.into_server();
    let mut disk = SectorDisk::new();
    disk.put("initialize", b"");
    let (mut store, _) = Store::open(disk, StoreLimits::default()).map_err(|(_, error)| error).expect("an empty disk");
    for record in &zabra.log {
        store.perform(&StorageAction::Append(record.clone())).expect("a disk that works");
    }
    store.perform(&StorageAction::Sync).expect("a disk that works");
    let disk = store.into_vfs();
    for java in Java::all() {
        let server = java.serve(&DataDirectory::of(disk.files()));
        if is_before_3_9(&server) {
            // It does not know create2 inside of a multi, which 3.9 logs.
            continue;
        }
        let (report, counters) = (server.report().expect("it serves"), server.answer("mntr").expect("it serves"));
        // Java counts the root twice: as "" and as "/".
        let count = format!("Node count: {}", zabra.database().tree().len() + 1);
        assert!(report.contains(&count), "{}: not {count}: {report}", java.from);
        assert!(report.contains(&format!("Zxid: {:#x}", zabra.database().zxid().0)), "{}: {report}", java.from);
        assert!(counters.contains("zk_digest_mismatches_count\t0\n"), "{}: {counters}", java.from);
        eprintln!("{}: {} transactions, every digest as it stands there", java.from, zabra.log.len());
    }
}

#[test]
fn zabra_differs_from_apache_only_as_it_is_written_down() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/differences.md"));
    let page = page.expect("the page of differences");
    let differences = differences::all();
    for Difference { heading, .. } in &differences {
        assert!(page.contains(&format!("\n## {heading}\n")), "docs/differences.md has no section: {heading}");
    }
    for java in Java::all() {
        let data = DataDirectory::empty();
        let server = java.serve(&data);
        let mut wrong = Vec::new();
        for difference in &differences {
            let Difference { heading, steps, zabra, .. } = difference;
            // One difference must not show in the next: sessions and zxids part.
            let parted = Pair::new(&server).hold(&Conversation::new(heading, steps.clone()));
            let found = parted.as_ref().map(|parted| (parted.zabra[0].as_str(), parted.apache[0].as_str()));
            if found != difference.apache(&server).map(|apache| (*zabra, apache)) {
                let found = parted.map_or("no difference".to_string(), |parted| parted.to_string());
                wrong.push(format!("{heading}: {found}"));
            }
        }
        assert!(wrong.is_empty(), "{}: {}", java.from, wrong.join("\n"));
        eprintln!("{}: {} differences, as written down", java.from, differences.len());
    }
}
