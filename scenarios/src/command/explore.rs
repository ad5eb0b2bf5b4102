//! `zabra-lab explore`: a model in the browser, move by move, by stateright's Explorer.
//!
//! The page is stateright's; the words of states and moves are the checker's. Nothing is searched
//! unless somebody asks the page for it. Ctrl-C is how it ends, so it ends well.

use super::Failed;
use super::check::{bounds, words};
use crate::cli::Explore;
use crate::engine;
use crate::pool::{self, Panicked};
use crate::voice::Voice;
use serde_json::json;
use stateright::Model;
use std::net::SocketAddr;
#[expect(clippy::disallowed_types, reason = "the Explorer is a page: here alone the lab listens")]
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;
use zabra_checker::{Plain, Shown};
use zabra_reports::exit::Exit;
use zabra_sim::rules::RuleSet;

const LOOK: Duration = Duration::from_millis(20);

pub fn explore(args: &Explore, voice: &Voice) -> Result<Exit, Failed> {
    let rules: RuleSet = args.without.without.iter().map(|name| engine::rule(name)).collect::<Result<_, _>>()?;
    let bound = bounds(Some(&args.model), args.preset, &args.bound)?.remove(0);
    let interrupted = pool::interrupted();
    let address = free(SocketAddr::from(([127, 0, 0, 1], args.port)))?;
    let model = Shown::new(&Plain::new(bound, rules));
    let page = spawn(move || pool::guarded(|| drop(model.checker().serve(address))));
    let page = listening(page, address)?;
    let url = format!("http://{address}/");
    voice.tell(&format!("{} {}\n{url}", bound.kind.name(), words(&bound)));
    voice.document(&json!({ "schema": "zabra-explore/1", "model": bound.kind.name(), "url": url }).to_string());
    voice.say("Ctrl-C ends it");
    while !interrupted.load(Ordering::Relaxed) {
        if page.is_finished() {
            return Err(ended(page));
        }
        sleep(LOOK);
    }
    Ok(Exit::Pass)
}

/// The address, if nobody listens there: the Explorer itself would panic.
#[expect(clippy::disallowed_types, reason = "see its import")]
fn free(address: SocketAddr) -> Result<SocketAddr, Failed> {
    let taken =
        |error| Failed::tool(format!("cannot listen on {address}: {error} (--port gives another, 0 a free one)"));
    TcpListener::bind(address).and_then(|listener| listener.local_addr()).map_err(taken)
}

type Page = JoinHandle<Result<(), Panicked>>;

/// Waits until the page answers.
#[expect(clippy::disallowed_types, reason = "see its import")]
fn listening(page: Page, address: SocketAddr) -> Result<Page, Failed> {
    while TcpStream::connect(address).is_err() {
        if page.is_finished() {
            return Err(ended(page));
        }
        sleep(LOOK);
    }
    Ok(page)
}

/// The page ends only by a panic of its own.
fn ended(page: Page) -> Failed {
    let why = match page.join() {
        Ok(Err(panicked)) => panicked.message,
        Ok(Ok(())) | Err(_) => "it ended by itself".to_owned(),
    };
    Failed::tool(format!("the page does not stand: {why}"))
}
