//! Faults at the queues' own operations, as clients see them: lost deletes, late messages, failed entries, old counts.
//!
//! They work on requests and answers, so the operations themselves know nothing of them.

use serde_json::{Map, Value, json};
use verifier_model::faults::{Caller, Commit, Fault, Happening, Stage};

use super::sqs_wire::{Answer, SqsWire};

/// The fields of a request, or of an entry of a batch.
type Fields = Map<String, Value>;

/// The longest delay that a message of a standard queue can have.
const DELAY_SECONDS_MAX: u64 = 900;

/// The names of a queue's counts among its attributes.
const COUNTS: [&str; 3] = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
];

impl SqsWire {
    /// Answers an operation, with whatever goes wrong at it.
    pub(super) fn answer_with_faults(&self, action: &str, body: &[u8], caller: Caller) -> Answer {
        let request: Option<Fields> =
            if self.sqs.faults().any() { serde_json::from_slice(body).ok() } else { None };
        // What is no request at all is refused as it always is.
        let Some(mut request) = request else {
            return self.answer(action, body);
        };
        let url = text(&request, "QueueUrl").unwrap_or_default().to_owned();
        let queue = url.rsplit('/').next().unwrap_or_default();
        let at = Happening::new(action, caller).on_queue(queue);
        if action.ends_with("Batch") {
            return match entries_of(&request) {
                Some(entries) => self.batch_with_faults(action, request, entries, at),
                None => self.answer(action, body),
            };
        }
        match self.entry_fault(&request, at) {
            Some(Fault::DeleteLost) => return Ok(json!({})),
            Some(Fault::DelayedDelivery { milliseconds }) => delay(&mut request, milliseconds),
            _ => {}
        }
        let mut answer = self.answer(action, Value::from(request).to_string().as_bytes())?;
        if let Some(Fault::StaleCounts { milliseconds }) =
            self.sqs.faults().decide(Stage::Counts, &at)
        {
            self.show_old_counts(queue, &mut answer, milliseconds);
        }
        Ok(answer)
    }

    /// Takes the entries out that fail before they are carried out, and puts them into the answer.
    fn batch_with_faults(
        &self,
        action: &str,
        mut request: Fields,
        entries: Vec<Fields>,
        at: Happening<'_>,
    ) -> Answer {
        let (mut carried_out, mut failed, mut lost) = (Vec::new(), Vec::new(), Vec::new());
        for mut entry in entries {
            let fault = self.entry_fault(&entry, at);
            if let Some(Fault::FailEntry { code, commit, sender_fault }) = &fault {
                failed.push(json!({"Id": entry.get("Id"), "SenderFault": sender_fault, "Code": code, "Message": "A fault on purpose."}));
                if *commit == Commit::Before {
                    continue;
                }
            }
            match fault {
                Some(Fault::DeleteLost) => {
                    lost.push(json!({"Id": entry.get("Id")}));
                    continue;
                }
                Some(Fault::DelayedDelivery { milliseconds }) => delay(&mut entry, milliseconds),
                _ => {}
            }
            carried_out.push(Value::from(entry));
        }
        let nothing_left = carried_out.is_empty() && !(failed.is_empty() && lost.is_empty());
        request.insert("Entries".to_owned(), carried_out.into());
        let mut answer = if nothing_left {
            json!({})
        } else {
            self.answer(action, Value::from(request).to_string().as_bytes())?
        };
        let has_failed = |entry: &Value| failed.iter().any(|failed| failed["Id"] == entry["Id"]);
        let mut successful = answer["Successful"].as_array().cloned().unwrap_or_default();
        successful.retain(|entry| !has_failed(entry));
        successful.append(&mut lost);
        let mut all_failed = answer["Failed"].as_array().cloned().unwrap_or_default();
        all_failed.append(&mut failed);
        for (name, entries) in [("Successful", successful), ("Failed", all_failed)] {
            answer.as_object_mut().map(|members| members.remove(name));
            if !entries.is_empty() {
                answer[name] = entries.into();
            }
        }
        Ok(answer)
    }

    /// What goes wrong with a request, or with an entry of one.
    fn entry_fault(&self, entry: &Fields, at: Happening<'_>) -> Option<Fault> {
        let message = text(entry, "ReceiptHandle").and_then(|handle| {
            let queue = at.queue.unwrap_or_default();
            self.sqs.look(|model| model.message_of_receipt(queue, handle).cloned())
        });
        let at = match (&message, text(entry, "MessageBody")) {
            (Some(message), _) => at.with_message(&message.message_id, &message.body),
            (None, Some(body)) => at.with_text(body),
            (None, None) => at,
        };
        let stages = [Stage::Entry, Stage::Send, Stage::Delete];
        stages.into_iter().find_map(|stage| self.sqs.faults().decide(stage, &at))
    }

    fn show_old_counts(&self, queue: &str, answer: &mut Value, milliseconds: u64) {
        let fresh = self.sqs.perform(|model, now| model.counts(queue, now));
        let Ok(fresh) = fresh else {
            return;
        };
        let old = self.sqs.faults().stale_counts(queue, fresh, milliseconds);
        let Some(shown) = answer.get_mut("Attributes").and_then(Value::as_object_mut) else {
            return;
        };
        for (name, count) in COUNTS.into_iter().zip([old.visible, old.not_visible, old.delayed]) {
            if let Some(value) = shown.get_mut(name) {
                *value = count.to_string().into();
            }
        }
    }
}

/// The entries of a batch; `None` if they are not what entries are.
fn entries_of(request: &Fields) -> Option<Vec<Fields>> {
    let entries = request.get("Entries")?.as_array()?;
    entries.iter().map(|entry| entry.as_object().cloned()).collect()
}

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name)?.as_str()
}

/// Makes a message that is being sent become available later.
fn delay(entry: &mut Fields, milliseconds: u64) {
    let asked = entry.get("DelaySeconds").and_then(Value::as_u64).unwrap_or_default();
    let longer = asked.saturating_add(milliseconds.div_ceil(1_000));
    entry.insert("DelaySeconds".to_owned(), longer.min(DELAY_SECONDS_MAX).into());
}
