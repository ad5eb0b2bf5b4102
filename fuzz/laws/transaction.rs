//! Transactions: every record of them, and their application to a tree.
use zabra_core::tree::Database;
use zabra_core::wire::txn::*;
use zabra_core::wire::{Jute, Reader};

macro_rules! survive {
    ($bytes:expr, $($record:ident),* $(,)?) => {$(
        if let Ok(value) = $record::decode(&mut Reader::new($bytes)) {
            let again = value.to_bytes();
            assert_eq!($record::from_bytes(&again).as_ref(), Ok(&value));
        }
    )*};
}

pub fn holds(bytes: &[u8]) {
    if let Some(body) = bytes.get(32..) {
        survive!(
            body,
            TxnDigest,
            CreateTxnV0,
            CreateTxn,
            CreateTtlTxn,
            CreateContainerTxn,
            DeleteTxn,
            SetDataTxn,
            CheckVersionTxn,
            SetAclTxn,
            CreateSessionTxn,
            CloseSessionTxn,
            ErrorTxn,
            Txn,
            MultiTxn,
        );
    }
    // A transaction that cannot be decoded must not change the tree.
    let mut database = Database::new();
    if database.apply_bytes(bytes).is_err() {
        assert_eq!(database, Database::new());
    }
}
