//! JUnit XML, in the dialect of Jenkins: what CI servers read. A case is a hunt, a rule or a bound.

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// One thing that passed or did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub name: String,
    pub millis: u64,
    /// Numbers and words that belong to it.
    pub properties: Vec<(String, String)>,
    pub fault: Option<Fault>,
}

/// Why it did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The oracle's id, or what else objects.
    pub kind: String,
    pub message: String,
    /// The card: how to see it again stands there.
    pub card: String,
}

/// The document: one suite of that name. Bytes that XML cannot hold are left out.
pub fn junit(suite: &str, cases: &[Case]) -> String {
    let mut report = Report::new("zabra-lab");
    let mut tests = TestSuite::new(suite);
    for case in cases {
        let mut status = TestCaseStatus::success();
        if let Some(fault) = &case.fault {
            status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(&fault.kind).set_message(&fault.message).set_description(&fault.card);
        }
        let mut test = TestCase::new(&case.name, status);
        test.set_classname(suite).set_time(Duration::from_millis(case.millis));
        test.add_properties(case.properties.iter().map(|(name, value)| Property::new(name, value)));
        tests.add_test_case(test);
    }
    tests.set_time(Duration::from_millis(cases.iter().map(|case| case.millis).sum()));
    report.add_test_suite(tests);
    report.to_string().expect("a String takes everything")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::tests::sample;
    use crate::paint::Paint;

    #[test]
    fn junit_reads_like_this() {
        let failure = sample();
        let fault = Fault {
            kind: failure.oracle.clone(),
            message: failure.sentence.clone(),
            card: failure.card(Paint::Plain) + "\u{1b}\0]]>",
        };
        let properties = vec![("runs".to_owned(), "2000".to_owned())];
        let case = |name: &str, fault| Case { name: name.into(), millis: 1_250, properties: properties.clone(), fault };
        insta::assert_snapshot!(junit("zabra-lab hunt", &[case("mixed5", Some(fault)), case("one", None)]));
    }
}
