//! What a server answers to a ConnectRequest (section 1.3).

use zabra_core::id::SessionId;
use zabra_core::wire::records::ConnectResponse;
use zabra_core::wire::{Jute, Malformed, Problem, Reader};

pub const PASSWORD_LEN: usize = 16;

/// The two answers that the record stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Welcome(Welcome),
    /// Timeout 0: the session does not exist any more, or the password is not its.
    Refusal,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Welcome {
    pub timeout_ms: u32,
    pub session: SessionId,
    pub password: [u8; PASSWORD_LEN],
    pub read_only: bool,
}

pub(crate) fn read_answer(frame: &[u8]) -> Result<Answer, Malformed> {
    let mut r = Reader::new(frame);
    let response = ConnectResponse::decode(&mut r)?;
    r.end("ConnectResponse")?;
    let bytes = response.password.unwrap_or_default();
    let password = <[u8; PASSWORD_LEN]>::try_from(bytes)
        .map_err(|_| r.malformed("session password", Problem::Length(bytes.len() as i64)))?;
    let Some(timeout_ms) = u32::try_from(response.timeout_ms).ok().filter(|ms| *ms > 0) else {
        return Ok(Answer::Refusal);
    };
    let session = SessionId(response.session);
    // A server that does not know the flag leaves its byte out.
    let read_only = response.read_only.unwrap_or(false);
    Ok(Answer::Welcome(Welcome { timeout_ms, session, password, read_only }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(timeout_ms: i32, password: &[u8]) -> Vec<u8> {
        let password = Some(password);
        ConnectResponse { protocol: 0, timeout_ms, session: 5, password, read_only: None }.to_bytes()
    }

    #[test]
    fn a_timeout_of_zero_is_a_refusal() {
        assert_eq!(read_answer(&response(0, &[0; PASSWORD_LEN])), Ok(Answer::Refusal));
        let session = SessionId(5);
        let welcome = Welcome { timeout_ms: 7, session, password: [1; PASSWORD_LEN], read_only: false };
        assert_eq!(read_answer(&response(7, &[1; PASSWORD_LEN])), Ok(Answer::Welcome(welcome)));
    }

    #[test]
    fn a_password_of_another_length_or_left_over_bytes_are_malformed() {
        assert!(read_answer(&response(7, &[1; 15])).is_err());
        let mut long = response(7, &[1; PASSWORD_LEN]);
        long.extend([0, 0]);
        assert!(read_answer(&long).is_err());
    }
}
