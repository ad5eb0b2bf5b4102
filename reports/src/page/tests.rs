use super::*;
use crate::timeline::{Recorder, Unit};
use std::cell::RefCell;
use std::rc::Rc;
use zabra_sim::story::{Player, Story};

pub(crate) const STORY: &str =
    "servers 3\nelect 3\nclient 0 at 3\nclient 0 create /a </script><b>\nclient 0 up\ncrash 2\nsettle\n";

/// The timeline of a story.
pub(crate) fn watched(text: &str) -> Timeline {
    let story = Story::parse("test", text).expect("the story is one");
    let recorder = Rc::new(RefCell::new(Recorder::new(Unit::Steps)));
    let watcher: zabra_sim::story::Watcher = recorder.clone();
    assert_eq!(Player::play_before(&story, &[], Some(&watcher)).failed, None);
    drop(watcher);
    let recorder = Rc::into_inner(recorder).expect("nobody else looks on").into_inner();
    recorder.finish(vec![(1, false), (2, false), (3, false)], 1, None, None)
}

fn page() -> Page {
    Page {
        title: "a </script> & a title".to_owned(),
        sentence: "<img src=x onerror=alert(1)>".to_owned(),
        views: vec![View { name: "run".to_owned(), about: String::new(), at: None, timeline: watched(STORY) }],
        ..Page::default()
    }
}

#[test]
fn no_text_of_a_run_ends_the_document_or_becomes_markup() {
    let html = page().html();
    let data = html.split_once("id=\"data\">").expect("it has data").1.split_once("</script>").expect("it ends").0;
    let value: serde_json::Value = serde_json::from_str(data).expect("the data is whole");
    assert_eq!(value["sentence"], "<img src=x onerror=alert(1)>");
    assert!(value["views"][0]["texts"].as_array().expect("texts").iter().any(|t| t == "create /a </script><b>"));
    assert!(html.contains("<title>a &lt;/script&gt; &amp; a title · PASS</title>"));
    assert!(!html.contains("<img"));
}

#[test]
fn the_page_asks_nobody_for_anything() {
    let html = page().html();
    assert!(html.contains("default-src 'none'"));
    for word in ["src=\"", "href=", "@import", "url(", "fetch(", "XMLHttpRequest", "innerHTML"] {
        let outside = html.replace("url(#m-", "");
        assert!(!outside.contains(word), "{word}");
    }
    assert!(STYLE.len() + SCRIPT.len() + HTML.len() < 48_000, "the viewer stays small");
}

#[test]
fn a_storys_messages_and_operations_are_written_down() {
    let timeline = watched(STORY);
    let lines: Vec<String> = timeline
        .events
        .iter()
        .skip_while(|event| !event.text.starts_with("create"))
        .take(12)
        .map(|event| {
            let from = event.message.map_or(String::new(), |m| format!("n{} sent at {} {:?} ", m.from, m.sent, m.fate));
            format!("{} {} {} {from}{}", event.at, event.lane.id(), event.kind.word(), event.text)
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
    let operations: Vec<String> =
        timeline.operations.iter().map(|o| format!("{} {} {}", o.text, o.outcome.word(), o.answer)).collect();
    insta::assert_snapshot!(operations.join("\n"));
}

#[test]
fn what_does_not_fit_is_counted() {
    let story = Story::parse("test", STORY).expect("the story is one");
    let recorder = Rc::new(RefCell::new(Recorder::of_at_most(Unit::Steps, 5)));
    let watcher: zabra_sim::story::Watcher = recorder.clone();
    Player::play_before(&story, &[], Some(&watcher));
    drop(watcher);
    let timeline =
        Rc::into_inner(recorder).expect("nobody else looks on").into_inner().finish(Vec::new(), 1, None, None);
    let whole = watched(STORY);
    assert_eq!(timeline.events, whole.events[whole.events.len() - 5..]);
    assert_eq!(timeline.cut.events, whole.events.len() as u64 - 5);
}
