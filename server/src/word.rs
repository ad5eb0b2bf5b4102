//! `zabra word`: one four-letter word, and what is answered. For scripts on machines without `nc`.

use crate::console::{complain, say};
use crate::exit::Exit;
use clap::Args;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zabra_client::Target;

#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// Where the server is.
    #[arg(long, short, default_value = "127.0.0.1:2181")]
    server: String,
    /// How long the answer is waited for, in milliseconds.
    #[arg(long, short, default_value_t = 3000)]
    timeout: u32,
    /// The word, as srvr or ruok; the server's 4lw.commands.whitelist has to name it.
    word: String,
}

/// Asks, and writes the answer; 1 where none comes.
pub fn run(arguments: &Arguments) -> Exit {
    let (server, word) = match (Target::parse(&arguments.server), &arguments.word) {
        (Ok(Target { mut servers, .. }), word) if word.len() == 4 => (servers.swap_remove(0), word),
        (Ok(_), word) => return wrong(format!("expected a word of four letters, found {word:?}")),
        (Err(why), _) => return wrong(format!("--server: {why}")),
    };
    let ask = async {
        let mut stream = TcpStream::connect((server.host.as_str(), server.port)).await?;
        stream.write_all(word.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.map(|_| answer)
    };
    let asked = tokio::runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
        let patience = Duration::from_millis(arguments.timeout.into());
        runtime.block_on(async { tokio::time::timeout(patience, ask).await.map_err(std::io::Error::from)? })
    });
    match asked {
        Ok(answer) if answer.is_empty() => {
            complain(format_args!("{}: no answer to {word}", arguments.server));
            Exit::Unexpected
        }
        Ok(answer) => say(String::from_utf8_lossy(&answer).trim_end()).err().unwrap_or(Exit::Finished),
        Err(error) => {
            complain(format_args!("{}: {error}", arguments.server));
            Exit::Unexpected
        }
    }
}

fn wrong(what: String) -> Exit {
    complain(what);
    Exit::Invocation
}
