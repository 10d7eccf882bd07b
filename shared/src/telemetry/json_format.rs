//! The format of the log: each line is a JSON object with a timestamp, a level, the event's fields, its target in the
//! code, and the span of its request.

use std::fmt::{self, Debug};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Formats events as JSON. The fields of a span are formatted once, and copied into each of its lines.
#[derive(Debug, Clone, Copy)]
pub struct JsonFormat;

impl<'writer> FormatFields<'writer> for JsonFormat {
    /// As members that follow others, each after a comma.
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut members = Members { writer, outcome: Ok(()) };
        fields.record(&mut members);
        members.outcome
    }
}

impl<S: Subscriber + for<'span> LookupSpan<'span>> FormatEvent<S, Self> for JsonFormat {
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Self>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        line.write_str(r#"{"timestamp":""#)?;
        SystemTime.format_time(&mut line)?;
        write!(line, r#"","level":"{}""#, metadata.level())?;
        self.format_fields(line.by_ref(), event)?;
        write!(line, r#","target":"{}""#, metadata.target())?;
        if let Some(span) = context.lookup_current() {
            write!(line, r#","span":{{"name":"{}""#, span.name())?;
            if let Some(members) = span.extensions().get::<FormattedFields<Self>>() {
                line.write_str(members)?;
            }
            line.write_char('}')?;
        }
        line.write_str("}\n")
    }
}

struct Members<'writer> {
    writer: Writer<'writer>,
    outcome: fmt::Result,
}

impl Members<'_> {
    fn add(&mut self, field: &Field, json: impl fmt::Display) {
        if self.outcome.is_ok() {
            self.outcome = write!(self.writer, r#","{}":{json}"#, field.name());
        }
    }

    fn add_text(&mut self, field: &Field, text: &str) {
        match serde_json::to_string(text) {
            Ok(json) => self.add(field, json),
            Err(_) => self.outcome = Err(fmt::Error),
        }
    }
}

impl Visit for Members<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add_text(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add_text(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing::subscriber::with_default;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that `work` logs, without their times.
    fn logged(work: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        let format = tracing_subscriber::fmt().fmt_fields(JsonFormat).event_format(JsonFormat);
        with_default(format.with_writer(move || writer.clone()).finish(), work);
        let bytes = lines.0.lock().unwrap();
        let lines = std::str::from_utf8(&bytes).unwrap().lines();
        let lines = lines.map(|line| serde_json::from_str(line).expect("a line is a JSON object"));
        let without_time = |mut line: Value| {
            let time = line.as_object_mut().unwrap().remove("timestamp").unwrap();
            assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
            line
        };
        lines.map(without_time).collect()
    }

    #[test]
    fn a_line_holds_what_happened_and_in_which_request() {
        let lines = logged(|| {
            let span = tracing::info_span!("request", request_id = "4711", cold_start = true).entered();
            tracing::warn!(target: "security", status = 200_u16, left = -1, route = None::<&str>, "answered");
            drop(span);
            tracing::info!(method = %"GET", kinds = ?["a"], "outside");
        });
        let target = module_path!();
        assert_eq!(
            lines,
            [
                json!({"level": "WARN", "message": "answered", "status": 200, "left": -1, "target": "security",
                    "span": {"name": "request", "request_id": "4711", "cold_start": true}}),
                json!({"level": "INFO", "message": "outside", "method": "GET", "kinds": "[\"a\"]", "target": target}),
            ]
        );
    }

    #[test]
    fn no_text_ends_its_line_or_its_member() {
        const TEXT: &str = "a\n{\"event\":\"fake\"}\u{0}\u{1b}[31m\\";
        let lines = logged(|| tracing::info!(name = TEXT, shown = %TEXT, "{TEXT}"));
        assert_eq!(lines.len(), 1);
        for member in ["name", "shown", "message"] {
            assert_eq!(lines[0][member], TEXT, "{member}");
        }
    }
}
