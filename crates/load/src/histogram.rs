//! Durations counted in classes of at most 1.6 % width, from 1 ns to years, in fixed memory.

use core::time::Duration;

/// Classes per power of two.
const CLASSES: u64 = 64;

/// The histogram.
#[derive(Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
    max_nanos: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram {
            counts: vec![0; class(u64::MAX) + 1],
            count: 0,
            max_nanos: 0,
        }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(class(nanos)) {
            *count += 1;
        }
        self.count += 1;
        self.max_nanos = self.max_nanos.max(nanos);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest, exactly.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max_nanos)
    }

    /// The duration that `percent` of a hundred did not exceed; zero if nothing was counted.
    pub fn percentile(&self, percent: f64) -> Duration {
        let wanted = (self.count as f64 * percent / 100.0).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (class, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_nanos(end_of(class).min(self.max_nanos));
            }
        }
        self.max()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.counts.fill(0);
        self.count = 0;
        self.max_nanos = 0;
    }
}

impl core::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Histogram({} up to {:?})", self.count, self.max())
    }
}

/// Below 64 each nanosecond is a class, above each power of two has 64.
fn class(nanos: u64) -> usize {
    if nanos < CLASSES {
        return nanos as usize;
    }
    let shift = nanos.ilog2() - CLASSES.ilog2();
    (u64::from(shift) * CLASSES + (nanos >> shift)) as usize
}

/// The longest duration of a class, in nanoseconds.
fn end_of(class: usize) -> u64 {
    let class = class as u64;
    if class < CLASSES {
        return class;
    }
    let shift = class / CLASSES - 1;
    let start = u128::from(class - shift * CLASSES) << shift;
    u64::try_from(start + (1 << shift) - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_lies_in_its_class() {
        for nanos in [0, 1, 63, 64, 65, 127, 128, 1_000, 1_000_000, u64::MAX] {
            let class = class(nanos);
            assert!(end_of(class) >= nanos, "{nanos}");
            assert!(class == 0 || end_of(class - 1) < nanos, "{nanos}");
        }
    }

    #[test]
    fn percentiles_are_close() {
        let mut histogram = Histogram::default();
        for micros in 1..=1_000 {
            histogram.record(Duration::from_micros(micros));
        }
        let p99 = histogram.percentile(99.0).as_nanos() as f64;
        assert!((p99 / 990_000.0 - 1.0).abs() < 0.017, "{p99}");
        assert_eq!(histogram.percentile(100.0), Duration::from_millis(1));
        assert_eq!(Histogram::default().percentile(50.0), Duration::ZERO);
    }
}
