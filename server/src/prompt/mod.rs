//! `zabra shell`: the verbs of `zkCli.sh`, for people, for scripts and for one command.
//!
//! The session is `zabra_client`'s: it comes back to other servers, tells them who it is, and arms its
//! watches again. A command that a server refuses ends the shell with 1, one that makes no sense with 2;
//! of a script, the worst counts.

mod base64;
mod input;
mod link;
mod print;
mod quota;
mod verbs;
mod words;

use crate::console::{complain, say};
use crate::exit::Exit;
use crate::tls::TlsArguments;
use clap::Args;
use input::Input;
use link::{Link, Telling};
use print::Said;
use serde_json::json;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use words::{Command, VERBS};
use zabra_client::{Target, Transport};

#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// Where the servers are, and the path under which the shell lives: host:port,host:port/path.
    #[arg(long, short, default_value = "127.0.0.1:2181")]
    server: String,
    /// The session timeout asked for, and how long an answer is waited for, in milliseconds.
    #[arg(long, short, default_value_t = 30_000)]
    timeout: u32,
    /// Takes a server that only reads, where no other is reached.
    #[arg(long, short)]
    readonly: bool,
    #[command(flatten)]
    tls: TlsArguments,
    /// Prints one JSON object per command.
    #[arg(long)]
    json: bool,
    /// One command; without it, lines are read.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// Why a command did not do what it should.
#[derive(Debug)]
struct Failure {
    message: String,
    exit: Exit,
}

type Outcome<T> = Result<T, Failure>;

impl Failure {
    fn invocation(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), exit: Exit::Invocation }
    }

    fn refused(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), exit: Exit::Unexpected }
    }

    fn is_no_node(&self) -> bool {
        self.message.starts_with("Node does not exist")
    }
}

/// The options with a value behind them.
const VALUED: [&str; 8] =
    ["--server", "--timeout", "-s", "-t", "--tls-ca", "--tls-cert", "--tls-key", "--client-configuration"];

/// `zkCli.sh`'s options have one dash: before the command, `-server` is `--server`.
pub fn as_zkcli(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    if arguments.get(1).is_some_and(|verb| verb == "shell") {
        let mut at = 2;
        while let Some(option) = arguments.get_mut(at).filter(|word| word.as_encoded_bytes().starts_with(b"-")) {
            if ["-server", "-timeout", "-client-configuration"].iter().any(|known| *option == **known) {
                *option = [OsStr::new("-"), option.as_os_str()].into_iter().collect();
            }
            let has_value = VALUED.iter().any(|known| *option == **known);
            at += 1 + usize::from(has_value);
        }
    }
    arguments
}

/// Reads a line as the shell does, and what its verbs read of their words. For fuzzing.
#[doc(hidden)]
pub fn examine(line: &str) {
    let words = words::split(line);
    if let Ok(command) = Command::parse(&words) {
        drop((command.path().map(str::len), command.version()));
    }
    for word in &words {
        if let Some(bytes) = base64::decode(word) {
            assert_eq!(base64::decode(&base64::encode(&bytes)), Some(bytes));
        }
        drop(Target::parse(word));
        quota::examine(word);
        drop(print::acl(word));
    }
    let arguments = ["zabra", "shell"].into_iter().map(OsString::from);
    drop(as_zkcli(arguments.chain(words.iter().map(OsString::from))));
}

/// Runs the shell.
pub fn run(arguments: &Arguments) -> Exit {
    let target = match Target::parse(&arguments.server) {
        Ok(target) => target,
        Err(wrong) => {
            complain(format_args!("--server: {wrong}"));
            return Exit::Invocation;
        }
    };
    let transport = match arguments.tls.transport() {
        Ok(transport) => transport,
        Err(wrong) => {
            complain(wrong);
            return Exit::Invocation;
        }
    };
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(async { Shell::new(arguments, transport, &target).run().await }),
        Err(error) => {
            complain(format_args!("no runtime: {error}"));
            Exit::Unexpected
        }
    }
}

struct Shell<'a> {
    arguments: &'a Arguments,
    transport: Transport,
    telling: Telling,
    link: Link,
    history: Vec<String>,
}

impl<'a> Shell<'a> {
    fn new(arguments: &'a Arguments, transport: Transport, target: &Target) -> Shell<'a> {
        let sessions = arguments.command.is_empty() && std::io::stdin().is_terminal();
        let telling = Telling { json: arguments.json, sessions, watches: Arc::new(AtomicBool::new(true)) };
        let link = Link::open(target, transport.clone(), arguments, telling.clone());
        Shell { arguments, transport, telling, link, history: Vec::new() }
    }

    async fn run(mut self) -> Exit {
        let worst = if self.arguments.command.is_empty() {
            self.lines().await
        } else {
            self.obey(&self.arguments.command.clone()).await.unwrap_or_else(|exit| exit)
        };
        // What the session's own end changes is no news.
        self.telling.watches.store(false, Ordering::Relaxed);
        self.link.close().await;
        worst
    }

    /// Obeys line after line, until there is none, or nobody who reads the answers.
    async fn lines(&mut self) -> Exit {
        let mut worst = Exit::Finished;
        let mut input = Input::new();
        loop {
            let prompt = format!("[zk: {} {}] ", self.arguments.server, self.history.len());
            let line = match input.next(&prompt, self.link.names()).await {
                Ok(Some(line)) => line,
                Ok(None) => return worst,
                Err(failure) => return worst.max(self.fail(&failure).unwrap_or_else(|exit| exit)),
            };
            let words = words::split(&line);
            let Some(first) = words.first() else { continue };
            if first == "quit" || first == "exit" {
                return worst;
            }
            if first.starts_with('#') {
                continue;
            }
            let obeyed = match self.again(&words) {
                Ok(again) => {
                    let line = again.unwrap_or(line);
                    let words = words::split(&line);
                    self.history.push(line);
                    self.obey(&words).await
                }
                Err(wrong) => self.fail(&wrong),
            };
            match obeyed {
                Ok(exit) => worst = worst.max(exit),
                Err(exit) => return worst.max(exit),
            }
        }
    }

    /// How it went; the error is that no more can be said.
    async fn obey(&mut self, words: &[String]) -> Result<Exit, Exit> {
        let said = match Command::parse(words) {
            Ok(command) => self.perform(&command).await,
            Err(failure) => Err(failure),
        };
        self.tell(said)
    }

    /// The line that `redo` names; none, if it is another verb.
    fn again(&self, words: &[String]) -> Outcome<Option<String>> {
        if words.first().is_none_or(|verb| verb != "redo") {
            return Ok(None);
        }
        let Some(number) = words.get(1) else { return Err(Failure::invocation("redo cmdno")) };
        let line = number.parse::<usize>().ok().and_then(|number| self.history.get(number));
        line.cloned()
            .map(Some)
            .ok_or_else(|| Failure::invocation(format!("redo: no line {number} (history lists them)")))
    }

    fn tell(&self, said: Outcome<Said>) -> Result<Exit, Exit> {
        match said {
            Ok(said) if self.arguments.json => say(said.json)?,
            Ok(said) if said.text.is_empty() => {}
            Ok(said) => say(said.text)?,
            Err(failure) => return self.fail(&failure),
        }
        Ok(Exit::Finished)
    }

    fn fail(&self, failure: &Failure) -> Result<Exit, Exit> {
        if self.arguments.json {
            say(json!({ "error": failure.message }))?;
        } else {
            complain(&failure.message);
        }
        Ok(failure.exit)
    }

    /// The verbs that are about the shell itself, then the others.
    async fn perform(&mut self, command: &Command) -> Outcome<Said> {
        match command.verb {
            "help" => {
                let lines: Vec<String> = VERBS.iter().map(|verb| format!("\t{} {}", verb.name, verb.usage)).collect();
                Ok(Said::new(lines.join("\n"), json!({ "verbs": VERBS.map(|verb| verb.name) })))
            }
            "version" => {
                let version = env!("CARGO_PKG_VERSION");
                Ok(Said::new(format!("zabra {version}"), json!({ "version": version })))
            }
            "history" => {
                let lines: Vec<String> =
                    self.history.iter().enumerate().map(|(at, line)| format!("{at} - {line}")).collect();
                Ok(Said::new(lines.join("\n"), json!({ "history": self.history })))
            }
            "printwatches" => {
                if let Some(word) = command.word(0) {
                    self.telling.watches.store(word == "on", Ordering::Relaxed);
                    return Ok(Said::nothing());
                }
                let is_on = self.telling.watches.load(Ordering::Relaxed);
                Ok(Said::new(
                    format!("printwatches is {}", if is_on { "on" } else { "off" }),
                    json!({ "printwatches": is_on }),
                ))
            }
            "close" => {
                self.link.close().await;
                Ok(Said::nothing())
            }
            "connect" => {
                let target =
                    Target::parse(command.word(0).unwrap_or(&self.arguments.server)).map_err(Failure::invocation)?;
                self.link.close().await;
                self.link = Link::open(&target, self.transport.clone(), self.arguments, self.telling.clone());
                Ok(Said::nothing())
            }
            _ => verbs::perform(&self.link, command).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_of_zkcli_are_taken_with_one_dash() {
        let of = |line: &str| {
            let words = as_zkcli(line.split(' ').map(OsString::from));
            words.join(OsStr::new(" ")).into_string().unwrap()
        };
        assert_eq!(
            of("zabra shell -timeout 5 -r -server a:1/x ls -server"),
            "zabra shell --timeout 5 -r --server a:1/x ls -server"
        );
        assert_eq!(of("zabra serve -server"), "zabra serve -server");
    }
}
