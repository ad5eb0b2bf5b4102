//! Decoding takes no more memory than its input justifies, whatever the input claims.
#![expect(unsafe_code, reason = "only an allocator can count allocations")]

use proptest::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use zabra_core::wire::records::*;
use zabra_core::wire::txn::*;
use zabra_core::wire::{Deframer, Jute, Reader};
use zabra_core::zab::codec::{ElectionReader, PacketReader, Side};

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

/// Notes the largest single allocation of each thread.
struct Counting;

// SAFETY: everything is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: as promised by the caller.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn note(size: usize) {
    // A thread that ends has no counter any more.
    let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(size)));
}

fn largest(run: impl FnOnce()) -> usize {
    LARGEST.with(|largest| largest.set(0));
    run();
    LARGEST.with(Cell::get)
}

/// An element takes at most four times as much memory as bytes: a slice 16 for 4. A buffer that
/// grows doubles; small buffers and pages have their own size.
fn allowed(input: usize) -> usize {
    input * 4 + (16 << 10)
}

/// Counts and lengths that lie, between bytes that do not.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let lie = prop_oneof![
        Just(i32::MAX.to_be_bytes().to_vec()),
        Just((1i32 << 26).to_be_bytes().to_vec()),
        (0..40i32).prop_map(|n| n.to_be_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..9),
    ];
    prop::collection::vec(lie, 0..40).prop_map(|parts| parts.concat())
}

macro_rules! bounded {
    ($bytes:expr, $($record:ident),* $(,)?) => {$(
        let took = largest(|| drop($record::decode(&mut Reader::new($bytes))));
        prop_assert!(took <= allowed($bytes.len()), "{} took {took} for {}", stringify!($record), $bytes.len());
    )*};
}

proptest! {
    #[test]
    fn records_take_no_more_memory_than_their_bytes_justify(bytes in hostile()) {
        bounded!(
            &bytes, CreateRequest, SetAclRequest, SetWatches, SetWatches2, GetChildrenReply, GetAclReply, CreateTxn,
            SetAclTxn, CloseSessionTxn, MultiTxn,
        );
    }

    #[test]
    fn streams_take_no_more_memory_than_their_bytes_justify(bytes in hostile()) {
        let limit = i32::MAX as u32;
        let took = largest(|| {
            let (mut deframer, mut input) = (Deframer::new(limit), &bytes[..]);
            while let Ok(Some(_)) = deframer.next(&mut input) {}
        });
        prop_assert!(took <= allowed(bytes.len()), "the client port took {took} for {}", bytes.len());
        for to in [Side::Leader, Side::Learner] {
            let took = largest(|| {
                let (mut reader, mut input) = (PacketReader::new(to, limit), &bytes[..]);
                while let Ok(Some(_)) = reader.next(&mut input) {}
            });
            prop_assert!(took <= allowed(bytes.len()), "the quorum port took {took} for {}", bytes.len());
        }
        let took = largest(|| {
            let end = zabra_core::wire::election::End::Acceptor;
            let (mut reader, mut input) = (ElectionReader::new(end), &bytes[..]);
            while let Ok(Some(_)) = reader.next(&mut input) {}
        });
        prop_assert!(took <= allowed(bytes.len()), "the election port took {took} for {}", bytes.len());
    }
}

#[test]
fn the_largest_allocation_is_noticed() {
    assert!(largest(|| drop(Vec::<u8>::with_capacity(1 << 20))) >= 1 << 20);
}
