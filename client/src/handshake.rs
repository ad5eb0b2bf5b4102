//! The two records that open a session (section 1.3). They travel without request or reply header.

use zabra_core::id::SessionId;
use zabra_core::wire::{Jute, Malformed, Problem, Reader};

pub const PASSWORD_LEN: usize = 16;

/// What a client says first on every connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConnectRequest {
    pub last_zxid_seen: i64,
    pub timeout_ms: i32,
    pub session: SessionId,
    pub password: [u8; PASSWORD_LEN],
    /// The optional last byte: `None` is not sent, as clients before 3.4 do.
    pub read_only: Option<bool>,
}

impl ConnectRequest {
    pub fn encode(&self, out: &mut Vec<u8>) {
        0i32.encode(out);
        self.last_zxid_seen.encode(out);
        self.timeout_ms.encode(out);
        self.session.0.encode(out);
        self.password.as_slice().encode(out);
        if let Some(read_only) = self.read_only {
            read_only.encode(out);
        }
    }
}

/// The server's answer. A refusal has timeout 0, session 0 and a password of zeros.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConnectResponse {
    pub timeout_ms: i32,
    pub session: SessionId,
    pub password: [u8; PASSWORD_LEN],
    pub read_only: bool,
}

impl ConnectResponse {
    pub fn decode(frame: &[u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(frame);
        let _protocol_version = i32::decode(&mut r)?;
        let timeout_ms = i32::decode(&mut r)?;
        let session = SessionId(i64::decode(&mut r)?);
        let bytes = <&[u8]>::decode(&mut r)?;
        let password = <[u8; PASSWORD_LEN]>::try_from(bytes)
            .map_err(|_| r.malformed("session password", Problem::Length(bytes.len() as i64)))?;
        // A server that does not know the flag leaves its byte out.
        let read_only = if r.left() == 0 { false } else { bool::decode(&mut r)? };
        r.end("ConnectResponse")?;
        Ok(ConnectResponse { timeout_ms, session, password, read_only })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(read_only: Option<bool>) -> Vec<u8> {
        let mut out = Vec::new();
        let request = ConnectRequest {
            last_zxid_seen: 1,
            timeout_ms: 2,
            session: SessionId(3),
            password: [4; PASSWORD_LEN],
            read_only,
        };
        request.encode(&mut out);
        out
    }

    #[test]
    fn a_connect_request_has_44_bytes_or_45_with_the_flag() {
        assert_eq!(request(None).len(), 44);
        assert_eq!(request(Some(false)).len(), 45);
        assert_eq!(request(None)[..24], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3]);
    }

    #[test]
    fn a_password_of_another_length_is_malformed() {
        let mut bytes = [0u8; 16].to_vec();
        bytes.extend_from_slice(&[0, 0, 0, 1, 7]);
        assert!(ConnectResponse::decode(&bytes).is_err());
    }
}
