//! [`Watch`]: a thread that is not of the runtime. It takes samples of what the process has, and sees to it that every workload goes on.
//!
//! # How growth is measured
//!
//! A second's sample of the heap is the median of five. That of resident memory is taken when the C library's allocator has given back the pages of
//! which nothing is in use: they are the mark of the highest tide, which rises ever more slowly and tells of no leak. Samples after the warm-up
//! are looked at in two ways: by a line of least squares through all, and by the medians of ten windows, the last against the first. A leak shows
//! in both. The run fails when either says more than the limit, of the heap or of resident memory.
//!
//! The populations that a workload keeps are the same at any time (the timers, tasks and clients), so that what is measured should be, too.

use crate::process;
use crate::tally::{Tally, lock};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a workload may stand still.
const STUCK: Duration = Duration::from_secs(60);
const WINDOWS: usize = 10;

#[derive(Clone, Copy)]
struct Sample {
    seconds: f64,
    heap: f64,
    resident: f64,
    /// Of that, what lies unused between blocks.
    unused: f64,
    descriptors: usize,
    threads: usize,
}

pub(crate) struct Watch {
    samples: Arc<Mutex<Vec<Sample>>>,
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watch {
    /// Watches for about so many seconds, and says every `every` seconds how it goes.
    pub(crate) fn start(tally: &Arc<Tally>, seconds: usize, every: usize) -> Self {
        let samples = Arc::new(Mutex::new(Vec::with_capacity(seconds + 60)));
        let over = Arc::new(AtomicBool::new(false));
        let thread = {
            let (tally, samples, over) =
                (Arc::clone(tally), Arc::clone(&samples), Arc::clone(&over));
            thread::spawn(move || watch(&tally, &samples, &over, every))
        };
        Self {
            samples,
            over,
            thread,
        }
    }

    /// Ends the thread.
    pub(crate) fn end(self) -> Samples {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("no panic");
        Samples(std::mem::take(&mut *lock(&self.samples)))
    }
}

fn watch(tally: &Tally, samples: &Mutex<Vec<Sample>>, over: &AtomicBool, every: usize) {
    let began = Instant::now();
    let mut progress: HashMap<&str, (u64, Instant)> = HashMap::with_capacity(64);
    let mut number = 0;
    while !over.load(Ordering::Relaxed) {
        let heap = [(); 5].map(|()| {
            thread::sleep(Duration::from_millis(200));
            process::heap() as f64
        });
        process::trim();
        let sample = Sample {
            seconds: began.elapsed().as_secs_f64(),
            heap: median(heap),
            resident: process::resident() as f64,
            unused: process::unused() as f64,
            descriptors: process::descriptors(),
            threads: process::threads(),
        };
        lock(samples).push(sample);
        number += 1;
        if number % every == 0 {
            println!("{}", line(&sample));
        }
        tally.each_watched(|name, count| {
            let (known, since) = progress.entry(name).or_insert((count, Instant::now()));
            if *known != count {
                (*known, *since) = (count, Instant::now());
            } else if since.elapsed() > STUCK && !tally.is_over() {
                tally.fault(format_args!("stands still at {count}: {name}"));
                *since = Instant::now();
            }
        });
    }
}

fn line(sample: &Sample) -> String {
    format!(
        "{:6.0} s  heap {:7.2} MiB  resident {:7.2} MiB  {:5} descriptors  {:2} threads  {:6.1} s of processor time",
        sample.seconds,
        mib(sample.heap),
        mib(sample.resident),
        sample.descriptors,
        sample.threads,
        process::processor_time().as_secs_f64(),
    )
}

fn mib(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}

fn median(mut values: impl AsMut<[f64]>) -> f64 {
    let values = values.as_mut();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        (values[middle - 1] + values[middle]) / 2.0
    } else {
        values[middle]
    }
}

pub(crate) struct Samples(Vec<Sample>);

/// How a quantity has grown since the warm-up, in bytes.
pub(crate) struct Growth {
    /// By the line of least squares.
    pub(crate) by_line: f64,
    /// From the first window's median to the last one's.
    pub(crate) by_windows: f64,
}

impl Samples {
    /// The most descriptors that there were.
    pub(crate) fn most_descriptors(&self) -> usize {
        self.0.iter().map(|s| s.descriptors).max().unwrap_or(0)
    }

    /// What has grown between these two moments, of the heap and of resident memory; says so, too.
    pub(crate) fn growth(&self, from: f64, to: f64) -> [Growth; 2] {
        self.growth_of("unused", from, to, |sample| sample.unused);
        [
            self.growth_of("heap", from, to, |sample| sample.heap),
            self.growth_of("resident", from, to, |sample| sample.resident),
        ]
    }

    fn growth_of(&self, name: &str, from: f64, to: f64, of: fn(&Sample) -> f64) -> Growth {
        let points: Vec<(f64, f64)> = self
            .0
            .iter()
            .filter(|sample| (from..to).contains(&sample.seconds))
            .map(|sample| (sample.seconds, of(sample)))
            .collect();
        if points.len() < WINDOWS {
            println!("{name}: only {} samples after the warm-up", points.len());
            return Growth {
                by_line: f64::NAN,
                by_windows: f64::NAN,
            };
        }
        let count = points.len() as f64;
        let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
        let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
        let covariance: f64 = points
            .iter()
            .map(|(x, y)| (x - mean_x) * (y - mean_y))
            .sum();
        let variance: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
        let slope = covariance / variance;
        let medians: Vec<f64> = (0..WINDOWS)
            .map(|window| {
                let (first, end) = (
                    window * points.len() / WINDOWS,
                    (window + 1) * points.len() / WINDOWS,
                );
                let values: Vec<f64> = points[first..end].iter().map(|(_, y)| *y).collect();
                median(values)
            })
            .collect();
        let growth = Growth {
            by_line: slope * (points[points.len() - 1].0 - points[0].0),
            by_windows: medians[WINDOWS - 1] - medians[0],
        };
        let spread = medians.iter().copied().fold(f64::MIN, f64::max)
            - medians.iter().copied().fold(f64::MAX, f64::min);
        println!(
            "  {name:8} by a line {:+.0} bytes, {:+.0} an hour; last window less first {:+.0} bytes; greatest less least {spread:.0}",
            growth.by_line,
            slope * 3600.0,
            growth.by_windows,
        );
        let medians: Vec<String> = medians.iter().map(|m| format!("{:.2}", mib(*m))).collect();
        println!("           windows' medians, MiB: {}", medians.join(" "));
        growth
    }
}
