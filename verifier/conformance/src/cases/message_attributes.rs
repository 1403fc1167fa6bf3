//! Message attributes and message system attributes.

use std::collections::BTreeMap;

use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    Message, MessageAttributeValue, MessageSystemAttributeName, MessageSystemAttributeNameForSends,
    MessageSystemAttributeValue, QueueAttributeName,
};

use super::run;
use crate::case::Case;
use crate::case::Source::{Api, Guide, Recorded};
use crate::problem::{Problem, Verdict, ensure, equal};
use crate::refusal::INVALID_PARAMETER;
use crate::refused::{refused, refused_saying};
use crate::stand::{Stand, has_system, some_system};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "sqs.message-attributes.text-and-numbers",
        Recorded("test_receive_message_message_attribute_names_filters"),
        "Text attributes arrive as they were sent, and both answers have the MD5 that AWS computes.",
        run!(text_and_numbers),
    ),
    Case::new(
        "sqs.message-attributes.binary",
        Recorded("test_send_message_with_binary_attributes"),
        "Binary attributes arrive as they were sent, with the MD5 that AWS computes.",
        run!(binary),
    ),
    Case::new(
        "sqs.message-attributes.custom-types",
        Guide("sqs-message-metadata"),
        "A type may have a label of one's own, which is kept.",
        run!(custom_types),
    ),
    Case::new(
        "sqs.message-attributes.only-on-request",
        Recorded("test_receive_message_message_attribute_names_filters"),
        "Attributes are returned only where the receive asks for them.",
        run!(only_on_request),
    ),
    Case::new(
        "sqs.message-attributes.by-name-and-prefix",
        Recorded("test_receive_message_message_attribute_names_filters"),
        "Attributes can be asked for by name and by prefix, and the MD5 is that of those returned.",
        run!(by_name_and_prefix),
    ),
    Case::new(
        "sqs.message-attributes.by-asterisk",
        Recorded("test_receive_message_message_attribute_names_filters"),
        "An asterisk asks for all attributes.",
        run!(by_asterisk),
    ),
    Case::new(
        "sqs.message-attributes.empty-value",
        Recorded("test_send_message_with_empty_string_attribute"),
        "An empty value is refused, naming the attribute.",
        run!(empty_value),
    ),
    Case::new(
        "sqs.message-attributes.unknown-type",
        Guide("sqs-message-metadata"),
        "A type other than String, Number and Binary is refused.",
        run!(unknown_type),
    ),
    Case::new(
        "sqs.message-attributes.no-number",
        Guide("sqs-message-metadata"),
        "A Number that is none is refused.",
        run!(no_number),
    ),
    Case::new(
        "sqs.message-attributes.reserved-names",
        Guide("sqs-message-metadata"),
        "Names that begin with AWS. or Amazon., in any case, are refused, and so are periods at the ends or in a row.",
        run!(reserved_names),
    ),
    Case::new(
        "sqs.message-attributes.at-most-ten",
        Guide("sqs-message-metadata"),
        "A message may have ten attributes, and not eleven.",
        run!(at_most_ten),
    ),
    Case::new(
        "sqs.system-attributes.all",
        Recorded("test_receive_message_message_system_attribute_names_filters"),
        "All gives SenderId, SentTimestamp, ApproximateReceiveCount and ApproximateFirstReceiveTimestamp.",
        run!(system_all),
    ),
    Case::new(
        "sqs.system-attributes.by-name",
        Recorded("test_receive_message_message_system_attribute_names_filters"),
        "A system attribute that is asked for by name comes alone.",
        run!(system_by_name),
    ),
    Case::new(
        "sqs.system-attributes.by-the-older-parameter",
        Recorded("test_receive_message_attribute_names_filters"),
        "AttributeNames, the older parameter, does the same.",
        run!(system_by_the_older_parameter),
    ),
    Case::new(
        "sqs.system-attributes.none-unless-asked",
        Api("ReceiveMessage"),
        "Without being asked for, no system attribute is returned.",
        run!(system_none_unless_asked),
    ),
    Case::new(
        "sqs.system-attributes.trace-header",
        Recorded("test_aws_trace_header_propagation"),
        "AWSTraceHeader arrives as it was sent, and is no message attribute.",
        run!(trace_header),
    ),
    Case::new(
        "sqs.system-attributes.only-the-trace-header",
        Api("SendMessage"),
        "A sender may set no system attribute but AWSTraceHeader.",
        run!(only_the_trace_header),
    ),
];

/// A text attribute.
pub(super) fn text(data_type: &str, value: &str) -> MessageAttributeValue {
    built(MessageAttributeValue::builder().data_type(data_type).string_value(value))
}

fn bytes(data_type: &str, value: &[u8]) -> MessageAttributeValue {
    built(MessageAttributeValue::builder().data_type(data_type).binary_value(Blob::new(value)))
}

fn built(
    builder: aws_sdk_sqs::types::builders::MessageAttributeValueBuilder,
) -> MessageAttributeValue {
    // Only the data type is required, and it is given.
    builder.build().unwrap_or_else(|_| unreachable!("an attribute has a type"))
}

async fn send_with(
    stand: &Stand,
    url: &str,
    attributes: &[(&str, MessageAttributeValue)],
) -> Result<Option<String>, Problem> {
    let request = stand.sqs.send_message().queue_url(url).message_body("msg");
    let request = attributes.iter().fold(request, |request, (name, attribute)| {
        request.message_attributes(*name, attribute.clone())
    });
    Ok(request.send().await?.md5_of_message_attributes)
}

fn attributes_of(message: &Message) -> BTreeMap<String, MessageAttributeValue> {
    message.message_attributes.clone().unwrap_or_default().into_iter().collect()
}

/// The attributes of the recording, whose digests AWS has computed.
fn recorded() -> [(&'static str, MessageAttributeValue); 3] {
    [
        ("Hello", text("String", "There")),
        ("General", text("String", "Kenobi")),
        ("Help.Me", text("String", "Me")),
    ]
}

async fn text_and_numbers(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let digest = Some("4c360f3fdafd970e05fae2f149d997f5".to_owned());
    let sent = send_with(stand, &url, &recorded()).await?;
    equal("MD5OfMessageAttributes", &sent, &digest)?;
    let received = stand.take_one(&url).await?;
    equal("MD5OfMessageAttributes", &received.md5_of_message_attributes, &digest)?;
    let expected = recorded().map(|(name, value)| (name.to_owned(), value)).into();
    equal("the attributes", &attributes_of(&received), &expected)?;
    // Of a message that a worker Lambda received.
    let with_number = [
        ("Title", text("String", "The Whistler")),
        ("Author", text("String", "John Grisham")),
        ("WeeksOn", text("Number", "6")),
    ];
    let sent = send_with(stand, &url, &with_number).await?;
    let digest = Some("d25a6aea97eb8f585bfa92d314504a92".to_owned());
    equal("MD5OfMessageAttributes", &sent, &digest)
}

async fn binary(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let value = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01";
    let sent = send_with(stand, &url, &[("attr1", bytes("Binary", value))]).await?;
    let digest = Some("8cbe4db156db8a94db8b801b7addb984".to_owned());
    equal("MD5OfMessageAttributes", &sent, &digest)?;
    let received = stand.take_one(&url).await?;
    equal("MD5OfMessageAttributes", &received.md5_of_message_attributes, &digest)?;
    let expected = BTreeMap::from([("attr1".to_owned(), bytes("Binary", value))]);
    equal("the attributes", &attributes_of(&received), &expected)
}

async fn custom_types(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let attributes = [
        ("a", text("Number.int", "42")),
        ("b", text("String.colour", "blue")),
        ("c", bytes("Binary.png", &[0, 255])),
    ];
    send_with(stand, &url, &attributes).await?;
    let expected = attributes.map(|(name, value)| (name.to_owned(), value)).into();
    equal("the attributes", &attributes_of(&stand.take_one(&url).await?), &expected)
}

/// Sends the attributes of the recording, and receives them by names, which leaves the message visible.
async fn received_by(stand: &Stand, url: &str, names: &[&str]) -> Result<Message, Problem> {
    let receive = || {
        let request = stand.sqs.receive_message().queue_url(url).wait_time_seconds(4);
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        request.visibility_timeout(0).set_message_attribute_names(Some(names))
    };
    let message = stand.take_by(1, receive).await?.pop();
    message.ok_or_else(|| Problem::deviation("a message", "none"))
}

async fn only_on_request(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    send_with(stand, &url, &recorded()).await?;
    for names in [[].as_slice(), &["Foo"]] {
        let received = received_by(stand, &url, names).await?;
        equal("how many attributes:", &attributes_of(&received).len(), &0)?;
        equal("MD5OfMessageAttributes", &received.md5_of_message_attributes, &None)?;
    }
    Ok(())
}

async fn by_asterisk(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    send_with(stand, &url, &recorded()).await?;
    let received = received_by(stand, &url, &["*"]).await?;
    let attributes = attributes_of(&received);
    let names: Vec<&str> = attributes.keys().map(String::as_str).collect();
    equal("the attributes", &names, &vec!["General", "Hello", "Help.Me"])?;
    let digest = Some("4c360f3fdafd970e05fae2f149d997f5");
    equal("MD5OfMessageAttributes", &received.md5_of_message_attributes.as_deref(), &digest)
}

async fn by_name_and_prefix(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    send_with(stand, &url, &recorded()).await?;
    for (names, found, digest) in [
        (
            ["All"].as_slice(),
            ["General", "Hello", "Help.Me"].as_slice(),
            "4c360f3fdafd970e05fae2f149d997f5",
        ),
        (&[".*"], &["General", "Hello", "Help.Me"], "4c360f3fdafd970e05fae2f149d997f5"),
        (&["Hello", "General"], &["General", "Hello"], "fca026605781cb4126a1e9044df24232"),
        (&["Foo", "Hello"], &["Hello"], "a311262e065454b75da111d535b8dacd"),
        (&["Hel.*"], &["Hello", "Help.Me"], "83fee93c1bcd8b9a5a923ffacdc636c7"),
    ] {
        let received = received_by(stand, &url, names).await?;
        let attributes = attributes_of(&received);
        let names: Vec<&str> = attributes.keys().map(String::as_str).collect();
        equal("the attributes", &names, &found.to_vec())?;
        equal(
            "MD5OfMessageAttributes",
            &received.md5_of_message_attributes.as_deref(),
            &Some(digest),
        )?;
    }
    Ok(())
}

/// A send with one attribute.
async fn refuses(stand: &Stand, url: &str, name: &str, value: MessageAttributeValue) -> Verdict {
    let request = stand.sqs.send_message().queue_url(url).message_body("x");
    refused(request.message_attributes(name, value).send().await, INVALID_PARAMETER)
}

async fn empty_value(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let request = stand.sqs.send_message().queue_url(&url).message_body("x");
    refused_saying(
        request.message_attributes("ErrorDetails", text("String", "")).send().await,
        INVALID_PARAMETER,
        "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'.",
    )
}

async fn unknown_type(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    for data_type in ["Text", "string", "Numbers"] {
        refuses(stand, &url, "a", text(data_type, "1")).await?;
    }
    Ok(())
}

async fn no_number(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    refuses(stand, &url, "a", text("Number", "one")).await?;
    refuses(stand, &url, "a", text("Number.int", "1,5")).await
}

async fn reserved_names(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    for name in ["AWS.a", "aws.a", "Amazon.a", ".a", "a.", "a..b", "a b"] {
        refuses(stand, &url, name, text("String", "x")).await?;
    }
    Ok(())
}

async fn at_most_ten(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let send = |count: usize| {
        let request = stand.sqs.send_message().queue_url(&url).message_body("x");
        (0..count).fold(request, |request, number| {
            request.message_attributes(format!("a{number}"), text("String", "x"))
        })
    };
    send(10).send().await?;
    refused(send(11).send().await, INVALID_PARAMETER)
}

const ALWAYS: [&str; 4] =
    ["ApproximateFirstReceiveTimestamp", "ApproximateReceiveCount", "SenderId", "SentTimestamp"];

fn system_names(message: &Message) -> Vec<&str> {
    let attributes = message.attributes.iter().flatten();
    let mut names: Vec<&str> = attributes.map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names
}

async fn system_all(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    stand.send(&url, "msg").await?;
    let received = stand.take_one(&url).await?;
    equal("the attributes", &system_names(&received), &ALWAYS.to_vec())?;
    has_system(&received, "ApproximateReceiveCount", Some("1"))?;
    let sent = some_system(&received, "SentTimestamp")?;
    let first = some_system(&received, "ApproximateFirstReceiveTimestamp")?;
    // Milliseconds since the epoch have 13 digits until the year 2286.
    ensure(
        sent.len() == 13 && first.len() == 13 && sent <= first,
        "milliseconds, in order",
        format!("{sent} and {first}"),
    )
}

async fn system_by_name(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    stand.send(&url, "msg").await?;
    let receive = || {
        let request = stand.sqs.receive_message().queue_url(&url).wait_time_seconds(4);
        request.message_system_attribute_names(MessageSystemAttributeName::SenderId)
    };
    let received = stand.take_by(1, receive).await?;
    equal("the attributes", &received.first().map(system_names), &Some(vec!["SenderId"]))
}

async fn system_by_the_older_parameter(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    stand.send(&url, "msg").await?;
    #[expect(deprecated, reason = "older clients still use it, and this is about them")]
    let receive = || {
        let request = stand.sqs.receive_message().queue_url(&url).wait_time_seconds(4);
        request.attribute_names(QueueAttributeName::All)
    };
    let received = stand.take_by(1, receive).await?;
    equal("the attributes", &received.first().map(system_names), &Some(ALWAYS.to_vec()))
}

async fn system_none_unless_asked(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    stand.send(&url, "msg").await?;
    let receive = || stand.sqs.receive_message().queue_url(&url).wait_time_seconds(4);
    let received = stand.take_by(1, receive).await?;
    equal("the attributes", &received.first().map(system_names), &Some(Vec::new()))
}

fn trace(value: &str) -> MessageSystemAttributeValue {
    let builder = MessageSystemAttributeValue::builder().data_type("String").string_value(value);
    // Only the data type is required, and it is given.
    builder.build().unwrap_or_else(|_| unreachable!("an attribute has a type"))
}

async fn trace_header(stand: &Stand) -> Verdict {
    const HEADER: &str =
        "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1";
    let url = stand.queue(&[]).await?;
    let request = stand.sqs.send_message().queue_url(&url).message_body("test");
    let name = MessageSystemAttributeNameForSends::AwsTraceHeader;
    let sent = request.message_system_attributes(name, trace(HEADER)).send().await?;
    equal("MD5OfMessageAttributes", &sent.md5_of_message_attributes, &None)?;
    let received = stand.take_one(&url).await?;
    has_system(&received, "AWSTraceHeader", Some(HEADER))?;
    equal("how many message attributes:", &attributes_of(&received).len(), &0)
}

async fn only_the_trace_header(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let request = stand.sqs.send_message().queue_url(&url).message_body("x");
    let name = MessageSystemAttributeNameForSends::from("SenderId");
    let answer = request.message_system_attributes(name, trace("me")).send().await;
    refused(answer, INVALID_PARAMETER)
}
