//! Single faults: each [scenario](scenarios) is run once to count its system calls by kind; then once for each of them and each way in
//! which it can fail, and exactly that call fails so.
//!
//! Whatever fails, the run ends as it should: with an error that bears the kernel's number, where one is due, for who made the call; or as
//! if nothing had been. Beside that, always: no byte is lost or wrong, what has nothing to do with it goes on, no task and no
//! descriptor is left, nobody panics, and neither processor time nor calls are spent in vain.
//!
//! ```text
//! cargo test --test runtime_faults                          a part of the calls of each kind
//! WATERWHEEL_LONG=1 cargo test --test runtime_faults        all of them, on more workers and several times
//! cargo test --test runtime_faults -- relay splice          of one scenario, the calls with that in their name
//! ```
//!
//! | module | what is there |
//! |---|---|
//! | `calls` | the kinds of calls, what each can fail with, and what is to come of it |
//! | `kernel` | the C functions that the runtime calls, which fail when they are told to |
//! | `injector` | which call fails |
//! | `scenarios` | what is run |
//! | `ledger` | what the parties of a run have met |
//! | `run` | one run |
//!
//! There is no seam in the runtime for this: see `kernel`. Runs differ, as threads do: a call that a run does not come to is counted as
//! not reached, and the run must be as one without a fault.

mod calls;
mod injector;
mod kernel;
mod ledger;
mod run;
mod scenarios;

use calls::{Call, Expect, Fault};
use injector::{Plan, exempt};
use ledger::{Entries, code_of};
use run::{Outcome, Workers};
use scenarios::Scenario;
use std::env;
use std::io;
use std::iter;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use waterwheel::signal::{SignalKind, signal};

/// So many runs without a fault tell how many calls there are.
const CLEAN_RUNS: usize = 3;

/// How many calls of a kind fail in the bounded sweep, for each scenario and number of workers.
const FIRST: usize = 3;
const FURTHER: usize = 3;

/// How often the long sweep is made: threads meet otherwise each time.
const LONG_ROUNDS: usize = 3;

/// What has come of the faults of one kind of call.
#[derive(Clone, Copy, Default)]
struct Tally {
    calls: usize,
    injected: usize,
    invisible: usize,
    reported: usize,
    not_reached: usize,
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    if env::args().any(|word| word == "--list") {
        return ExitCode::SUCCESS;
    }
    if env::var_os("ASAN_OPTIONS").is_some() {
        println!(
            "skipped: AddressSanitizer has definitions of its own of the functions that fail here"
        );
        return ExitCode::SUCCESS;
    }
    let scenario = words.first().cloned().unwrap_or_default();
    let call = words.get(1).cloned().unwrap_or_default();
    exempt(|| sweep(&scenario, &call))
}

fn sweep(of_scenario: &str, of_call: &str) -> ExitCode {
    let begun = Instant::now();
    let long = env::var_os("WATERWHEEL_LONG").is_some();
    // The handler and its eventfd are for good: they are no leak.
    drop(signal(SignalKind::user_defined1()).expect("a handler"));
    run::collect_panics();
    let mut tallies = [Tally::default(); calls::CALLS];
    let (mut runs, mut bad) = (0, 0);
    for scenario in scenarios::ALL {
        if !scenario.name.contains(of_scenario) {
            continue;
        }
        for workers in workers_for(scenario, long) {
            let mut judge = Judge::default();
            for _ in 0..CLEAN_RUNS {
                let outcome = run_one(scenario, workers, None);
                judge.learn(&outcome);
                bad += usize::from(!judge.accepts(scenario, workers, None, &outcome));
            }
            for &call in calls::ALL {
                if !call.name().contains(of_call) {
                    continue;
                }
                let tally = &mut tallies[call as usize];
                let count = judge.most[call as usize];
                tally.calls += count;
                for index in chosen(count, long) {
                    for &(fault, _) in call.faults() {
                        // Nobody can overtake who is alone.
                        if fault == Fault::Overtaken && !matches!(workers, Workers::Number(2..)) {
                            continue;
                        }
                        let plan = Plan { call, index, fault };
                        let outcome = run_one(scenario, workers, Some(plan));
                        runs += 1;
                        bad += usize::from(!judge.accepts(scenario, workers, Some(plan), &outcome));
                        tally.add(&outcome);
                    }
                }
            }
        }
    }
    print(&tallies);
    let never = calls::ALL.iter().zip(&tallies);
    for (call, _) in never.filter(|(_, tally)| tally.injected == 0) {
        if of_scenario.is_empty() && of_call.is_empty() {
            println!("FAILED: no call of {} came to fail", call.name());
            bad += 1;
        }
    }
    let injected: usize = tallies.iter().map(|tally| tally.injected).sum();
    println!(
        "{injected} faults injected in {runs} runs, {:.1} s: {bad} things were not as they should be",
        begun.elapsed().as_secs_f64()
    );
    if bad == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run_one(scenario: &'static Scenario, workers: Workers, plan: Option<Plan>) -> Outcome {
    run::run(scenario, workers, plan).unwrap_or_else(|what| {
        println!("FAILED {}", describe(scenario, workers, plan));
        println!("    {what}");
        std::process::exit(1);
    })
}

fn describe(scenario: &Scenario, workers: Workers, plan: Option<Plan>) -> String {
    let (name, plan) = (
        scenario.name,
        plan.map(|plan| {
            let Plan { call, index, fault } = plan;
            format!("{} number {index}: {fault:?}", call.name())
        }),
    );
    format!(
        "{name}, {workers:?}, {}",
        plan.unwrap_or_else(|| "no fault".to_owned())
    )
}

/// In which runtimes it is run, and how often in each.
fn workers_for(scenario: &Scenario, long: bool) -> Vec<Workers> {
    let short = scenario.from_birth.then_some(Workers::Short);
    let numbers: &[usize] = if long { &[1, 2, 4] } else { &[1, 2] };
    let once = short
        .into_iter()
        .chain(numbers.iter().copied().map(Workers::Number));
    let times = if long { LONG_ROUNDS } else { 1 };
    once.flat_map(|workers| iter::repeat_n(workers, times))
        .collect()
}

/// Which of so many calls fail.
fn chosen(count: usize, all: bool) -> Vec<usize> {
    if all || count <= FIRST + FURTHER {
        return (0..count).collect();
    }
    let further = (1..=FURTHER).map(|n| FIRST - 1 + n * (count - FIRST) / FURTHER);
    (0..FIRST).chain(further).collect()
}

/// What runs without a fault are like.
#[derive(Default)]
struct Judge {
    most: Vec<usize>,
    calls: usize,
    spent: Duration,
}

impl Judge {
    fn learn(&mut self, clean: &Outcome) {
        self.most.resize(calls::CALLS, 0);
        for (most, &count) in self.most.iter_mut().zip(&clean.counts) {
            *most = (*most).max(count);
        }
        self.calls = self.calls.max(clean.counts.iter().sum());
        self.spent = self.spent.max(clean.spent);
    }

    /// Whether a run was as it should be. If not, says why.
    fn accepts(
        &self,
        scenario: &Scenario,
        workers: Workers,
        plan: Option<Plan>,
        outcome: &Outcome,
    ) -> bool {
        let mut wrong = outcome.wrong.clone();
        let expect = match plan {
            Some(plan) if outcome.reached => expected(scenario, plan),
            _ => Expect::Invisible,
        };
        let code = plan.and_then(|plan| plan.fault.code());
        let dies = match expect {
            Expect::Fatal => true,
            Expect::NothingOrFatal => !outcome.panics.is_empty(),
            _ => false,
        };
        if dies {
            let told = |message: &String| message.contains("the reactor cannot wait for events");
            if !outcome.panics.iter().any(told) {
                wrong.push(format!("nobody has told why: {:?}", outcome.panics));
            }
        } else {
            wrong.extend(outcome.panics.iter().cloned());
            wrong.extend(check(expect, code, &outcome.entries));
        }
        let calls: usize = outcome.counts.iter().sum();
        if calls > 3 * self.calls + 200 {
            wrong.push(format!("{calls} calls, and {} without a fault", self.calls));
        }
        if outcome.spent > 3 * self.spent + Duration::from_millis(100) {
            let (spent, usual) = (outcome.spent, self.spent);
            wrong.push(format!(
                "{spent:?} of processor time, and {usual:?} without a fault"
            ));
        }
        if !wrong.is_empty() {
            println!("FAILED {}", describe(scenario, workers, plan));
            for what in &wrong {
                println!("    {what}");
            }
        }
        wrong.is_empty()
    }
}

fn expected(scenario: &Scenario, plan: Plan) -> Expect {
    if let Some(expect) = (scenario.expect)(plan.call, plan.fault) {
        return expect;
    }
    let rows = plan.call.faults().iter();
    let row = rows.copied().find(|(fault, _)| *fault == plan.fault);
    row.expect("it was planned from there").1
}

/// What is wrong about the errors that the parties have met.
fn check(expect: Expect, code: Option<i32>, entries: &Entries) -> Option<String> {
    let Entries { failed, told } = entries;
    let is_it = |error: &io::Error| code_of(error) == code;
    let right = match expect {
        Expect::NothingOrWriteZero if failed.is_empty() => told.is_empty(),
        Expect::NothingOrTold if told.is_empty() => failed.is_empty(),
        Expect::Fatal | Expect::NothingOrFatal | Expect::Invisible => {
            failed.is_empty() && told.is_empty()
        }
        Expect::Told | Expect::NothingOrTold => {
            failed.is_empty() && !told.is_empty() && told.iter().all(is_it)
        }
        Expect::Reported => {
            told.is_empty()
                && failed.iter().any(|(_, error)| is_it(error))
                && entries.parts().len() <= 1
        }
        Expect::WriteZero | Expect::NothingOrWriteZero => {
            let zero = |error: &io::Error| error.kind() == io::ErrorKind::WriteZero;
            told.is_empty()
                && failed.iter().any(|(_, error)| zero(error))
                && entries.parts().len() <= 1
        }
    };
    (!right).then(|| format!("{expect:?} was expected, and there is {entries:?}"))
}

impl Fault {
    /// The kernel's number.
    fn code(self) -> Option<i32> {
        match self {
            Fault::Fail(code) | Fault::Lasting(code) | Fault::Lie(code) => Some(code),
            _ => None,
        }
    }
}

impl Tally {
    fn add(&mut self, outcome: &Outcome) {
        if !outcome.reached {
            self.not_reached += 1;
            return;
        }
        self.injected += 1;
        let Entries { failed, told } = &outcome.entries;
        if failed.is_empty() && told.is_empty() && outcome.panics.is_empty() {
            self.invisible += 1;
        } else {
            self.reported += 1;
        }
    }
}

fn print(tallies: &[Tally]) {
    println!(
        "{:<28}{:>7}{:>10}{:>11}{:>10}{:>13}",
        "call", "made", "injected", "invisible", "reported", "not reached"
    );
    for (call, tally) in calls::ALL.iter().zip(tallies) {
        let Tally {
            calls,
            injected,
            invisible,
            reported,
            not_reached,
        } = tally;
        if *calls > 0 {
            let name = Call::name(*call);
            println!(
                "{name:<28}{calls:>7}{injected:>10}{invisible:>11}{reported:>10}{not_reached:>13}"
            );
        }
    }
}
