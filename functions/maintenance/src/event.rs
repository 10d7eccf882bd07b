//! Who asks: somebody directly, the schedule, or `CloudFormation`.

use serde::de::Error as _;
use serde_json::{Result, Value};

use crate::Task;
use crate::custom_resource::CustomResource;

/// Who sends the events of a schedule: a rule of `EventBridge`, and `EventBridge` Scheduler.
const SCHEDULES: [&str; 2] = ["aws.events", "aws.scheduler"];

/// An event of this function.
pub(crate) enum Event {
    /// A task that somebody asks for.
    Task(Task),
    /// A step of a deployment.
    CustomResource(CustomResource),
}

impl Event {
    /// What the text of an event says. A schedule's own event says that it is time and not for what: it means the purge.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let event: Value = serde_json::from_str(text)?;
        if event.get("RequestType").is_some() {
            return serde_json::from_str(text).map(Self::CustomResource);
        }
        if event["detail-type"] == "Scheduled Event" {
            return if SCHEDULES.iter().any(|schedule| event["source"] == *schedule) {
                Ok(Self::Task(Task::Purge {}))
            } else {
                Err(serde_json::Error::custom("a scheduled event that no schedule sent"))
            };
        }
        serde_json::from_str(text).map(Self::Task)
    }
}
