//! `GET /hello`: says which preview answers.
//!
//! The pull request and the version are fixed when the stack is deployed, so they are read once, when the
//! function starts, and every request gets the same answer.

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use contract::HelloResponse;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

/// The environment variable that holds the pull request's number.
pub const PR_NUMBER: &str = "PR_NUMBER";

/// The environment variable that holds the deployed version, usually a commit.
pub const PREVIEW_VERSION: &str = "PREVIEW_VERSION";

/// What `pr` says where no pull request was given.
pub const UNKNOWN_PR: &str = "unknown";

/// Builds the greeting from the environment, which `variable` looks up.
///
/// An empty variable counts as missing: templates pass a parameter's empty default on as an empty string.
pub fn greeting(variable: impl Fn(&str) -> Option<String>) -> HelloResponse {
    let given = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let pr = given(PR_NUMBER).unwrap_or_else(|| UNKNOWN_PR.to_owned());
    let version = given(PREVIEW_VERSION).unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned());
    HelloResponse { message: format!("Hello from preview {pr}!"), pr, version }
}

/// Answers one request with the greeting.
pub fn handle(greeting: &HelloResponse) -> Result<ApiGatewayV2httpResponse, serde_json::Error> {
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = 200;
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.body = Some(serde_json::to_string(greeting)?.into());
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting_from(variables: &[(&str, &str)]) -> HelloResponse {
        greeting(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_says_which_preview_it_is() {
        let hello = greeting_from(&[(PR_NUMBER, "123"), (PREVIEW_VERSION, "0a1b2c3")]);
        assert_eq!(hello.pr, "123");
        assert_eq!(hello.version, "0a1b2c3");
        assert!(hello.message.contains("123"), "{}", hello.message);
    }

    #[test]
    fn missing_and_empty_variables_fall_back() {
        for variables in [&[][..], &[(PR_NUMBER, ""), (PREVIEW_VERSION, " ")]] {
            let hello = greeting_from(variables);
            assert_eq!(hello.pr, UNKNOWN_PR);
            assert_eq!(hello.version, env!("CARGO_PKG_VERSION"));
        }
    }

    #[test]
    fn the_answer_is_json_that_the_contract_reads() {
        let greeting = greeting_from(&[(PR_NUMBER, "7")]);
        let response = serde_json::to_value(handle(&greeting).unwrap()).unwrap();
        assert_eq!(response["statusCode"], 200);
        assert_eq!(response["headers"]["content-type"], "application/json");
        assert_eq!(response["isBase64Encoded"], false);
        let body: HelloResponse = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        assert_eq!(body, greeting);
    }
}
