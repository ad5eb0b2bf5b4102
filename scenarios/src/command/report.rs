//! `zabra-lab report`: a run, a story or a saved failure, told again: as a card, as a page, as a diagram.
//!
//! Nothing but the seed and the story is read from what was saved: it is run again, before a
//! spectator. If it comes out differently, that is said, and the exit says it too.

use super::Failed;
use crate::cli::{Report, Talk};
use crate::engine::{self, Origin, Played, quoted};
use crate::library::{Item, Kind, Library, text};
use crate::place::Misfit;
use crate::pool::guarded;
use crate::seeds::Seed;
use crate::voice::Voice;
use serde_json::Value;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;
use zabra_reports::exit::Exit;
use zabra_reports::mermaid::mermaid;
use zabra_reports::page::{Page, View};
use zabra_reports::perfetto::perfetto;
use zabra_reports::report::hex;
use zabra_reports::timeline::{Recorder, Timeline, Unit};
use zabra_sim::plan::Plan;
use zabra_sim::run;
use zabra_sim::scenario::{EnsembleSpec, Scenario};
use zabra_sim::story::{Command, Key, Played as PlayedStory, Player, Story, Watcher, WrongLine};

/// What is told, and where its files go.
struct Told {
    page: Page,
    exit: Exit,
    folder: PathBuf,
}

pub fn report(args: &Report, talk: &Talk, voice: &Voice) -> Result<Exit, Failed> {
    let library = Library::find(talk.library.as_deref());
    let folder = Path::new(&args.what);
    let told = if folder.is_dir() {
        if args.seed.is_some() || !args.without.without.is_empty() {
            return Err(Failed::usage(
                "a saved failure has its seed and its rules: --seed and --without belong to hunts",
            ));
        }
        saved(folder, &library, talk)?
    } else {
        let item = library.named(&args.what, &[Kind::Hunt, Kind::Story, Kind::Regression])?;
        match (item.kind, args.seed) {
            (Kind::Hunt, Some(seed)) => of_hunt(&item, &args.what, seed, &args.without.without, talk)?,
            (Kind::Hunt, None) => return Err(Failed::usage("a run of a hunt is named by its --seed")),
            (Kind::Story | Kind::Regression, None) if args.without.without.is_empty() => of_story(&item, talk)?,
            (Kind::Story | Kind::Regression, _) => {
                return Err(Failed::usage("a story names its own steps: --seed and --without belong to hunts"));
            }
        }
    };
    forms(args, &told, voice)?;
    Ok(told.exit)
}

/// Writes the forms that are wanted, and says where.
fn forms(args: &Report, told: &Told, voice: &Voice) -> Result<(), Failed> {
    let page = &told.page;
    page.notes.iter().for_each(|note| voice.insist(note));
    let word = if page.exit == 0 { voice.paint.good("PASS") } else { voice.paint.bad("FAIL") };
    let facts: String = page.facts.iter().map(|fact| format!("\n  · {fact}")).collect();
    voice.tell(&format!("{word}  {}  {}  {}{facts}", page.title, page.oracle, page.sentence));
    if let Some(file) = &args.html {
        let path = written(file, told, "report.html", &page.html())?;
        voice.tell(&format!("  page     {}", path.display()));
    }
    // The smallest schedule, where there is one, else the run.
    let timeline = page.views.first().map(|view| &view.timeline);
    if let (Some(file), Some(timeline)) = (&args.mermaid, timeline) {
        let path = written(file, told, "story.mmd", &mermaid(timeline))?;
        voice.tell(&format!("  mermaid  {}", path.display()));
    }
    let timeline = page.views.last().map(|view| &view.timeline);
    if let (Some(file), Some(timeline)) = (&args.perfetto, timeline) {
        let path = written(file, told, "trace.perfetto.json", &perfetto(timeline))?;
        voice.tell(&format!("  perfetto {}", path.display()));
    }
    voice.document(&page.json());
    Ok(())
}

fn written(file: &Option<PathBuf>, told: &Told, usual: &str, text: &str) -> Result<PathBuf, Failed> {
    let Some(file) = file else { return engine::save(&told.folder, usual, text) };
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = file.file_name().ok_or_else(|| Failed::usage(format!("{}: this names no file", file.display())))?;
    engine::save(folder, &name.to_string_lossy(), text)
}

/// A hunt's run, and what a spectator wrote of it.
fn watched(origin: &Origin, scenario: &Scenario, seed: u64) -> (Played, Page) {
    let mut recorder = Recorder::new(Unit::Micros);
    let began = Instant::now();
    let played = guarded(|| run::watch(scenario, Plan::draw(scenario, seed), &mut recorder));
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let played = match played {
        Ok(report) => {
            let panicked = if report.verdict == "panic" { crate::pool::last_panic() } else { None };
            Played { report, panicked, millis }
        }
        Err(panicked) => Played::broken(scenario, seed, panicked, millis),
    };
    let failure = engine::failure(origin, scenario, &played);
    let mut page = Page::of(&engine::document(origin, scenario, &played, failure.as_ref(), Vec::new()));
    if page.again.is_empty() {
        page.again = origin.again(scenario, seed)[..1].to_vec();
    }
    let words = failure.as_ref().map(|f| format!("{}: {}", f.oracle, f.sentence));
    page.views.push(View {
        name: "The whole run".to_owned(),
        about: "Simulated time, from the first start to the violation or the end".to_owned(),
        at: failure.as_ref().map(|f| f.at_us),
        timeline: recorder.finish(
            lanes(&scenario.ensemble),
            scenario.clients.count,
            words.as_deref(),
            Some(&played.report.plan),
        ),
    });
    (played, page)
}

fn of_hunt(item: &Item, word: &str, seed: Seed, without: &[String], talk: &Talk) -> Result<Told, Failed> {
    let scenario = engine::loaded(item, without)?;
    let (played, page) = watched(&Origin::of(word, talk), &scenario, seed.0);
    Ok(Told { page, exit: engine::exit_of(&played.report), folder: engine::folder(&talk.out, &played.report) })
}

/// The run of a saved failure, and the story that was made of it, if there is one.
fn saved(folder: &Path, library: &Library, talk: &Talk) -> Result<Told, Failed> {
    let (file, story) = (folder.join("report.json"), folder.join("story.scn"));
    if !file.is_file() && story.is_file() {
        return of_story(&Item { kind: Kind::Story, name: name_of(folder), path: story }, talk);
    }
    let (item, seed, without, report) = recipe(folder, library)?;
    let words = |value: &Value| value.as_str().map(str::to_owned);
    let (run, hunt) = (&report["run"], words(&report["run"]["hunt"]).unwrap_or_else(|| item.name.clone()));
    let mut scenario = engine::loaded(&item, &[])?;
    // The report lists the rules that were off, those of the hunt's file among them.
    scenario.without.clear();
    for rule in &without {
        scenario.without.push(engine::rule(rule)?.entry().name.to_owned());
    }
    let (played, mut page) = watched(&Origin::of(&hunt, talk), &scenario, seed.0);
    let mut exit = engine::exit_of(&played.report);
    let (recorded, now) = (words(&run["determinism"]["trace_hash"]).unwrap_or_default(), hex(played.report.trace_hash));
    if recorded == now {
        keep(&mut page, &report["findings"][0], &report["repro"]);
    } else {
        exit = Exit::NotReproduced;
        page.notes.push(format!(
            "This is not the run that was saved: its trace was {recorded}, now it is {now}. The code or the hunt has changed since."
        ));
    }
    if story.is_file() {
        let told = of_story(&Item { kind: Kind::Story, name: name_of(folder), path: story }, talk)?;
        if told.page.oracle == page.oracle && told.page.without == page.without {
            page.notes.extend(told.page.notes);
            page.views.splice(0..0, told.page.views);
        } else {
            page.notes.push("story.scn beside it is of another failure, and is not shown.".to_owned());
        }
    }
    Ok(Told { page, exit, folder: folder.to_path_buf() })
}

/// The hunt, the seed and the rules that were off, as a saved report names them; and the report.
pub fn recipe(folder: &Path, library: &Library) -> Result<(Item, Seed, Vec<String>, Value), Failed> {
    let file = folder.join("report.json");
    let report = parsed(&file)?;
    let misses = |what: &str| Misfit::whole(file.display().to_string(), format!("there is no {what} in it"));
    let words = |value: &Value| value.as_str().map(str::to_owned);
    let run = &report["run"];
    let hunt = words(&run["hunt"]).or_else(|| words(&run["scenario"])).ok_or_else(|| misses("run.hunt"))?;
    let seed = words(&run["seed"]).and_then(|seed| seed.parse::<Seed>().ok()).ok_or_else(|| misses("run.seed"))?;
    let without = run["without"].as_array().into_iter().flatten().filter_map(words).collect();
    Ok((library.named(&hunt, &[Kind::Hunt])?, seed, without, report))
}

/// What shrinking found out stands in the saved report only.
fn keep(page: &mut Page, finding: &Value, repro: &Value) {
    let words = |value: &Value| value.as_str().map(str::to_owned);
    page.causes = finding["necessary"].as_array().into_iter().flatten().filter_map(|n| words(&n["what"])).collect();
    if let Some([first, .., last]) = finding["shrink"].as_array().map(Vec::as_slice) {
        page.shrunk = Some(format!("{} -> {} steps in {} ms", first["steps"], last["steps"], last["ms"]));
    }
    let again = repro.as_array().into_iter().flatten();
    let again = again.filter_map(|one| Some((words(&one["label"])?, words(&one["cmd"])?)));
    page.again = again.filter(|(label, _)| label != "page" && label != "report").collect();
}

fn parsed(file: &Path) -> Result<Value, Failed> {
    let wrong = |error: serde_json::Error| {
        Misfit::whole(file.display().to_string(), format!("this is no report of the lab: {error}"))
    };
    Ok(serde_json::from_str(&text(file)?).map_err(wrong)?)
}

fn name_of(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn of_story(item: &Item, talk: &Talk) -> Result<Told, Failed> {
    let file = item.path.display().to_string();
    let source = text(&item.path)?;
    let misfit = |wrong: WrongLine| Misfit::on_line(&file, &source, wrong.line, format!("expected {}", wrong.expected));
    let story = Story::parse(&file, &source).map_err(misfit)?;
    let recorder = Rc::new(RefCell::new(Recorder::new(Unit::Steps)));
    let watcher: Watcher = recorder.clone();
    let played = guarded(|| Player::play_before(&story, &[], Some(&watcher)));
    drop(watcher);
    let timeline = |violation: Option<&str>| -> Result<Timeline, Failed> {
        let (servers, clients) = cast(&story);
        let recorder = Rc::try_unwrap(recorder).map_err(|_| Failed::tool("the story has left its spectator behind"))?;
        Ok(recorder.into_inner().finish(servers, clients, violation, None))
    };
    let folder = item.path.parent().filter(|_| item.path.ends_with("story.scn"));
    let mut page = Page {
        title: item.name.clone(),
        again: vec![("again".into(), format!("cargo lab replay {}", quoted(&item.path)))],
        ..Page::default()
    };
    let (exit, at) = match played {
        Ok(played) => outcome(&mut page, &played, &story),
        Err(panicked) => {
            page.oracle = "panic".to_owned();
            page.sentence = panicked.message;
            page.facts = vec![format!("at {}", panicked.place)];
            (Exit::Panic, None)
        }
    };
    for (_, command) in &story.commands {
        if let Command::Without(rules) = command {
            page.without.extend(rules.iter().map(|rule| rule.entry().name.to_owned()));
        }
    }
    (page.verdict, page.exit) = (exit.word().to_owned(), exit.code());
    let words = (!page.oracle.is_empty()).then(|| format!("{}: {}", page.oracle, page.sentence));
    page.views.push(View {
        name: if folder.is_some() { "The smallest schedule" } else { "The story" }.to_owned(),
        about: "Step by step: a story has no time".to_owned(),
        at,
        timeline: timeline(words.as_deref())?,
    });
    let usual = || talk.out.join(item.name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "-"));
    Ok(Told { page, exit, folder: folder.map_or_else(usual, Path::to_path_buf) })
}

/// How a story came out, and the step at which an oracle objected.
fn outcome(page: &mut Page, played: &PlayedStory, story: &Story) -> (Exit, Option<u64>) {
    page.numbers = vec![("steps".to_owned(), played.steps.to_string())];
    if played.failed.is_none() && played.trace != story.trace {
        page.notes.push("The trace of the story is not the one that is recorded in its file.".to_owned());
    }
    match (&played.violation, &played.failed) {
        (Some(violation), _) => {
            let (states, source) = engine::promise(violation.oracle);
            (page.states, page.source) = (states.to_owned(), source.to_owned());
            page.oracle = violation.oracle.to_owned();
            page.sentence.clone_from(&violation.sentence);
            page.facts = violation.facts.to_vec();
            page.servers = violation.servers.iter().map(|server| server.0).collect();
            (Exit::Safety, Some(played.steps))
        }
        (None, Some((line, why))) => {
            page.sentence = format!("line {line} of the story: {why}");
            (Exit::NotReproduced, None)
        }
        (None, None) => {
            page.sentence = "every step was done, every expectation held, no oracle objects".to_owned();
            (Exit::Pass, None)
        }
    }
}

/// The servers and clients of a story.
fn cast(story: &Story) -> (Vec<(u8, bool)>, u16) {
    let (mut ensemble, mut clients) = (EnsembleSpec::default(), 0);
    for (_, command) in &story.commands {
        if let Command::Servers { voters, observers, .. } = command {
            (ensemble.voters, ensemble.observers) = (*voters, *observers);
        }
        if let Command::Set { key: Key::Spares, value } = command {
            ensemble.spares = u8::try_from(*value).unwrap_or(u8::MAX);
        }
        if let Command::ClientIs { client, .. } | Command::ClientAt { client, .. } = command {
            clients = clients.max(client.saturating_add(1));
        }
    }
    (lanes(&ensemble), clients)
}

/// Every server, and whether it begins as an observer; spares come last.
fn lanes(ensemble: &EnsembleSpec) -> Vec<(u8, bool)> {
    let observers = ensemble.voters.saturating_add(1)..=ensemble.voters.saturating_add(ensemble.observers);
    (1..=ensemble.servers()).map(|id| (id, observers.contains(&id))).collect()
}
