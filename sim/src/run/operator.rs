//! Clients that change the ensemble: servers join, leave, become observers and voters again, one by one, several
//! at once or the whole list anew. They speak in frames, like raw clients, and are as foreign to the history:
//! whether a change may be made, and what counts while it is, the servers decide and the oracles judge.

use crate::random::Draws;
use crate::scenario::member_line;
use zabra_core::wire::records::{ReconfigRequest, RequestHeader};
use zabra_core::wire::{Jute, Op};

#[derive(Clone, Debug)]
pub(super) struct Operator {
    /// All servers, spares included.
    servers: u8,
    voters_min: u8,
    one_by_one: bool,
}

impl Operator {
    pub(super) fn new(servers: u8, voters_min: u8, one_by_one: bool) -> Operator {
        Operator { servers, voters_min, one_by_one }
    }

    /// A change, in one write; or nothing but a sign of life.
    pub(super) fn write(&self, draws: &mut Draws, xid: &mut i32) -> Vec<u8> {
        *xid += 1;
        if draws.chance(400_000) {
            return framed(&RequestHeader { xid: -2, op: Op::PING }.to_bytes());
        }
        let mut frame = RequestHeader { xid: *xid, op: Op::RECONFIG }.to_bytes();
        let (joining, leaving, whole) = self.change(draws);
        let some = |text: &'_ str| (!text.is_empty()).then(|| text.as_bytes().to_vec());
        let (joining, leaving, whole) = (some(&joining), some(&leaving), some(&whole));
        // Now and then of a configuration that is not the one in force.
        let config_id = if draws.chance(50_000) { 0 } else { -1 };
        let request = ReconfigRequest {
            joining: joining.as_deref(),
            leaving: leaving.as_deref(),
            new_members: whole.as_deref(),
            config_id,
        };
        request.encode(&mut frame);
        framed(&frame)
    }

    /// Who joins, who leaves, and who is there from now on.
    fn change(&self, draws: &mut Draws) -> (String, String, String) {
        let (one, other) = (self.server(draws), self.server(draws));
        match draws.below(if self.one_by_one { 7 } else { 10 }) {
            0..4 => (member_line(one, "participant"), String::new(), String::new()),
            4 => (member_line(one, "observer"), String::new(), String::new()),
            5 | 6 => (String::new(), one.to_string(), String::new()),
            7 => (member_line(one, "participant"), other.to_string(), String::new()),
            8 => {
                let both = format!("{},{}", member_line(one, "participant"), member_line(other, "participant"));
                (both, String::new(), String::new())
            }
            _ => (String::new(), String::new(), self.whole(draws)),
        }
    }

    /// As many voters as there have to be at least, or more.
    fn whole(&self, draws: &mut Draws) -> String {
        let mut servers: Vec<u8> = (1..=self.servers).collect();
        draws.shuffle(&mut servers);
        let voters = draws.between(self.voters_min.min(self.servers).into(), self.servers.into()) as usize;
        let members = servers.iter().enumerate().filter_map(|(place, id)| match place < voters {
            true => Some(member_line(*id, "participant")),
            false => draws.chance(500_000).then(|| member_line(*id, "observer")),
        });
        members.collect::<Vec<_>>().join(",")
    }

    fn server(&self, draws: &mut Draws) -> u8 {
        1 + draws.below(self.servers.into()) as u8
    }
}

fn framed(body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len()).expect("a short request");
    [&length.to_be_bytes()[..], body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;
    use zabra_core::quorum::Members;

    #[test]
    fn a_whole_list_is_a_configuration_with_enough_voters() {
        let (operator, mut draws) = (Operator::new(5, 3, false), Draws::new(1, Purpose::Workload));
        for _ in 0..50 {
            let list = operator.whole(&mut draws).replace(',', "\n");
            let members = Members::parse(list.as_bytes()).expect("a configuration");
            assert!((3..=5).contains(&members.voters_len()), "{list}");
        }
    }
}
