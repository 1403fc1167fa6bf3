//! What an answer to a request means: whether it is sent again, and what may have become of it.

use std::time::Duration;

use verifier_core::check::Exchange;

/// How often at most a request is sent again that was put off or not answered, and how long the first of those waits.
const REPEATS_MAX: u32 = 3;
/// How often at most one is sent again that was answered by an error of the server's.
const ERRORS_MAX: u32 = 1;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest that an answer may put a request off: the failing job is due at its time.
const TOLD_PAUSE_MAX: Duration = Duration::from_secs(10);

/// Whether an answer says to ask again later, or there was none.
///
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>, throttled requests get 429.
fn is_put_off(exchange: &Exchange) -> bool {
    match &exchange.answer {
        Ok(answer) => matches!(answer.status, 429 | 503),
        Err(_) => true,
    }
}

/// Whether an answer is an error of the server's that may be one of the moment: API Gateway gives it where it cannot reach the
/// function, or the function does not answer as it has to.
///
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html>.
pub(super) fn is_error(exchange: &Exchange) -> bool {
    exchange.answer.as_ref().is_ok_and(|answer| matches!(answer.status, 500 | 502 | 504))
}

/// Whether a request is sent again after this answer: as often as one is that says later, or none; an error of the server's once.
pub(super) fn is_sent_again(exchange: &Exchange, repeats: u32, errors: u32) -> bool {
    let is_error_of_the_moment = is_error(exchange) && errors < ERRORS_MAX;
    (is_put_off(exchange) || is_error_of_the_moment) && repeats < REPEATS_MAX
}

/// Whether a request may have put its body on the queue: only one that was not sent at all, or was throttled, is known not to
/// have come to the function.
pub(super) fn may_be_carried_out(exchange: &Exchange) -> bool {
    exchange.answer.as_ref().map_or(!exchange.is_unsent, |answer| answer.status != 429)
}

/// Whether the API said that it could not do what was asked, which a client takes for not done.
///
/// Source: <https://www.rfc-editor.org/rfc/rfc9110#name-503-service-unavailable>.
pub(super) fn is_unavailable(exchange: &Exchange) -> bool {
    exchange.answer.as_ref().is_ok_and(|answer| answer.status == 503)
}

/// How long to wait before the next request: as long as the answer says, within reason, and otherwise longer each time.
///
/// Source: <https://www.rfc-editor.org/rfc/rfc9110#name-retry-after>.
pub(super) fn pause(exchange: &Exchange, requests: u32) -> Duration {
    let answer = exchange.answer.as_ref().ok();
    let told = answer.and_then(|answer| answer.headers.get("retry-after")?.trim().parse().ok());
    let told = told.map(|seconds| Duration::from_secs(seconds).min(TOLD_PAUSE_MAX));
    told.unwrap_or(FIRST_PAUSE * 2_u32.saturating_pow(requests.saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use verifier_core::check::Answer;

    use super::*;

    #[test]
    fn an_answer_says_how_long_to_wait_within_reason() {
        let exchange = |told: Option<&str>| Exchange {
            method: "POST",
            url: String::new(),
            latency: Duration::ZERO,
            answer: Ok(Answer {
                headers: told
                    .map(|told| ("retry-after".to_owned(), told.to_owned()))
                    .into_iter()
                    .collect(),
                ..Answer::default()
            }),
            is_unsent: false,
        };
        let seconds = |told, requests| pause(&exchange(told), requests).as_secs();
        assert_eq!(
            [seconds(Some("3"), 1), seconds(Some("3600"), 1), seconds(Some("0"), 1)],
            [3, 10, 0]
        );
        assert_eq!([seconds(None, 1), seconds(None, 2), seconds(Some("soon"), 3)], [1, 2, 4]);
    }

    #[test]
    fn only_what_is_put_off_or_not_answered_is_asked_again() {
        let exchange = |answer: Result<u16, &str>| Exchange {
            method: "POST",
            url: String::new(),
            latency: Duration::ZERO,
            answer: answer
                .map(|status| Answer { status, ..Answer::default() })
                .map_err(str::to_owned),
            is_unsent: false,
        };
        for answer in [Ok(429), Ok(503), Err("connection reset")] {
            assert!(is_put_off(&exchange(answer)));
        }
        for status in [200, 202, 400, 403, 404, 413, 500, 501, 502, 504] {
            assert!(!is_put_off(&exchange(Ok(status))), "{status}");
        }
        for status in [500, 502, 504] {
            let again = |repeats, errors| is_sent_again(&exchange(Ok(status)), repeats, errors);
            assert_eq!(
                [again(0, 0), again(2, 0), again(3, 0), again(1, 1)],
                [true, true, false, false]
            );
            // It may have been carried out, and does not say that it was not.
            assert!(may_be_carried_out(&exchange(Ok(status))));
            assert!(!is_unavailable(&exchange(Ok(status))));
        }
        assert!(!is_sent_again(&exchange(Ok(501)), 0, 0));
        // What was not sent, or was throttled, has put nothing on the queue; what was only not answered may have.
        assert!(may_be_carried_out(&exchange(Err("connection reset"))));
        assert!(may_be_carried_out(&exchange(Ok(503))));
        assert!(!may_be_carried_out(&exchange(Ok(429))));
        let refused = Exchange { is_unsent: true, ..exchange(Err("connection refused")) };
        assert!(is_put_off(&refused) && !may_be_carried_out(&refused));
    }
}
