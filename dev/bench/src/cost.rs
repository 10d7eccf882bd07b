//! Calculates costs from measured times: the price of a duration at a memory size, and the number of execution
//! environments that a rate of requests needs.

/// List prices of Lambda in one region, without the free tier and without discounts.
pub(super) struct Prices {
    pub(super) region: &'static str,
    /// The date of the prices.
    pub(super) as_of: &'static str,
    /// Dollars for a GB of memory for a second, x86-64, first tier.
    pub(super) gb_second: f64,
    /// Dollars for a million invocations.
    pub(super) million_invocations: f64,
}

/// The prices. Since August 2025 the start of an execution environment is billed like a request.
pub(super) const PRICES: Prices = Prices {
    region: "us-east-1",
    as_of: "January 2026",
    gb_second: 0.000_016_666_7,
    million_invocations: 0.20,
};

/// The memory, in MB, at which a function gets one whole vCPU; with less memory it gets that part of one.
pub(super) const WHOLE_PROCESSOR: f64 = 1769.0;

/// The time and the CPU time of one request on a whole processor, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    pub(super) wall: f64,
    pub(super) cpu: f64,
}

/// The gigabyte-seconds of a duration in milliseconds with a memory in MB.
pub(super) fn gigabyte_seconds(milliseconds: f64, memory: f64) -> f64 {
    milliseconds / 1000.0 * memory / 1024.0
}

impl Work {
    /// The duration in milliseconds with a memory in MB: the CPU time becomes longer with less memory, the waiting does
    /// not.
    pub(super) fn duration(self, memory: f64) -> f64 {
        let waiting = (self.wall - self.cpu).max(0.0);
        (waiting + self.cpu * (WHOLE_PROCESSOR / memory).max(1.0)) / 1000.0
    }

    /// The cost of a million of these requests in dollars, with a memory in MB. Each is billed in whole milliseconds.
    pub(super) fn dollars_per_million(self, memory: f64) -> f64 {
        let each = gigabyte_seconds(self.duration(memory).ceil(), memory);
        1e6 * each * PRICES.gb_second + PRICES.million_invocations
    }

    /// The average number of busy environments at a rate of requests per second (Little's law).
    pub(super) fn environments(self, memory: f64, rate: f64) -> f64 {
        rate * self.duration(memory) / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-6
    }

    #[test]
    fn waiting_is_not_stretched_and_computing_is() {
        let work = Work { wall: 3000.0, cpu: 1000.0 };
        assert!(close(work.duration(WHOLE_PROCESSOR), 3.0));
        assert!(close(work.duration(WHOLE_PROCESSOR / 4.0), 6.0));
        assert!(close(work.duration(10_240.0), 3.0), "a second processor does not help one thread");
        // CPU time after the response can make the CPU time longer than the wall time.
        assert!(close(Work { wall: 500.0, cpu: 1000.0 }.duration(WHOLE_PROCESSOR), 1.0));
    }

    #[test]
    fn a_million_requests_cost_their_gigabyte_seconds_and_their_number() {
        // 100 ms with 1,024 MB, a million times: 100,000 GB-seconds.
        let work = Work { wall: 100_000.0, cpu: 0.0 };
        assert!(close(work.dollars_per_million(1024.0), 100_000.0 * 0.000_016_666_7 + 0.20));
        // A part of a millisecond is billed as a whole one.
        let short = Work { wall: 10.0, cpu: 0.0 };
        assert!(close(short.dollars_per_million(1024.0), 1000.0 * 0.000_016_666_7 + 0.20));
    }

    #[test]
    fn environments_are_rate_times_duration() {
        let work = Work { wall: 20_000.0, cpu: 0.0 };
        assert!(close(work.environments(512.0, 1000.0), 20.0));
    }
}
