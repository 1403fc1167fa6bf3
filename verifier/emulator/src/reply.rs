//! Answers in the shapes of AWS's protocols.

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};

/// An HTTP answer.
pub(crate) type Reply = Response<Body>;

/// Marks an answer that brings nothing: no message was there.
#[derive(Clone, Copy)]
pub(crate) struct FoundNothing;

/// A request id, as AWS puts one into every answer.
pub(crate) const REQUEST_ID: &str = "00000000-0000-0000-0000-000000000000";

/// An answer with a body.
pub(crate) fn reply(status: u16, content_type: &str, body: impl Into<Body>) -> Reply {
    let mut response = Response::new(body.into());
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(value) = content_type.parse() {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}

/// Adds a header; one that HTTP does not allow is left out.
pub(crate) fn with_header(mut response: Reply, name: &'static str, value: &str) -> Reply {
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Why a request is refused, before it has the shape of a protocol.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    /// A refusal with status 400.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into() }
    }
}

/// The AWS JSON protocols, and Lambda's REST interface.
pub(crate) mod aws_json {
    use super::{Reply, Serialize, Value, json, reply, with_header};

    /// A success.
    pub(crate) fn success(version: &str, body: &impl Serialize) -> Reply {
        let body = serde_json::to_vec(body).unwrap_or_default();
        reply(200, &format!("application/x-amz-json-{version}"), body)
    }

    /// An error, its code given as the shape's name.
    pub(crate) fn error(version: &str, status: u16, code: &str, message: &str) -> Reply {
        let body = json!({"__type": code, "message": message});
        let response =
            reply(status, &format!("application/x-amz-json-{version}"), body.to_string());
        with_header(response, "x-amzn-errortype", code)
    }

    /// A success of a REST interface.
    pub(crate) fn rest(status: u16, body: &Value) -> Reply {
        reply(status, "application/json", body.to_string())
    }

    /// An error of a REST interface.
    pub(crate) fn rest_error(status: u16, code: &str, message: &str) -> Reply {
        let body = json!({"Type": "User", "message": message, "Message": message});
        with_header(rest(status, &body), "x-amzn-errortype", code)
    }
}

impl Refusal {
    /// In the shape of a REST interface.
    pub(crate) fn rest(&self) -> Reply {
        aws_json::rest_error(self.status, self.code, &self.message)
    }

    /// In the shape of the query protocol.
    pub(crate) fn query(&self, namespace: &str) -> Reply {
        aws_query::error(self.status, namespace, self.code, &self.message)
    }
}

/// A document in XML, in which a character that XML 1.0 does not have, such as an escape, is replaced: no client could read any of it.
///
/// Source: <https://www.w3.org/TR/xml/#charsets>.
pub(crate) fn xml_document(text: String) -> String {
    let is_legal = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if text.chars().all(is_legal) {
        return text;
    }
    text.chars().map(|c| if is_legal(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// The AWS query protocol.
pub(crate) mod aws_query {
    use super::{REQUEST_ID, Reply, Serialize, reply, xml_document};

    /// A list, each of whose entries is an element `member`.
    #[derive(Serialize)]
    pub(crate) struct Members<T> {
        member: Vec<T>,
    }

    impl<T> FromIterator<T> for Members<T> {
        fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
            Self { member: items.into_iter().collect() }
        }
    }

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Metadata {
        request_id: &'static str,
    }

    /// A success of `action`: the result in its envelope.
    pub(crate) fn success(action: &str, namespace: &str, result: &impl Serialize) -> Reply {
        let inner = quick_xml::se::to_string_with_root(&format!("{action}Result"), result);
        let metadata = quick_xml::se::to_string_with_root(
            "ResponseMetadata",
            &Metadata { request_id: REQUEST_ID },
        );
        match (inner, metadata) {
            (Ok(inner), Ok(metadata)) => reply(
                200,
                "text/xml",
                xml_document(format!(
                    "<{action}Response xmlns=\"{namespace}\">{inner}{metadata}</{action}Response>"
                )),
            ),
            (Err(error), _) | (_, Err(error)) => {
                self::error(500, namespace, "InternalFailure", &error.to_string())
            }
        }
    }

    /// A success of `action`, whose result is given as its elements.
    pub(crate) fn success_of(action: &str, namespace: &str, elements: &str) -> Reply {
        reply(
            200,
            "text/xml",
            xml_document(format!(
                "<{action}Response xmlns=\"{namespace}\"><{action}Result>{elements}</{action}Result><ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></{action}Response>"
            )),
        )
    }

    /// A success of an `action` that has no result.
    pub(crate) fn done(action: &str, namespace: &str) -> Reply {
        reply(
            200,
            "text/xml",
            xml_document(format!(
                "<{action}Response xmlns=\"{namespace}\"><ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></{action}Response>"
            )),
        )
    }

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct ErrorBody<'a> {
        #[serde(rename = "Type")]
        kind: &'a str,
        code: &'a str,
        message: &'a str,
    }

    /// An error.
    pub(crate) fn error(status: u16, namespace: &str, code: &str, message: &str) -> Reply {
        let kind = if status < 500 { "Sender" } else { "Receiver" };
        let inner = quick_xml::se::to_string_with_root("Error", &ErrorBody { kind, code, message });
        let inner = inner.unwrap_or_default();
        reply(
            status,
            "text/xml",
            xml_document(format!(
                "<ErrorResponse xmlns=\"{namespace}\">{inner}<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
            )),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_does_not_have_is_replaced_and_the_rest_stays() {
        let text = "a\tb\nc é 𝄞 \u{fffd}";
        assert_eq!(xml_document(text.to_owned()), text);
        assert_eq!(
            xml_document("\u{1b}[31m\u{0}\u{ffff}\u{fffe}".to_owned()),
            "\u{fffd}[31m\u{fffd}\u{fffd}\u{fffd}"
        );
    }
}
