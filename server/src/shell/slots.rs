//! The names of connections: a number that is never used again, for the shell; the lowest free slot,
//! for the core (contract section 2).

/// A connection's number in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// What the core's slots stand for.
#[derive(Debug, Default)]
pub struct Slots(Vec<Option<Token>>);

impl Slots {
    pub fn insert(&mut self, token: Token) -> u32 {
        let free = self.0.iter().position(Option::is_none);
        let slot = free.unwrap_or_else(|| {
            self.0.push(None);
            self.0.len() - 1
        });
        self.0[slot] = Some(token);
        u32::try_from(slot).expect("there are fewer sockets")
    }

    pub fn get(&self, slot: u32) -> Option<Token> {
        self.0.get(slot as usize).copied().flatten()
    }

    pub fn remove(&mut self, slot: u32) -> Option<Token> {
        let token = self.0.get_mut(slot as usize)?.take();
        while self.0.last().is_some_and(Option::is_none) {
            self.0.pop();
        }
        token
    }
}
