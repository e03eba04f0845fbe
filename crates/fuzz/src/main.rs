#![forbid(unsafe_code)]
//! `strowger-fuzz`: mutated inputs against all targets, on stable Rust.
//!
//! ```text
//! strowger-fuzz [--seconds 60] [--seed 1] [--threads 2] [--target NAME]… [--findings FOLDER] [--note-each]
//! strowger-fuzz --target NAME FILE…          run these inputs and say what becomes of them
//! ```
//!
//! With `--note-each` every input is written to the folder of findings before it is run, so that one that ends the process
//! (a stack that overflows) is found there. It fails if an input breaks a rule, takes longer than a minute, or if so few inputs are read that the run says nothing.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use strowger_fuzz::report::{share, table};
use strowger_fuzz::{Corpus, Finding, Outcome, Runner, TARGETS, Target, target};

/// Inputs that must be read, in percent of all: else the mutator only makes noise.
const READ_PERCENT_MIN: f64 = 20.0;
/// An input that runs longer is a finding.
const STUCK: Duration = Duration::from_secs(60);

struct Plan {
    seconds: u64,
    seed: u64,
    threads: usize,
    targets: Vec<&'static Target>,
    findings: PathBuf,
    notes: bool,
    files: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let plan = match plan(std::env::args().skip(1)) {
        Ok(plan) => plan,
        Err(problem) => {
            eprintln!("error: {problem}");
            return ExitCode::from(2);
        }
    };
    let result = if plan.files.is_empty() {
        fuzz(&plan)
    } else {
        replay(&plan)
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn plan(mut words: impl Iterator<Item = String>) -> Result<Plan, String> {
    let mut plan = Plan {
        seconds: 60,
        seed: 1,
        threads: std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(2),
        targets: Vec::new(),
        findings: PathBuf::from("target/fuzz-findings"),
        notes: false,
        files: Vec::new(),
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        let number = |text: String| text.parse().map_err(|_| format!("{text} is no number"));
        match word.as_str() {
            "--seconds" => plan.seconds = number(value()?)?,
            "--seed" => plan.seed = number(value()?)?,
            "--threads" => plan.threads = number(value()?)? as usize,
            "--findings" => plan.findings = value()?.into(),
            "--note-each" => plan.notes = true,
            "--target" => {
                let name = value()?;
                plan.targets
                    .push(target(&name).ok_or(format!("there is no target {name}"))?);
            }
            file if !file.starts_with('-') => plan.files.push(file.into()),
            other => return Err(format!("{other} is not known")),
        }
    }
    if plan.targets.is_empty() {
        if !plan.files.is_empty() {
            return Err("files need a --target".into());
        }
        plan.targets = TARGETS.iter().collect();
    }
    Ok(plan)
}

/// Runs files; true if none breaks a rule.
fn replay(plan: &Plan) -> Result<bool, String> {
    let mut sound = true;
    for target in &plan.targets {
        let runner = Runner::new(target);
        for file in &plan.files {
            let input = std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
            match runner.run(&input) {
                Ok(verdict) => println!("{}: {} {verdict:?}", target.name, file.display()),
                Err(finding) => {
                    sound = false;
                    println!(
                        "{}: {} at {}: {}",
                        target.name,
                        file.display(),
                        finding.place,
                        finding.message
                    );
                }
            }
        }
    }
    Ok(sound)
}

/// Fuzzes the targets, as many at a time as there are threads; true if nothing was found.
fn fuzz(plan: &Plan) -> Result<bool, String> {
    let rounds = plan.targets.len().div_ceil(plan.threads.max(1)) as f64;
    let time = Duration::from_secs_f64(plan.seconds as f64 / rounds);
    let left = Mutex::new(plan.targets.clone());
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| -> Result<(), String> {
        let workers: Vec<_> = (0..plan.threads.max(1))
            .map(|_| {
                scope.spawn(|| -> Result<(), String> {
                    loop {
                        let next = left.lock().map_err(|_| "a worker failed")?.pop();
                        let Some(target) = next else {
                            return Ok(());
                        };
                        let outcome = one(plan, target, time)?;
                        outcomes
                            .lock()
                            .map_err(|_| "a worker failed")?
                            .push((target.name, outcome));
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().map_err(|_| "a worker failed")??;
        }
        Ok(())
    })?;
    let mut outcomes: Vec<(&str, Outcome)> =
        outcomes.into_inner().map_err(|_| "a worker failed")?;
    outcomes.sort_by_key(|(name, _)| TARGETS.iter().position(|target| target.name == *name));
    print!("{}", table(&outcomes));
    Ok(judge(&outcomes))
}

/// One target for its time, with a watchdog beside it.
fn one(plan: &Plan, target: &'static Target, time: Duration) -> Result<Outcome, String> {
    let corpus = Corpus::load(&Corpus::folder(), target.name)
        .map_err(|e| format!("corpus of {}: {e}", target.name))?;
    let inputs: Vec<Vec<u8>> = corpus.inputs.into_iter().map(|(_, input)| input).collect();
    let mut runner = Runner::new(target);
    if plan.notes {
        std::fs::create_dir_all(&plan.findings).map_err(|e| e.to_string())?;
        runner.note = Some(plan.findings.join(format!("current-{}", target.name)));
    }
    let over = std::sync::atomic::AtomicBool::new(false);
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(50));
                if let Some(input) = runner.current.stuck(STUCK) {
                    let finding = Finding {
                        input,
                        message: "it takes too long".into(),
                        place: String::new(),
                    };
                    tell(&plan.findings, target, &finding);
                    std::process::exit(3);
                }
            }
        });
        let outcome = runner.fuzz(&inputs, plan.seed, time);
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        outcome
    });
    for finding in &outcome.findings {
        tell(&plan.findings, target, finding);
    }
    Ok(outcome)
}

/// Prints a finding and keeps its input.
fn tell(folder: &Path, target: &Target, finding: &Finding) {
    let seed = strowger_fuzz::Random::of(&finding.input).number();
    let path = folder.join(format!("{}-{seed:016x}", target.name));
    let kept = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, &finding.input));
    println!("{} at {}: {}", target.name, finding.place, finding.message);
    println!("  input: {}", finding.input.escape_ascii());
    match kept {
        Ok(()) => println!("  kept as {}", path.display()),
        Err(problem) => println!("  not kept: {problem}"),
    }
}

fn judge(outcomes: &[(&str, Outcome)]) -> bool {
    let mut sound = true;
    for (name, outcome) in outcomes {
        sound &= outcome.findings.is_empty();
        let read = share(outcome.read, outcome.runs);
        if read < READ_PERCENT_MIN {
            println!("{name}: only {read:.1} % of the inputs are read");
            sound = false;
        }
    }
    sound
}
