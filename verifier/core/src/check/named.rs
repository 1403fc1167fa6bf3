//! Which job a text or an id names.

/// The job that a text names, wherever in it and however it is wrapped. An id that is the beginning of a longer one is not
/// named by that.
pub(super) fn job_named<'a>(text: &str, job_ids: &[&'a str]) -> Option<&'a str> {
    let is_end = |next: char| !next.is_ascii_alphanumeric() && next != '-';
    job_ids.iter().copied().find(|id| is_in(text, id, is_end))
}

/// The job that an id is, or is made of: `mail-JOB`, `JOB.mail`, `JOB-2`. Where the ids of several jobs are in it, the longest is
/// what it is made of: that of one job may be the beginning of another's.
pub fn job_of_id<'a>(id: &str, job_ids: &[&'a str]) -> Option<&'a str> {
    let is_end = |next: char| !next.is_ascii_alphanumeric();
    let named = job_ids.iter().copied().filter(|job_id| is_in(id, job_id, is_end));
    named.max_by_key(|job_id| job_id.len())
}

/// Whether an id is in a text, and ends there.
fn is_in(text: &str, id: &str, is_end: impl Fn(char) -> bool) -> bool {
    !id.is_empty()
        && text
            .match_indices(id)
            .any(|(at, _)| text[at + id.len()..].chars().next().is_none_or(&is_end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_named_by_its_whole_id_wherever_it_is() {
        let ids = ["vrf-1-2-good-1", "vrf-1-2-good-10"];
        for (text, named) in [
            (r#"{"jobId":"vrf-1-2-good-1"}"#, Some("vrf-1-2-good-1")),
            (r#"{"jobId":"vrf-1-2-good-10"}"#, Some("vrf-1-2-good-10")),
            (r#"{"wrapped":"{\"jobId\":\"vrf-1-2-good-1\"}"}"#, Some("vrf-1-2-good-1")),
            ("vrf-1-2-good-1", Some("vrf-1-2-good-1")),
            ("vrf-1-2-good-1-x", None),
            ("vrf-1-2-good", None),
        ] {
            assert_eq!(job_named(text, &ids), named, "{text}");
        }
    }

    #[test]
    fn an_id_is_made_of_the_longest_job_id_in_it_wherever_that_is() {
        let ids = ["vrf-1-2-good-1", "vrf-1-2-good-10", "vrf-1-2-failing", "vrf-1-2-failing-2"];
        for (id, of) in [
            ("vrf-1-2-good-1", Some("vrf-1-2-good-1")),
            ("vrf-1-2-good-1.mail", Some("vrf-1-2-good-1")),
            ("vrf-1-2-good-1/mail", Some("vrf-1-2-good-1")),
            ("vrf-1-2-good-1-2", Some("vrf-1-2-good-1")),
            ("vrf-1-2-good-10_mail", Some("vrf-1-2-good-10")),
            ("mail-vrf-1-2-good-10", Some("vrf-1-2-good-10")),
            ("mail:vrf-1-2-good-1:2", Some("vrf-1-2-good-1")),
            ("vrf-1-2-failing-2-mail", Some("vrf-1-2-failing-2")),
            ("vrf-1-2-failing-mail", Some("vrf-1-2-failing")),
            ("vrf-1-2-good-11", None),
            ("vrf-1-2-good", None),
            ("vrf-1-3-good-1.mail", None),
        ] {
            assert_eq!(job_of_id(id, &ids), of, "{id}");
        }
        assert_eq!(job_of_id("mail", &[""]), None);
    }
}
