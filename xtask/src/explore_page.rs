//! `cargo xtask explore-page [PNG]`: opens the Explorer in headless Chromium, takes a step by clicking
//! an action, reads the state, and keeps a picture of the page.
//!
//! The browser is driven by its DevTools protocol over a pipe: JSON messages, each ended by a zero
//! byte. Without a Chromium nothing is checked, and that is said.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
/// How often a page is asked for what should be there, and how long in between.
const ASKED_MOST: usize = 150;
const BETWEEN: Duration = Duration::from_millis(100);

/// What is clicked on, one after the other, and what the state says then.
const FIRST: &str = "Init 0";
const ACTION: &str = "servers {1,2,3} elect";
const STATE: &str = "server 3  LEADING";

/// Says what was seen; an error is what went wrong.
pub fn check(picture: &str) -> Result<String, String> {
    let there = |name: &&&str| Command::new(name).arg("--version").stdout(Stdio::null()).status().is_ok();
    let Some(browser) = BROWSERS.iter().find(there) else {
        return Ok(format!("skipped: no Chromium here (looked for {})", BROWSERS.join(", ")));
    };
    let lab = Lab::start()?;
    let mut tab = Tab::open(browser, &lab.url)?;
    tab.click(FIRST)?;
    tab.click(ACTION)?;
    tab.wait(&format!("document.querySelector('section').innerText.includes({})", json!(STATE)))?;
    let data = tab.ask("Page.captureScreenshot", json!({ "format": "png" }))?;
    let data = data["data"].as_str().ok_or("the browser took no picture")?;
    std::fs::write(picture, unbase64(data)).map_err(|error| format!("{picture}: {error}"))?;
    Ok(format!("clicked {ACTION:?}; the state says {STATE:?}; the page is in {picture}"))
}

/// The lab with the page.
struct Lab {
    child: Child,
    url: String,
}

impl Lab {
    fn start() -> Result<Lab, String> {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let mut command = Command::new(cargo);
        command.args([
            "run",
            "--quiet",
            "--package",
            "zabra-lab",
            "--",
            "explore",
            "broadcast",
            "--port",
            "0",
            "--json",
        ]);
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| format!("cargo: {error}"))?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("the lab has no stdout")?;
        BufReader::new(stdout).read_line(&mut line).map_err(|error| error.to_string())?;
        let said: Value = serde_json::from_str(&line).map_err(|error| format!("the lab said {line:?}: {error}"))?;
        let url = said["url"].as_str().ok_or("the lab said no URL")?.to_owned();
        Ok(Lab { child, url })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // An interrupt reaches the lab itself, for cargo has become it or passes it on.
    let _gone_already = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    for _ in 0..ASKED_MOST {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return;
        }
        std::thread::sleep(BETWEEN);
    }
    let _gone_already = child.kill();
    let _gone_already = child.wait();
}

/// A tab of a browser.
struct Tab {
    browser: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Option<String>,
    asked: u64,
}

impl Tab {
    fn open(browser: &str, url: &str) -> Result<Tab, String> {
        let flags = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --window-size=1600,1400";
        let script = format!("exec {browser} {flags} --remote-debugging-pipe 3<&0 4>&1 </dev/null >/dev/null 2>&1");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut browser = command.spawn().map_err(|error| format!("{browser}: {error}"))?;
        let to = browser.stdin.take().ok_or("the browser has no stdin")?;
        let from = BufReader::new(browser.stdout.take().ok_or("the browser has no stdout")?);
        let mut tab = Tab { browser, to, from, session: None, asked: 0 };
        let target = tab.ask("Target.createTarget", json!({ "url": url }))?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = tab.ask("Target.attachToTarget", attach)?;
        tab.session = session["sessionId"].as_str().map(str::to_owned);
        Ok(tab)
    }

    /// Asks the browser for something and waits for its answer.
    fn ask(&mut self, method: &str, params: Value) -> Result<Value, String> {
        self.asked += 1;
        let mut question = json!({ "id": self.asked, "method": method, "params": params });
        if let Some(session) = &self.session {
            question["sessionId"] = json!(session);
        }
        let mut bytes = question.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).and_then(|()| self.to.flush()).map_err(|error| format!("the browser: {error}"))?;
        loop {
            let mut answer = Vec::new();
            self.from.read_until(0, &mut answer).map_err(|error| format!("the browser: {error}"))?;
            if answer.pop() != Some(0) {
                return Err("the browser is gone".to_owned());
            }
            let answer: Value = serde_json::from_slice(&answer).map_err(|error| format!("the browser: {error}"))?;
            if answer["id"] == json!(self.asked) {
                return match answer.get("error") {
                    Some(error) => Err(format!("{method}: {error}")),
                    None => Ok(answer["result"].clone()),
                };
            }
        }
    }

    /// Clicks with the mouse on the link that says so.
    fn click(&mut self, words: &str) -> Result<(), String> {
        let links = "[...document.querySelectorAll('nav a')]";
        let says = format!("a => a.textContent.includes({})", json!(words));
        self.wait(&format!("{links}.some({says})"))?;
        let place = self.value(&format!(
            "(() => {{ const a = {links}.find({says}); a.scrollIntoView(); const r = a.getClientRects()[0]; \
             return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
        ))?;
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 });
            self.ask("Input.dispatchMouseEvent", event)?;
        }
        Ok(())
    }

    /// What a JavaScript expression is.
    fn value(&mut self, expression: &str) -> Result<Value, String> {
        let answer = self.ask("Runtime.evaluate", json!({ "expression": expression, "returnByValue": true }))?;
        match answer.get("exceptionDetails") {
            Some(thrown) => Err(format!("{expression}: {thrown}")),
            None => Ok(answer["result"]["value"].clone()),
        }
    }

    /// Waits until an expression is true; what it throws while the page loads does not matter.
    fn wait(&mut self, expression: &str) -> Result<(), String> {
        for _ in 0..ASKED_MOST {
            if self.value(expression) == Ok(json!(true)) {
                return Ok(());
            }
            std::thread::sleep(BETWEEN);
        }
        let page = self.value("document.body.innerText").unwrap_or_default();
        Err(format!("this did not come true: {expression}\nthe page says: {}", page.as_str().unwrap_or_default()))
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        let _gone_already = self.ask("Browser.close", json!({}));
        let _gone_already = self.browser.kill();
        let _gone_already = self.browser.wait();
    }
}

fn unbase64(text: &str) -> Vec<u8> {
    let six = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits: Vec<u8> = text.bytes().filter_map(six).collect();
    let word =
        |four: &[u8]| four.iter().fold(0u32, |word, digit| word << 6 | u32::from(*digit)) << (6 * (4 - four.len()));
    digits.chunks(4).flat_map(|four| word(four).to_be_bytes().into_iter().skip(1).take(four.len() - 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_comes_back_as_it_was() {
        assert_eq!(unbase64("aGVsbG8="), b"hello");
        assert_eq!(unbase64("aGVsbG8h"), b"hello!");
        assert_eq!(unbase64("+/8="), [0xfb, 0xff]);
    }
}
