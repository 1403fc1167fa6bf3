//! What AWS's answers report its clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use aws_smithy_types::date_time::Format;
use verifier_core::clock_offset::ClockOffset;
use verifier_model::time::Timestamp;

/// AWS's clock, by the `Date` headers of its answers. Clones are of the same clock.
#[derive(Clone, Debug, Default)]
pub struct ServerClock(Arc<Mutex<ClockOffset>>);

impl ServerClock {
    /// The present time: this machine's, corrected by what AWS's answers told so far.
    pub fn now(&self) -> Timestamp {
        self.offset().apply(wall())
    }

    /// How far AWS's clock is from this machine's.
    pub fn offset(&self) -> ClockOffset {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, date: &str, sent_at: Timestamp) {
        let Ok(date) = DateTime::from_str(date, Format::HttpDate) else { return };
        let Ok(seconds) = u64::try_from(date.secs()) else { return };
        let mut offset = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *offset = offset.narrowed(seconds, sent_at, wall());
    }
}

fn wall() -> Timestamp {
    Timestamp::default()
        + SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// When a request was sent.
#[derive(Debug)]
struct SentAt(Timestamp);

impl Storable for SentAt {
    type Storer = StoreReplace<Self>;
}

#[dyn_dispatch_hint]
impl Intercept for ServerClock {
    fn name(&self) -> &'static str {
        "verifier::ServerClock"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(SentAt(wall()));
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        if let (Some(date), Some(SentAt(sent_at))) = (date, config.load::<SentAt>()) {
            self.learn(date, *sent_at);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_date_moves_the_clock_and_anything_else_does_not() {
        let clock = ServerClock::default();
        for text in ["", "yesterday", "Sat, 28 Nov"] {
            clock.learn(text, wall());
        }
        assert_eq!(clock.offset(), ClockOffset::default());
        let ahead = wall() + Duration::from_secs(90);
        let seconds = i64::try_from(ahead.as_seconds()).unwrap();
        let date = DateTime::from_secs(seconds).fmt(Format::HttpDate).unwrap();
        clock.learn(&date, wall());
        assert!(clock.now().since(wall()) > Duration::from_secs(88));
    }
}
