//! The process's own use of the machine, from /proc (Linux).

use std::fs;

use super::text::{Kind, Text};

/// Ticks of a second in /proc/PID/stat; the kernel fixes them at 100 for every architecture we run on.
const TICKS: f64 = 100.0;

/// Figures as Prometheus's client libraries name them; none when the system does not tell.
#[derive(Debug, Default)]
pub(super) struct Process {
    cpu_seconds: Option<f64>,
    start_time_seconds: Option<f64>,
    resident_bytes: Option<f64>,
    virtual_bytes: Option<f64>,
    open_fds: Option<f64>,
    max_fds: Option<f64>,
}

impl Process {
    pub fn read() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The second field is the program's name in parentheses and may contain anything.
        let fields: Vec<&str> =
            stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let kibibytes = |name| Some(number_after(&status, name)? * 1024.0);
        Self {
            cpu_seconds: cpu_seconds(),
            start_time_seconds: field(22).zip(boot_time()).map(|(start, boot)| boot + start / TICKS),
            resident_bytes: kibibytes("VmRSS:"),
            virtual_bytes: kibibytes("VmSize:"),
            // The listing itself has one open.
            open_fds: fs::read_dir("/proc/self/fd").ok().map(|fds| fds.count().saturating_sub(1) as f64),
            max_fds: fs::read_to_string("/proc/self/limits")
                .ok()
                .and_then(|limits| number_after(&limits, "Max open files")),
        }
    }

    pub fn render(&self, text: &mut Text) {
        use Kind::{Counter, Gauge};
        let figures = [
            ("process_cpu_seconds_total", Counter, "User and system CPU time.", self.cpu_seconds),
            (
                "process_start_time_seconds",
                Gauge,
                "Start time since the Unix epoch.",
                self.start_time_seconds,
            ),
            ("process_resident_memory_bytes", Gauge, "Resident memory.", self.resident_bytes),
            ("process_virtual_memory_bytes", Gauge, "Virtual memory.", self.virtual_bytes),
            ("process_open_fds", Gauge, "Open file descriptors.", self.open_fds),
            ("process_max_fds", Gauge, "Limit of open file descriptors.", self.max_fds),
        ];
        for (name, kind, help, figure) in figures {
            if let Some(figure) = figure {
                text.family(name, kind, help);
                text.sample(name, &[], figure);
            }
        }
    }
}

/// User and system time of all threads, to the nanosecond: /proc tells it in ticks alone.
fn cpu_seconds() -> Option<f64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a value of ours that lives through the call.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    (result == 0).then(|| time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

fn boot_time() -> Option<f64> {
    number_after(&fs::read_to_string("/proc/stat").ok()?, "btime")
}

/// The first number on the line that begins with `name`.
fn number_after(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
