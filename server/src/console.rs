//! What commands say: to the standard output what was asked for, to the standard error what is wrong.
//! Who reads may stop at any time (`zabra shell ls -R / | head -1`), which is no failure of the command.

use crate::exit::Exit;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Says a line, at once. The error is how the command ends: in good order where nobody reads any more.
pub fn say(line: impl Display) -> Result<(), Exit> {
    said(writeln!(io::stdout(), "{line}").and_then(|()| io::stdout().flush()))
}

/// Says a line that nobody waits for: where nobody reads, the next answer ends the command.
pub fn mention(line: impl Display) {
    drop(writeln!(io::stdout(), "{line}").and_then(|()| io::stdout().flush()));
}

/// Says what is wrong; where nobody can be told, nobody is.
pub fn complain(what: impl Display) {
    drop(writeln!(io::stderr(), "{what}"));
}

/// How a command ends whose output was written like this.
pub fn said(written: io::Result<()>) -> Result<(), Exit> {
    written.map_err(|error| {
        if error.kind() == ErrorKind::BrokenPipe {
            return Exit::Finished;
        }
        complain(format_args!("the standard output: {error}"));
        Exit::Unexpected
    })
}
