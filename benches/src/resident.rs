//! A contestant that stays in its `block_on`, on a thread of its own, from one sample to the next.
//!
//! So what a workload has prepared, such as a million pending timers, lives through all rounds, also in a runtime that ends
//! with its `block_on`. Between samples the thread blocks on a channel, within a poll: it runs no timers, and takes no time
//! from whoever is measured.

use crate::contest::{Contestant, Sample};
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// The samples that a resident is asked for.
pub(crate) struct Requests {
    iterations: Receiver<u32>,
    samples: Sender<Sample>,
}

impl Requests {
    /// Answers every request with a sample of so many iterations, until the contest is over.
    pub(crate) async fn answer(self, mut sample: impl AsyncFnMut(u32) -> Sample) {
        while let Ok(iterations) = self.iterations.recv() {
            let sample = sample(iterations).await;
            self.samples.send(sample).expect("whoever asks waits");
        }
    }
}

/// Runs `main`, which is to enter its runtime and answer the requests there, on a new thread. It ends with the contestant.
pub(crate) fn resident(
    name: &'static str,
    main: impl FnOnce(Requests) + Send + 'static,
) -> io::Result<Contestant> {
    let (ask, iterations) = channel();
    let (samples, answer) = channel();
    let requests = Requests {
        iterations,
        samples,
    };
    let thread = thread::Builder::new().name(name.to_owned());
    let mut resident = Resident {
        ask: Some(ask),
        answer,
        thread: Some(thread.spawn(move || main(requests))?),
    };
    Ok(Contestant {
        name,
        measure: Box::new(move |iterations| resident.measure(iterations)),
    })
}

struct Resident {
    /// Taken away to say that the contest is over.
    ask: Option<Sender<u32>>,
    answer: Receiver<Sample>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Resident {
    fn measure(&mut self, iterations: u32) -> Sample {
        let ask = self.ask.as_ref().expect("the contest is not over");
        // If the thread has panicked, it has said why.
        ask.send(iterations).expect("the resident lives");
        self.answer.recv().expect("the resident answers")
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        self.ask = None;
        let ended = self.thread.take().expect("it is joined once").join();
        if !thread::panicking() {
            ended.expect("the resident ends well");
        }
    }
}
