//! `zabra serve`: the shell on a real runtime, a real disk and real signals. The stack test gives it
//! simulated ones instead.

use crate::config::Settings;
use crate::exit::Exit;
use crate::files::Directory;
use crate::shell;
use crate::storage::StorageThread;
use std::io;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use zabra_core::log::{Recovered, Store};

/// Runs a server to its end.
pub fn serve(settings: Settings) -> Exit {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the runtime cannot be built");
            return Exit::Unexpected;
        }
    };
    runtime.block_on(run(settings)).unwrap_or_else(|exit| exit)
}

async fn run(mut settings: Settings) -> Result<Exit, Exit> {
    let (terminate, interrupt) = signals().map_err(|error| {
        tracing::error!(%error, "signals cannot be heard");
        Exit::Unexpected
    })?;
    if let Some(sasl) = &mut settings.access.sasl {
        getrandom::fill(&mut Arc::make_mut(sasl).secret).map_err(|error| {
            tracing::error!(%error, "the system gives no random bytes for the challenges of SASL");
            Exit::Unexpected
        })?;
    }
    // A thousand clients are no reason to have no file left for the log.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the number of open files stays as it is");
    }
    let (store, recovered) = open(&settings)?;
    let (disk, done) = StorageThread::start(settings.me, store, settings.purge);
    Ok(shell::run(settings, recovered, Box::new(disk), done, asked_to_end(terminate, interrupt)).await)
}

fn signals() -> io::Result<(Signal, Signal)> {
    Ok((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
}

async fn asked_to_end(mut terminate: Signal, mut interrupt: Signal) -> &'static str {
    tokio::select! {
        biased;
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

/// Recovers what the disk holds.
fn open(settings: &Settings) -> Result<(Store<Directory>, Recovered), Exit> {
    let directory = Directory::open(&settings.data_dir, &settings.log_dir, settings.autocreate).map_err(|error| {
        tracing::error!("{error}");
        Exit::DataDir
    })?;
    let (store, recovered) = Store::open(directory, settings.store()).map_err(|(_, error)| {
        tracing::error!(dir = %settings.data_dir.display(), "{error}");
        Exit::DataDir
    })?;
    for note in store.notes() {
        tracing::warn!(?note, "recovery");
    }
    tracing::info!(
        dir = %settings.data_dir.display(),
        zxid = %recovered.history_end(),
        snapshot = %recovered.image.zxid(),
        znodes = recovered.image.tree().len(),
        records = recovered.log.len(),
        "recovered"
    );
    Ok((store, recovered))
}
