//! The events of this function: from an operator, from a schedule, or from `CloudFormation`.

use serde::de::Error as _;
use serde_json::{Result, Value};

use crate::custom_resource::CustomResourceRequest;
use crate::task::Task;

/// The senders of scheduled events: a rule of `EventBridge`, and `EventBridge` Scheduler.
const SCHEDULES: [&str; 2] = ["aws.events", "aws.scheduler"];

/// An event of this function.
pub(crate) enum Event {
    /// A task that an operator asks for.
    Task(Task),
    /// A step of a deployment.
    CustomResource(CustomResourceRequest),
}

impl Event {
    /// Reads the JSON of an event. The default event of a schedule names no task: it stands for the purge.
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
