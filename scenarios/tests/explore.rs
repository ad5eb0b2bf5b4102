//! The Explorer as its page meets it: what it answers over HTTP, and how the command ends.

#![expect(clippy::disallowed_types, reason = "the page is asked over a socket, as a browser does")]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};

fn lab(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zabra-lab"));
    command.args(args).env("NO_COLOR", "1").env_remove("CLICOLOR_FORCE");
    command
}

/// A page that is there until it is dropped.
struct Page {
    lab: Child,
    address: String,
}

impl Page {
    fn open(args: &[&str]) -> Page {
        let mut lab = lab(&["explore", "--port", "0", "--json"]);
        let mut lab = lab.args(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the lab starts");
        let mut line = String::new();
        BufReader::new(lab.stdout.take().expect("stdout is a pipe")).read_line(&mut line).expect("a line comes");
        let said: Value = serde_json::from_str(&line).expect("the lab says where the page is");
        let address =
            said["url"].as_str().expect("a URL").trim_start_matches("http://").trim_end_matches('/').to_owned();
        Page { lab, address }
    }

    fn get(&self, path: &str) -> Value {
        let mut stream = TcpStream::connect(&self.address).expect("the page answers");
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address).expect("a question is asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer comes");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        assert!(head.contains(" 200 "), "{head}");
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }

    /// Ctrl-C.
    fn interrupt(mut self) -> Option<i32> {
        let id = self.lab.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill is there").success());
        self.lab.wait().expect("the lab ends").code()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _gone_already = self.lab.kill();
        let _gone_already = self.lab.wait();
    }
}

/// The place of the step whose action begins so.
fn find(steps: &Value, beginning: &str) -> usize {
    let steps = steps.as_array().expect("steps are a list");
    let action = |step: &Value| step["action"].as_str().unwrap_or_default().to_owned();
    let at = steps.iter().position(|step| action(step).starts_with(beginning));
    at.unwrap_or_else(|| panic!("no {beginning:?} in {:#?}", steps.iter().map(action).collect::<Vec<_>>()))
}

#[test]
fn a_walk_is_told_state_by_state() {
    let page = Page::open(&["broadcast"]);
    let status = page.get("/.status");
    assert_eq!(status["done"], false);
    let properties = status["properties"].to_string();
    assert!(properties.contains("no oracle objects"), "{properties}");
    let mut path = "/.states".to_owned();
    let first = page.get(&path);
    assert!(first[0]["state"].as_str().expect("a state is text").contains("server 3  LOOKING"), "{first}");
    path += "/0";
    for (action, state) in [
        ("servers {1,2,3} elect a leader", "server 3  LEADING"),
        ("server 3 receives FOLLOWERINFO accepted 0 from 1", "server 3  LEADING"),
        ("server 3's disk: accepted epoch 1 durable", "3 → 1  LEADERINFO 1"),
    ] {
        let steps = page.get(&path);
        let at = find(&steps, action);
        let text = steps[at]["state"].as_str().expect("a state is text");
        assert!(text.contains(state), "{text}");
        path += &format!("/{at}");
    }
    assert_eq!(page.interrupt(), Some(0), "Ctrl-C is how it ends");
}

#[test]
fn every_model_has_a_page_and_a_first_move() {
    for model in ["election", "full", "service"] {
        let page = Page::open(&[model]);
        let steps = page.get("/.states/0");
        assert!(!steps.as_array().expect("steps are a list").is_empty(), "{model}");
    }
}

fn refusal(output: &Output) -> String {
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!talk.contains("panicked"), "{talk}");
    talk
}

#[test]
fn a_port_that_is_taken_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let output = lab(&["explore", "broadcast", "--port", &port]).output().expect("the lab starts");
    assert_eq!(output.status.code(), Some(1));
    let talk = refusal(&output);
    assert!(talk.contains(&format!("cannot listen on 127.0.0.1:{port}")) && talk.contains("--port"), "{talk}");
}

#[test]
fn models_that_are_not_there_are_usage() {
    for (model, words) in [("brodcast", "there is no model"), ("reconfig", "comes with reconfiguration")] {
        for verb in ["explore", "check"] {
            let output = lab(&[verb, model]).output().expect("the lab starts");
            assert_eq!(output.status.code(), Some(2), "{verb} {model}");
            let talk = refusal(&output);
            assert!(talk.contains(words), "{talk}");
        }
    }
}
