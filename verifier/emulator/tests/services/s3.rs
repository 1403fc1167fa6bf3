//! The site's bucket, as a client of S3 reads and fills it, and the distribution's invalidations.

use std::time::Duration;

use crate::support::{SIGNED, Stand};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

fn site() -> Value {
    let origin = json!({"Id": "o", "DomainName": {"Fn::GetAtt": ["Bucket", "RegionalDomainName"]}});
    let deployment = |metadata: Value| json!({"Type": "Custom::CDKBucketDeployment", "Metadata": metadata, "Properties": {"DestinationBucketName": {"Ref": "Bucket"}}});
    json!({
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "the-page"}},
        "Distribution": {"Type": "AWS::CloudFront::Distribution", "Properties": {"DistributionConfig": {
            "Origins": [origin], "DefaultRootObject": "index.html",
        }}},
        "Files": deployment(json!({"verifier:directory": "site"})),
        "Config": deployment(json!({"verifier:files": {"config.js": "let url = 1;"}})),
    })
}

async fn get(stand: &Stand, path: &str) -> (u16, HeaderMap, String) {
    let http = verifier_aws::plain_http_client().expect("a client");
    let url = format!("{}{path}", stand.sdk.endpoint_url().expect("a URL"));
    let response = http.get(url).header("authorization", SIGNED).send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, headers, response.text().await.expect("a body"))
}

/// What stands between each pair of these tags.
fn values(xml: &str, tag: &str) -> Vec<String> {
    let (start, end) = (format!("<{tag}>"), format!("</{tag}>"));
    let parts = xml.split(&start).skip(1);
    parts.filter_map(|part| Some(part.split_once(&end)?.0.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_read_with_their_type_and_what_is_missing_is_said_to_be() {
    let stand = Stand::start(site()).await;
    let (status, headers, body) = get(&stand, "/the-page/config.js").await;
    assert_eq!((status, body.as_str()), (200, "let url = 1;"));
    assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
    assert!(headers.contains_key("etag") && headers.contains_key("last-modified"));
    stand.pass(Duration::from_hours(1)).await;
    let later = get(&stand, "/the-page/config.js").await.1;
    assert_eq!(later["last-modified"], headers["last-modified"]);
    assert!(get(&stand, "/the-page/assets/app.js").await.2.contains("title"));
    for path in ["/the-page/missing.js", "/the-page/..%2Fs3.rs"] {
        let (status, _, body) = get(&stand, path).await;
        assert_eq!((status, values(&body, "Code")), (404, vec!["NoSuchKey".to_owned()]), "{path}");
    }
    let http = verifier_aws::plain_http_client().expect("a client");
    let url = format!("{}/the-page/config.js", stand.emulator.endpoint());
    let head = http.head(&url).header("authorization", SIGNED).send().await.expect("an answer");
    assert_eq!(
        (head.status().as_u16(), &head.headers()["content-length"]),
        (200, &"12".parse().expect("a value"))
    );
    let by_host = http.get(format!("{}/config.js", stand.emulator.endpoint()));
    let by_host = by_host.header("host", "the-page.localhost").header("authorization", SIGNED);
    let by_host = by_host.send().await;
    assert_eq!(by_host.expect("an answer").status().as_u16(), 200);
    let other_bucket = get(&stand, "/another-page/config.js").await;
    assert_eq!(other_bucket.0, 404);
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_have_prefixes_and_pages() {
    let stand = Stand::start(site()).await;
    let (status, _, all) = get(&stand, "/the-page?list-type=2").await;
    assert_eq!(status, 200);
    assert_eq!(values(&all, "Key"), ["assets/app.js", "config.js", "index.html"]);
    assert_eq!(values(&all, "IsTruncated"), ["false"]);
    let (_, _, top) = get(&stand, "/the-page?list-type=2&delimiter=%2F&prefix=").await;
    assert_eq!(values(&top, "Key"), ["config.js", "index.html"]);
    assert!(top.contains("<CommonPrefixes><Prefix>assets/</Prefix></CommonPrefixes>"), "{top}");
    let (_, _, below) = get(&stand, "/the-page?list-type=2&delimiter=%2F&prefix=assets%2F").await;
    assert_eq!(values(&below, "Key"), ["assets/app.js"]);
    assert!(!below.contains("<CommonPrefixes>"), "{below}");
    let mut keys = Vec::new();
    let mut token = String::new();
    for _ in 0..3 {
        let path = format!("/the-page?list-type=2&max-keys=1&continuation-token={token}");
        let (_, _, page) = get(&stand, &path).await;
        keys.extend(values(&page, "Key"));
        token = values(&page, "NextContinuationToken").pop().unwrap_or_default();
    }
    assert_eq!(keys, ["assets/app.js", "config.js", "index.html"]);
    assert_eq!(token, "", "the last page has no token");
    assert_eq!(get(&stand, "/the-page?location").await.0, 501);
    stand.emulator.shut_down().await;
}

/// Signs for a service as far as the emulator looks.
fn signed(request: reqwest::RequestBuilder, service: &str) -> reqwest::RequestBuilder {
    let scope = format!("AKIAOTHER/20260101/us-local-1/{service}/aws4_request");
    let signature = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
    request.header("authorization", signature)
}

async fn asked(request: reqwest::RequestBuilder, service: &str) -> (u16, HeaderMap, String) {
    let response = signed(request, service).send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, headers, response.text().await.expect("a body"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_at_most_1024_bytes() {
    let stand = Stand::start(site()).await;
    let http = verifier_aws::plain_http_client().expect("a client");
    for (length, status) in [(1024, 200), (1025, 400)] {
        let key = "k".repeat(length);
        let url = format!("{}/the-page/{key}", stand.emulator.endpoint());
        let (answered, _, body) = asked(http.put(url).body("x"), "s3").await;
        assert_eq!(answered, status, "{body}");
        let code = values(&body, "Code").pop();
        assert_eq!(code.as_deref(), (status == 400).then_some("KeyTooLongError"));
    }
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_lies_on_top_of_what_was_deployed_and_can_be_deleted() {
    let stand = Stand::start(site()).await;
    let http = verifier_aws::plain_http_client().expect("a client");
    let endpoint = stand.emulator.endpoint();
    let url = format!("{endpoint}/the-page/config.js");
    // What it says is nobody's request.
    let config = "Action=DeleteStack&Version=2010-05-15";
    let put = http.put(&url).header("content-type", "application/javascript").body(config);
    let (status, headers, body) = asked(put, "s3").await;
    assert_eq!((status, body.as_str()), (200, ""));
    assert!(headers.contains_key("etag") && !headers.contains_key("content-type"));
    let page = format!("{}/config.js?pr=7", endpoint.replace("127.0.0.1", "localhost"));
    let shown = http.get(page).send().await.expect("an answer");
    assert_eq!(shown.headers()["content-type"], "application/javascript");
    assert_eq!(shown.text().await.expect("a body"), config);
    let (_, headers, body) = asked(http.get(&url), "s3").await;
    assert_eq!(
        (&headers["content-type"], body.as_str()),
        (&"application/javascript".parse().expect("a value"), config)
    );
    let (_, _, listing) = asked(http.get(format!("{endpoint}/the-page?list-type=2")), "s3").await;
    assert_eq!(values(&listing, "Key"), ["assets/app.js", "config.js", "index.html"]);
    assert_eq!(values(&listing, "Size")[1], config.len().to_string());
    let broken = http.put(&url).header("content-md5", "AAAA").body("other");
    let (status, _, body) = asked(broken, "s3").await;
    assert_eq!((status, values(&body, "Code")), (400, vec!["BadDigest".to_owned()]));
    assert_eq!(asked(http.get(&url), "s3").await.2, config);
    assert_eq!(asked(http.delete(&url), "s3").await.0, 204);
    assert_eq!(asked(http.get(&url), "s3").await.0, 404);
    let (_, _, listing) = asked(http.get(format!("{endpoint}/the-page?list-type=2")), "s3").await;
    assert_eq!(values(&listing, "Key"), ["assets/app.js", "index.html"]);
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_are_listed_and_others_do_not_exist() {
    let stand = Stand::start(site()).await;
    let http = verifier_aws::plain_http_client().expect("a client");
    let endpoint = stand.emulator.endpoint();
    let (status, _, body) = asked(http.get(format!("{endpoint}/")), "s3").await;
    assert_eq!((status, values(&body, "Name")), (200, vec!["the-page".to_owned()]));
    assert_eq!(asked(http.head(format!("{endpoint}/the-page")), "s3").await.0, 200);
    let (status, _, body) = asked(http.put(format!("{endpoint}/other/key")).body("x"), "s3").await;
    assert_eq!((status, values(&body, "Code")), (404, vec!["NoSuchBucket".to_owned()]));
    let by_host = http.put(format!("{endpoint}/a/b.txt")).header("host", "the-page.localhost:1");
    assert_eq!(asked(by_host.body("x"), "s3").await.0, 200);
    assert_eq!(asked(http.get(format!("{endpoint}/the-page/a/b.txt")), "s3").await.2, "x");
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalidation_is_created_for_a_distribution_of_the_stack() {
    let stand = Stand::start(site()).await;
    let http = verifier_aws::plain_http_client().expect("a client");
    let stack = stand.emulator.stack();
    let id = stack.resources.iter().find(|each| each.logical_id == "Distribution");
    let id = &id.expect("a distribution").physical_id;
    let url = |id: &str| {
        format!("{}/2020-05-31/distribution/{id}/invalidation", stand.emulator.endpoint())
    };
    let batch = "<InvalidationBatch><Paths><Quantity>1</Quantity><Items><Path>/config.js</Path></Items></Paths><CallerReference>c</CallerReference></InvalidationBatch>";
    let (status, headers, body) = asked(http.post(url(id)).body(batch), "cloudfront").await;
    assert_eq!((status, values(&body, "Status")), (201, vec!["InProgress".to_owned()]));
    assert!(headers["location"].to_str().expect("text").ends_with(&values(&body, "Id")[0]));
    let created = format!("{}/{}", url(id), values(&body, "Id")[0]);
    let (status, _, body) = asked(http.get(created), "cloudfront").await;
    assert_eq!((status, values(&body, "Status")), (200, vec!["Completed".to_owned()]));
    let (status, _, body) = asked(http.post(url("EOTHER")).body(batch), "cloudfront").await;
    assert_eq!((status, values(&body, "Code")), (404, vec!["NoSuchDistribution".to_owned()]));
    stand.emulator.shut_down().await;
}
