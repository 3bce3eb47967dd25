//! How an event ends the process.

use std::hint::black_box;
use std::process::Command;

use feed_tests::group::DIES_OF;
use feed_tests::group::fate::Way;

/// Says of which event it dies, and does.
pub(crate) fn die(way: Way, position: i64) -> ! {
    tracing::warn!(position, "dies: {way:?}");
    eprintln!("{DIES_OF}{position}");
    match way {
        Way::Abort => std::process::abort(),
        Way::StackOverflow => {
            let depth = descend(0);
            unreachable!("a stack is not {depth} calls deep");
        }
        Way::Kill => {
            // The shell's own kill: the program of that name is not installed everywhere.
            let killed = Command::new("sh").args(["-c", "kill -s KILL $PPID"]).status();
            unreachable!("killed, and here: {killed:?}");
        }
    }
}

fn descend(depth: u64) -> u64 {
    let page = black_box([depth; 512]);
    let deeper = if depth == u64::MAX { depth } else { descend(depth + 1) };
    deeper.min(page[0] + 1)
}
